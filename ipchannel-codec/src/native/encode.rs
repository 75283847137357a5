use std::time::Duration;

use bytes::{BufMut, Bytes};
use ipchannel_core::frame::{Control, Data, Fact, Frame, Presence, Welcome};
use ipchannel_core::{Kind, Outcome, PeerRef, Term};

pub(super) const DATA: u8 = 1;
pub(super) const ACK: u8 = 2;
pub(super) const ROSTER: u8 = 3;
pub(super) const BEAT: u8 = 4;
pub(super) const SUPERSEDED: u8 = 5;
pub(super) const BYE: u8 = 6;

pub(super) const REDELIVERED: u8 = 1;
pub(super) const TTL: u8 = 2;

/// Appends a frame without its length. What is returned belongs to its end and is still to be written: payloads are not
/// copied here.
pub(super) fn frame<'f>(out: &mut Vec<u8>, frame: &'f Frame) -> Option<&'f Bytes> {
    match frame {
        Frame::Data(data) => {
            out.put_u8(DATA);
            head(out, data);
            return Some(&data.envelope.payload.data);
        }
        Frame::Ack(ack) => {
            out.put_u8(ACK);
            welcome(out, ack);
        }
        Frame::Control(control) => self::control(out, control),
        Frame::Bye(seq) => {
            out.put_u8(BYE);
            out.put_u64(seq.0);
        }
    }
    None
}

fn head(out: &mut Vec<u8>, data: &Data) {
    let envelope = &data.envelope;
    out.put_u64(data.seq.0);
    let redelivered = if data.redelivered { REDELIVERED } else { 0 };
    let ttl = if data.ttl.is_some() { TTL } else { 0 };
    out.put_u8(redelivered | ttl);
    if let Some(ttl) = data.ttl {
        out.put_u64(millis(ttl));
    }
    let (kind, call) = match envelope.kind {
        Kind::Message => (0, None),
        Kind::Request(call) => (1, Some(call)),
        Kind::Reply(call, Outcome::Answered) => (2, Some(call)),
        Kind::Reply(call, Outcome::Failed) => (3, Some(call)),
        Kind::Reply(call, Outcome::Unhandled) => (4, Some(call)),
    };
    out.put_u8(kind);
    if let Some(call) = call {
        out.put_u64(call.0);
    }
    text(out, &envelope.event);
    count(out, envelope.headers.len());
    for (name, value) in envelope.headers.iter() {
        text(out, name);
        bytes(out, value);
    }
    out.put_u8(envelope.payload.codec.0);
}

/// Rounded up: what has a moment to live is not dead on arrival.
fn millis(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

fn control(out: &mut Vec<u8>, control: &Control) {
    match control {
        Control::Roster { term, host, facts } => {
            reign(out, ROSTER, *term, *host);
            count(out, facts.len());
            for fact in facts {
                self::fact(out, fact);
            }
        }
        Control::Beat { term, host } => reign(out, BEAT, *term, *host),
        Control::Superseded { term, host } => reign(out, SUPERSEDED, *term, *host),
    }
}

fn reign(out: &mut Vec<u8>, kind: u8, term: Term, host: PeerRef) {
    out.put_u8(kind);
    out.put_u64(term.0);
    peer(out, host);
}

fn fact(out: &mut Vec<u8>, Fact { member, presence }: &Fact) {
    out.put_u8(match presence {
        Presence::Here => 0,
        Presence::Left => 1,
        Presence::Died => 2,
    });
    peer(out, member.peer);
    text(out, member.lineage.as_str());
    out.put_u8(member.identity.is_some().into());
    if let Some(identity) = &member.identity {
        text(out, identity.as_str());
    }
    text(out, &member.endpoint.to_string());
    out.put_u32(member.pid);
}

pub(super) fn welcome(out: &mut Vec<u8>, welcome: &Welcome) {
    out.put_u64(welcome.cursor.0);
    out.put_u32(welcome.credit.messages);
    out.put_u64(welcome.credit.bytes);
}

pub(super) fn peer(out: &mut Vec<u8>, peer: PeerRef) {
    out.put_u32(peer.id.get());
    out.put_u64(peer.incarnation.0);
}

pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    bytes(out, text.as_bytes());
}

fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    count(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// Saturates: whatever is that large is above the limit of a frame, and thrown away once it is encoded.
fn count(out: &mut Vec<u8>, count: usize) {
    out.put_u32(u32::try_from(count).unwrap_or(u32::MAX));
}
