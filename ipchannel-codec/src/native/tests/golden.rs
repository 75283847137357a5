//! The bytes of each word, written down: what other versions of this program read.

use std::time::Duration;

use ipchannel_core::frame::{
    Control, Credit, Data, Fact, Hello, Origin, PROTOCOL_VERSION, Presence, Purpose, Refusal, Seq, Welcome,
};
use ipchannel_core::{
    CallId, CodecId, Endpoint, Envelope, Identity, Incarnation, Kind, Lineage, Member, Outcome, Payload, PeerRef, Term,
};

use super::*;

fn peer(id: u32, incarnation: u64) -> PeerRef {
    PeerRef { id: PeerId::new(id).unwrap(), incarnation: Incarnation(incarnation) }
}

fn data(kind: Kind) -> Data {
    let payload = Payload { codec: CodecId(1), data: Bytes::from_static(b"\x01\x02") };
    let envelope = Envelope { kind, ..Envelope::new(HERE, "go", payload) };
    Data { seq: Seq(3), redelivered: false, ttl: None, envelope }
}

fn welcome() -> Welcome {
    Welcome { cursor: Seq(5), credit: Credit { messages: 256, bytes: 65536 } }
}

fn full() -> Data {
    let mut data = data(Kind::Request(CallId(9)));
    data.redelivered = true;
    data.ttl = Some(Duration::from_micros(1500));
    data.envelope.headers.append("k", &b"v"[..]);
    data.envelope.headers.append("k", &b""[..]);
    data
}

fn roster() -> Control {
    let fact = |n, identity: Option<&str>, presence| Fact {
        member: Member {
            peer: peer(n, 8),
            lineage: Lineage::of_executable("/x"),
            identity: identity.map(Identity::new),
            endpoint: Endpoint::new("m", "1"),
            pid: 77,
        },
        presence,
    };
    let facts = vec![fact(1, None, Presence::Here), fact(2, Some("w"), Presence::Died)];
    Control::Roster { term: Term(6), host: peer(1, 8), facts }
}

/// Frames and their bytes, in parts for those who read them.
pub(super) fn frames() -> Vec<(Frame, Vec<u8>)> {
    let golden: Vec<(Frame, &[&[u8]])> = vec![
        (
            Frame::Data(data(Kind::Message)),
            &[b"\0\0\0\x18\x01", b"\0\0\0\0\0\0\0\x03\0\0", b"\0\0\0\x02go", b"\0\0\0\0\x01", b"\x01\x02"],
        ),
        (
            Frame::Data(full()),
            &[
                b"\0\0\0\x3b\x01",
                b"\0\0\0\0\0\0\0\x03\x03",
                b"\0\0\0\0\0\0\0\x02",
                b"\x01\0\0\0\0\0\0\0\x09",
                b"\0\0\0\x02go",
                b"\0\0\0\x02",
                b"\0\0\0\x01k\0\0\0\x01v",
                b"\0\0\0\x01k\0\0\0\0",
                b"\x01",
                b"\x01\x02",
            ],
        ),
        (
            Frame::Data(data(Kind::Reply(CallId(9), Outcome::Answered))),
            &[b"\0\0\0\x20\x01\0\0\0\0\0\0\0\x03\0\x02\0\0\0\0\0\0\0\x09\0\0\0\x02go\0\0\0\0\x01\x01\x02"],
        ),
        (
            Frame::Data(data(Kind::Reply(CallId(9), Outcome::Failed))),
            &[b"\0\0\0\x20\x01\0\0\0\0\0\0\0\x03\0\x03\0\0\0\0\0\0\0\x09\0\0\0\x02go\0\0\0\0\x01\x01\x02"],
        ),
        (
            Frame::Data(data(Kind::Reply(CallId(9), Outcome::Unhandled))),
            &[b"\0\0\0\x20\x01\0\0\0\0\0\0\0\x03\0\x04\0\0\0\0\0\0\0\x09\0\0\0\x02go\0\0\0\0\x01\x01\x02"],
        ),
        (Frame::Ack(welcome()), &[b"\0\0\0\x15\x02\0\0\0\0\0\0\0\x05\0\0\x01\0\0\0\0\0\0\x01\0\0"]),
        (
            Frame::Control(roster()),
            &[
                b"\0\0\0\x72\x03",
                b"\0\0\0\0\0\0\0\x06\0\0\0\x01\0\0\0\0\0\0\0\x08",
                b"\0\0\0\x02",
                b"\0\0\0\0\x01\0\0\0\0\0\0\0\x08\0\0\0\x0dexecutable:/x\0\0\0\0\x03m:1\0\0\0\x4d",
                b"\x02\0\0\0\x02\0\0\0\0\0\0\0\x08\0\0\0\x0dexecutable:/x\x01\0\0\0\x01w\0\0\0\x03m:1\0\0\0\x4d",
            ],
        ),
        (
            Frame::Control(Control::Beat { term: Term(6), host: peer(1, 8) }),
            &[b"\0\0\0\x15\x04\0\0\0\0\0\0\0\x06\0\0\0\x01\0\0\0\0\0\0\0\x08"],
        ),
        (
            Frame::Control(Control::Superseded { term: Term(6), host: peer(1, 8) }),
            &[b"\0\0\0\x15\x05\0\0\0\0\0\0\0\x06\0\0\0\x01\0\0\0\0\0\0\0\x08"],
        ),
        (Frame::Bye(Seq(4)), &[b"\0\0\0\x09\x06\0\0\0\0\0\0\0\x04"]),
    ];
    golden.into_iter().map(|(frame, parts)| (frame, parts.concat())).collect()
}

