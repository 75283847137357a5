use bytes::Bytes;
use ipchannel_core::CodecId;
use tokio::sync::oneshot::error::TryRecvError;

use super::*;

fn peer(number: u32) -> PeerId {
    PeerId::new(number).unwrap()
}

fn payload(text: &'static str) -> Payload {
    Payload { codec: CodecId(0), data: Bytes::from_static(text.as_bytes()) }
}

fn answer(calls: &Calls, from: u32, call: &Call, text: &'static str) {
    calls.reply(peer(from), call.id, Outcome::Answered, payload(text));
}

/// How it ended, as text; `None` as long as it has not.
fn ended(call: &mut Call) -> Option<String> {
    match call.ended.try_recv() {
        Ok(Ended::Replied(_, payload)) => Some(String::from_utf8(payload.data.to_vec()).unwrap()),
        Ok(Ended::PeerGone(peer)) => Some(format!("{peer} is gone")),
        Err(TryRecvError::Closed) => Some("closed".to_owned()),
        Err(TryRecvError::Empty) => None,
    }
}

#[test]
fn each_reply_finds_its_call() {
    let calls = Calls::default();
    let (mut first, mut second) = (calls.open(peer(2)), calls.open(peer(2)));
    assert_ne!(first.id, second.id);
    answer(&calls, 2, &second, "two");
    assert_eq!((ended(&mut first), ended(&mut second).as_deref()), (None, Some("two")));
    answer(&calls, 2, &first, "one");
    assert_eq!(ended(&mut first).as_deref(), Some("one"));
}

#[test]
fn nobody_answers_for_another() {
    let calls = Calls::default();
    let mut call = calls.open(peer(2));
    answer(&calls, 3, &call, "forged");
    assert_eq!(ended(&mut call), None);
    answer(&calls, 2, &call, "real");
    assert_eq!(ended(&mut call).as_deref(), Some("real"));
}

#[test]
fn a_call_that_was_given_up_is_forgotten() {
    let calls = Calls::default();
    let call = calls.open(peer(2));
    let id = call.id;
    drop(call);
    assert!(calls.waiting().is_empty());
    calls.reply(peer(2), id, Outcome::Answered, payload("late"));
    assert!(calls.waiting().is_empty());
}

#[test]
fn a_second_reply_is_ignored() {
    let calls = Calls::default();
    let mut call = calls.open(peer(2));
    answer(&calls, 2, &call, "first");
    answer(&calls, 2, &call, "second");
    assert_eq!(ended(&mut call).as_deref(), Some("first"));
}

#[test]
fn a_peer_that_is_gone_ends_the_calls_that_it_had() {
    let calls = Calls::default();
    let (mut had, mut on_its_way, mut elsewhere) = (calls.open(peer(2)), calls.open(peer(2)), calls.open(peer(3)));
    had.arrived();
    elsewhere.arrived();
    calls.gone(peer(2));
    assert_eq!(ended(&mut had).as_deref(), Some("2 is gone"));
    assert_eq!((ended(&mut on_its_way), ended(&mut elsewhere)), (None, None));
    // It goes to whoever holds the seat next.
    answer(&calls, 2, &on_its_way, "the successor");
    assert_eq!(ended(&mut on_its_way).as_deref(), Some("the successor"));
}

#[test]
fn a_closed_channel_ends_every_call() {
    let calls = Calls::default();
    let mut call = calls.open(peer(2));
    calls.clear();
    assert_eq!(ended(&mut call).as_deref(), Some("closed"));
}
