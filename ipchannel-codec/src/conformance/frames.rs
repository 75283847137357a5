use std::time::Duration;

use ipchannel_core::frame::{Control, Data, Fact, Frame, Hello, Origin, PROTOCOL_VERSION, Presence, Purpose, Seq};
use ipchannel_core::{
    CallId, CodecId, Endpoint, Envelope, Identity, Incarnation, Kind, Lineage, Member, Outcome, Payload, PeerId,
    PeerRef, Target, Term,
};

use super::script::welcome;

fn peer(id: u32, incarnation: u64) -> PeerRef {
    PeerRef { id: PeerId::new(id).unwrap_or(PeerId::FIRST), incarnation: Incarnation(incarnation) }
}

pub(super) fn hello() -> Hello {
    Hello {
        version: PROTOCOL_VERSION,
        channel: "jobs".to_owned(),
        from: Origin::Member(peer(2, 5)),
        to: peer(1, 9),
        attempt: 3,
        purpose: Purpose::Link,
    }
}

/// All forms that a hello has.
pub(super) fn hellos() -> Vec<Hello> {
    let guest = Hello { from: Origin::Guest(u64::MAX), channel: String::new(), ..hello() };
    let probe = Hello { purpose: Purpose::Probe, channel: "größer ☃".repeat(20), attempt: u64::MAX, ..hello() };
    vec![hello(), guest, probe]
}

/// Messages 1 to `count` of all kinds, small and large.
pub(super) fn data(count: u64) -> Vec<Frame> {
    (1..=count).map(message).collect()
}

/// What only this end says, mixed with what both say.
pub(super) fn from_the_dialling_end(count: u64) -> Vec<Frame> {
    let all = data(count).into_iter().zip(1_usize..);
    all.flat_map(|(frame, n)| [Some(frame), n.is_multiple_of(7).then(|| control(n))].into_iter().flatten()).collect()
}

/// What only this end says, mixed with what both say.
pub(super) fn from_the_accepting_end(count: u64) -> Vec<Frame> {
    (1..).zip(1..=count).flat_map(|(n, cursor)| [Frame::Ack(welcome(Seq(cursor))), control(n)]).collect()
}

fn message(seq: u64) -> Frame {
    let size = match seq % 50 {
        0 => 40_000,
        n => n * n % 97 * 3,
    };
    let call = CallId(u64::MAX - seq);
    let data: Vec<u8> = (0..size).map(|n| (n + seq) as u8).collect();
    let payload = Payload { codec: CodecId(seq as u8), data: data.into() };
    let mut envelope = Envelope::new(Target::Member(hello().to), format!("event-{}", seq % 20), payload);
    envelope.kind = match seq % 5 {
        0 => Kind::Message,
        1 => Kind::Request(call),
        2 => Kind::Reply(call, Outcome::Answered),
        3 => Kind::Reply(call, Outcome::Failed),
        _ => Kind::Reply(call, Outcome::Unhandled),
    };
    for n in 0..seq % 4 {
        envelope.headers.append(format!("header-{}", n % 2), vec![n as u8; n as usize * 10]);
    }
    let ttl = seq.is_multiple_of(3).then(|| Duration::from_millis(seq * 1500));
    Frame::Data(Data { seq: Seq(seq), redelivered: seq.is_multiple_of(11), ttl, envelope })
}

fn control(n: usize) -> Frame {
    let (term, host) = (Term(n as u64), peer(3, u64::MAX));
    Frame::Control(match n % 3 {
        0 => Control::Beat { term, host },
        1 => Control::Superseded { term, host },
        _ => Control::Roster { term, host, facts: (0..n % 10).map(fact).collect() },
    })
}

fn fact(n: usize) -> Fact {
    let identity = n.is_multiple_of(2).then(|| Identity::new(format!("worker-{n}")));
    Fact {
        member: Member {
            peer: peer(n as u32 + 1, n as u64),
            lineage: identity.as_ref().map_or_else(|| Lineage::of_executable("/bin/x"), Lineage::of_identity),
            identity,
            endpoint: Endpoint::new("uds", &format!("/tmp/{n}.sock")),
            pid: u32::MAX - n as u32,
        },
        presence: [Presence::Here, Presence::Left, Presence::Died][n % 3],
    }
}

/// Frames have no equality of their own: tickets and deadlines have none.
#[track_caller]
pub(super) fn assert_same(heard: &[Frame], said: &[Frame]) {
    for (n, (heard, said)) in heard.iter().zip(said).enumerate() {
        assert_eq!(format!("{heard:?}"), format!("{said:?}"), "frame {n}");
    }
    assert_eq!(heard.len(), said.len(), "as many frames are heard as were said");
}
