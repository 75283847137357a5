use fastrand::Rng;
use ipchannel_core::Incarnation;
use ipchannel_core::frame::{PROTOCOL_VERSION, Refusal};

use super::*;

#[test]
fn every_frame_is_read_as_it_was_written() {
    for seed in 0..2000 {
        let mut random = Rng::with_seed(seed);
        let said: Vec<Frame> = (0..random.usize(1..8)).map(|_| arbitrary::frame(&mut random)).collect();
        let (heard, left) = read(&written(&said)).unwrap();
        assert_eq!(format!("{heard:?}"), format!("{said:?}"), "seed {seed}");
        assert_eq!(left, 0, "seed {seed}");
    }
}

#[test]
fn every_hello_is_read_as_it_was_said() {
    for seed in 0..2000 {
        let hello = arbitrary::hello(&mut Rng::with_seed(seed));
        assert_eq!(heard_hello(&greeting::hello(&hello).unwrap()).unwrap(), hello, "seed {seed}");
    }
}

#[test]
fn every_answer_is_read_as_it_was_said() {
    for seed in 0..100 {
        let said = arbitrary::welcome(&mut Rng::with_seed(seed));
        let heard = heard_answer(&greeting::answer(&Answer::Welcome(said)).unwrap());
        assert!(matches!(heard, Ok(Answer::Welcome(heard)) if heard == said), "seed {seed}");
    }
    for said in refusals() {
        let bytes = greeting::answer(&Answer::Refusal(said)).unwrap();
        assert!(matches!(heard_answer(&bytes), Ok(Answer::Refusal(heard)) if heard == said), "{said:?}");
        assert_eq!(heard(&bytes).unwrap().version, PROTOCOL_VERSION);
    }
}

pub(super) fn refusals() -> [Refusal; 8] {
    [
        Refusal::Version,
        Refusal::Channel,
        Refusal::Destination,
        Refusal::Unknown,
        Refusal::Superseded(Incarnation(7)),
        Refusal::Attempt,
        Refusal::Leaving,
        Refusal::Busy,
    ]
}

#[test]
fn frames_are_found_wherever_the_stream_is_cut() {
    let mut random = Rng::with_seed(3);
    let said: Vec<Frame> = (0..50).map(|_| arbitrary::frame(&mut random)).collect();
    let bytes = written(&said);
    let mut reader = Reader::new(LIMIT);
    let mut decoder = Decoder::new(HERE);
    let mut heard = Vec::new();
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let (mut part, after) = rest.split_at(random.usize(1..40).min(rest.len()));
        rest = after;
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(reader.poll_read(&mut cx, &mut part), Poll::Ready(Ok(1..))));
        while let Some(body) = reader.next().unwrap() {
            heard.push(decoder.frame(body).unwrap());
        }
    }
    assert_eq!(format!("{heard:?}"), format!("{said:?}"));
}

#[test]
fn a_name_that_comes_again_is_not_allocated_again() {
    let mut random = Rng::with_seed(1);
    let data = std::iter::from_fn(|| Some(arbitrary::frame(&mut random)))
        .find(|frame| matches!(frame, Frame::Data(data) if !data.envelope.event.is_empty()))
        .unwrap();
    let (heard, _) = read(&written(&[data.clone(), data])).unwrap();
    let [Frame::Data(first), Frame::Data(second)] = &heard[..] else { panic!("{heard:?}") };
    assert!(std::sync::Arc::ptr_eq(&first.envelope.event, &second.envelope.event));
}

#[test]
fn names_are_told_apart_however_many_there_are() {
    let mut names = super::super::names::Names::default();
    let mut random = Rng::with_seed(5);
    for _ in 0..10_000 {
        let name = format!("{}", random.u8(..40)).repeat(random.usize(1..200));
        assert_eq!(&*names.get(name.as_bytes()).unwrap(), name);
    }
    assert!(matches!(names.get(b"\xff"), Err(Malformed::Text)));
}