pub(super) fn hellos() -> Vec<(Hello, Vec<u8>)> {
    let member = Hello {
        version: PROTOCOL_VERSION,
        channel: "jobs".to_owned(),
        from: Origin::Member(peer(2, 7)),
        to: peer(1, 8),
        attempt: 3,
        purpose: Purpose::Link,
    };
    let guest = Hello { from: Origin::Guest(0xabcd), purpose: Purpose::Probe, ..member.clone() };
    let to = b"\0\0\0\x01\0\0\0\0\0\0\0\x08\0\0\0\0\0\0\0\x03";
    let head = b"\xabipc\0\x01\0";
    let channel = b"\0\0\0\x04jobs";
    vec![
        (member, [&head[..], b"\x2a", channel, b"\0\0\0\0\x02\0\0\0\0\0\0\0\x07", to, b"\0"].concat()),
        (guest, [&head[..], b"\x26", channel, b"\x01\0\0\0\0\0\0\xab\xcd", to, b"\x01"].concat()),
    ]
}

pub(super) fn answers() -> Vec<(Answer, Vec<u8>)> {
    let refusal = |refusal| Answer::Refusal(refusal);
    let golden: [(Answer, &[u8]); 9] = [
        (Answer::Welcome(welcome()), b"\xabipc\0\x01\0\x15\0\0\0\0\0\0\0\0\x05\0\0\x01\0\0\0\0\0\0\x01\0\0"),
        (refusal(Refusal::Version), b"\xabipc\0\x01\0\x01\x01"),
        (refusal(Refusal::Channel), b"\xabipc\0\x01\0\x01\x02"),
        (refusal(Refusal::Destination), b"\xabipc\0\x01\0\x01\x03"),
        (refusal(Refusal::Unknown), b"\xabipc\0\x01\0\x01\x04"),
        (refusal(Refusal::Superseded(Incarnation(7))), b"\xabipc\0\x01\0\x09\x05\0\0\0\0\0\0\0\x07"),
        (refusal(Refusal::Attempt), b"\xabipc\0\x01\0\x01\x06"),
        (refusal(Refusal::Leaving), b"\xabipc\0\x01\0\x01\x07"),
        (refusal(Refusal::Busy), b"\xabipc\0\x01\0\x01\x08"),
    ];
    golden.into_iter().map(|(answer, bytes)| (answer, bytes.to_vec())).collect()
}

#[test]
fn what_is_written_never_changes() {
    for (frame, bytes) in frames() {
        assert_eq!(
            written(std::slice::from_ref(&frame)).escape_ascii().to_string(),
            bytes.escape_ascii().to_string(),
            "{frame:?}"
        );
    }
    for (hello, bytes) in hellos() {
        assert_eq!(greeting::hello(&hello).unwrap(), bytes, "{hello:?}");
    }
    for (answer, bytes) in answers() {
        assert_eq!(greeting::answer(&answer).unwrap(), bytes);
    }
}

#[test]
fn what_was_written_is_still_read() {
    for (frame, bytes) in frames() {
        let mut frame = frame;
        if let Frame::Data(Data { ttl: Some(ttl), .. }) = &mut frame {
            *ttl = Duration::from_millis(2); // It was rounded up.
        }
        assert_eq!(format!("{:?}", read(&bytes).unwrap()), format!("{:?}", (vec![frame], 0)));
    }
    for (hello, bytes) in hellos() {
        assert_eq!(heard_hello(&bytes).unwrap(), hello);
    }
    for (_, bytes) in answers() {
        assert!(heard_answer(&bytes).is_ok());
    }
}

#[test]
fn a_ttl_longer_than_any_clock_is_as_long_as_can_be() {
    let mut forever = data(Kind::Message);
    forever.ttl = Some(Duration::MAX);
    let (heard, _) = read(&written(&[Frame::Data(forever)])).unwrap();
    assert!(matches!(&heard[..], [Frame::Data(data)] if data.ttl == Some(Duration::from_millis(u64::MAX))));
}
