use std::time::Duration;

use bytes::{Buf, Bytes};
use ipchannel_core::frame::{Control, Credit, Data, Fact, Frame, Presence, Seq, Welcome};
use ipchannel_core::{
    CallId, CodecId, Endpoint, Envelope, Headers, Identity, Kind, Lineage, Member, Outcome, Payload, PeerRef, Target,
    Term,
};

use super::encode::{ACK, BEAT, BYE, DATA, REDELIVERED, ROSTER, SUPERSEDED, TTL};
use super::names::Names;
use super::take::Take;
use crate::wire::Malformed;

/// Reads the frames of one connection.
pub(super) struct Decoder {
    target: Target,
    names: Names,
}

impl Decoder {
    /// Envelopes get this target.
    pub(super) fn new(target: Target) -> Self {
        Decoder { target, names: Names::default() }
    }

    /// Reads a frame without its length.
    pub(super) fn frame(&mut self, body: Bytes) -> Result<Frame, Malformed> {
        let mut take = Take::new(&body);
        let frame = match take.u8()? {
            DATA => return self.data(body),
            ACK => Frame::Ack(welcome(&mut take)?),
            ROSTER => Frame::Control(roster(&mut take)?),
            BEAT => {
                let (term, host) = reign(&mut take)?;
                Frame::Control(Control::Beat { term, host })
            }
            SUPERSEDED => {
                let (term, host) = reign(&mut take)?;
                Frame::Control(Control::Superseded { term, host })
            }
            BYE => Frame::Bye(Seq(take.u64()?)),
            kind => return Err(unknown("kind of frame", kind)),
        };
        take.end()?;
        Ok(frame)
    }

    fn data(&mut self, mut body: Bytes) -> Result<Frame, Malformed> {
        let mut take = Take::new(&body);
        take.u8()?;
        let seq = Seq(take.u64()?);
        let flags = take.u8()?;
        if flags & !(REDELIVERED | TTL) != 0 {
            return Err(unknown("set of flags", flags));
        }
        let ttl = match flags & TTL {
            0 => None,
            _ => Some(Duration::from_millis(take.u64()?)),
        };
        let kind = kind(&mut take)?;
        let event = self.names.get(take.unchecked_text()?)?;
        let mut headers = Headers::new();
        for _ in 0..take.u32()? {
            let name = self.names.get(take.unchecked_text()?)?;
            headers.append(name, take.bytes()?);
        }
        let codec = CodecId(take.u8()?);
        let head = take.position();
        body.advance(head);
        let payload = Payload { codec, data: body };
        let envelope = Envelope { kind, headers, ..Envelope::new(self.target, event, payload) };
        Ok(Frame::Data(Data { seq, redelivered: flags & REDELIVERED != 0, ttl, envelope }))
    }
}

fn kind(take: &mut Take<'_>) -> Result<Kind, Malformed> {
    let kind = take.u8()?;
    if kind == 0 {
        return Ok(Kind::Message);
    }
    let call = CallId(take.u64()?);
    match kind {
        1 => Ok(Kind::Request(call)),
        2 => Ok(Kind::Reply(call, Outcome::Answered)),
        3 => Ok(Kind::Reply(call, Outcome::Failed)),
        4 => Ok(Kind::Reply(call, Outcome::Unhandled)),
        _ => Err(unknown("kind of message", kind)),
    }
}

pub(super) fn welcome(take: &mut Take<'_>) -> Result<Welcome, Malformed> {
    Ok(Welcome { cursor: Seq(take.u64()?), credit: Credit { messages: take.u32()?, bytes: take.u64()? } })
}

fn reign(take: &mut Take<'_>) -> Result<(Term, PeerRef), Malformed> {
    Ok((Term(take.u64()?), take.peer()?))
}

fn roster(take: &mut Take<'_>) -> Result<Control, Malformed> {
    let (term, host) = reign(take)?;
    let count = take.u32()?;
    // Nothing is reserved for a count: it is only what somebody says.
    let facts = (0..count).map(|_| fact(take)).collect::<Result<_, _>>()?;
    Ok(Control::Roster { term, host, facts })
}

fn fact(take: &mut Take<'_>) -> Result<Fact, Malformed> {
    let presence = match take.u8()? {
        0 => Presence::Here,
        1 => Presence::Left,
        2 => Presence::Died,
        other => return Err(unknown("presence", other)),
    };
    let peer = take.peer()?;
    let lineage = Lineage::from_text(take.text()?);
    let identity = match take.u8()? {
        0 => None,
        1 => Some(Identity::new(take.text()?)),
        other => return Err(unknown("yes or no", other)),
    };
    let endpoint = Endpoint::parse(take.text()?).ok_or(Malformed::Endpoint)?;
    Ok(Fact { member: Member { peer, lineage, identity, endpoint, pid: take.u32()? }, presence })
}

pub(super) fn unknown(what: &'static str, value: u8) -> Malformed {
    Malformed::Unknown { what, value: value.into() }
}
