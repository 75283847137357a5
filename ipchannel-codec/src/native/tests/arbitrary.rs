//! Frames of every form, from a seed.

use std::time::Duration;

use fastrand::Rng;
use ipchannel_core::frame::{Control, Credit, Data, Fact, Frame, Hello, Origin, Presence, Purpose, Seq, Welcome};
use ipchannel_core::{
    CallId, CodecId, Endpoint, Envelope, Identity, Incarnation, Kind, Lineage, Member, Outcome, Payload, PeerId,
    PeerRef, Term,
};

use super::HERE;

pub(super) fn frame(random: &mut Rng) -> Frame {
    match random.u8(..8) {
        0..4 => Frame::Data(data(random)),
        4 => Frame::Ack(welcome(random)),
        5 | 6 => Frame::Control(control(random)),
        _ => Frame::Bye(Seq(number(random))),
    }
}

pub(super) fn hello(random: &mut Rng) -> Hello {
    Hello {
        version: random.u16(..),
        channel: text(random, 100),
        from: if random.bool() { Origin::Member(peer(random)) } else { Origin::Guest(number(random)) },
        to: peer(random),
        attempt: number(random),
        purpose: if random.bool() { Purpose::Link } else { Purpose::Probe },
    }
}

pub(super) fn welcome(random: &mut Rng) -> Welcome {
    Welcome { cursor: Seq(number(random)), credit: Credit { messages: number(random) as u32, bytes: number(random) } }
}

fn data(random: &mut Rng) -> Data {
    let call = CallId(number(random));
    let codec = CodecId(random.u8(..));
    let payload = Payload { codec, data: bytes(random, 300).into() };
    let mut envelope = Envelope::new(HERE, text(random, 30), payload);
    envelope.kind = match random.u8(..5) {
        0 => Kind::Message,
        1 => Kind::Request(call),
        2 => Kind::Reply(call, Outcome::Answered),
        3 => Kind::Reply(call, Outcome::Failed),
        _ => Kind::Reply(call, Outcome::Unhandled),
    };
    for _ in 0..random.usize(..4) {
        envelope.headers.append(text(random, 10), bytes(random, 20));
    }
    let ttl = random.bool().then(|| Duration::from_millis(number(random)));
    Data { seq: Seq(number(random)), redelivered: random.bool(), ttl, envelope }
}

fn control(random: &mut Rng) -> Control {
    let (term, host) = (Term(number(random)), peer(random));
    match random.u8(..3) {
        0 => Control::Roster { term, host, facts: (0..random.usize(..6)).map(|_| fact(random)).collect() },
        1 => Control::Beat { term, host },
        _ => Control::Superseded { term, host },
    }
}

fn fact(random: &mut Rng) -> Fact {
    Fact {
        member: Member {
            peer: peer(random),
            lineage: Lineage::from_text(text(random, 40)),
            identity: random.bool().then(|| Identity::new(text(random, 12))),
            endpoint: Endpoint::new("uds", &text(random, 50)),
            pid: number(random) as u32,
        },
        presence: *random.choice([&Presence::Here, &Presence::Left, &Presence::Died]).unwrap(),
    }
}

fn peer(random: &mut Rng) -> PeerRef {
    let id = PeerId::new((number(random) as u32).max(1)).unwrap();
    PeerRef { id, incarnation: Incarnation(number(random)) }
}

/// Small and large ones alike.
fn number(random: &mut Rng) -> u64 {
    random.u64(..) >> random.u32(..64)
}

fn text(random: &mut Rng, longest: usize) -> String {
    let length = random.usize(..longest);
    (0..length).map(|_| random.char(..)).collect()
}

fn bytes(random: &mut Rng, longest: usize) -> Vec<u8> {
    let length = random.usize(..longest);
    (0..length).map(|_| random.u8(..)).collect()
}
