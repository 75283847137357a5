//! Calls and their answers, and waiting for room.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use ipchannel_testkit::figures::say;
use ipchannel_testkit::protocol::{CallError, Command, Report, Sending, Settings, To};
use ipchannel_testkit::{Mark, Peer, Stage};
use rustix::process::Signal;

const PEER: &str = env!("CARGO_BIN_EXE_ipchannel-test-peer");

#[test]
fn calls_are_answered_by_the_process_that_was_asked_and_fail_with_typed_errors() {
    let mut stage = Stage::new(PEER, Duration::from_secs(60));
    let mut peers = stage.open_all(3);
    for (from, to) in [(0, 2), (2, 1), (1, 3), (0, 1)] {
        for value in 1..=50 {
            assert_eq!(call(&mut peers[from], to, "double", value, 10_000), Ok(2 * value));
        }
    }
    assert_eq!(call(&mut peers[0], 2, "fail", 7, 10_000), Err(CallError::Remote("no 7".to_owned())));
    let panicked = call(&mut peers[0], 2, "panic", 7, 10_000).unwrap_err();
    assert!(matches!(&panicked, CallError::Remote(text) if text.contains("told to panic")), "{panicked:?}");
    assert_eq!(call(&mut peers[0], 2, "unheard of", 7, 3000), Err(CallError::Unhandled));
    assert_eq!(call(&mut peers[0], 9, "double", 7, 300), Err(CallError::Timeout));
    // One after the other: the second waits behind the first, which sleeps longer than its caller waits.
    assert_eq!(call(&mut peers[0], 2, "sleep", 700, 200), Err(CallError::Timeout));
    assert_eq!(call(&mut peers[0], 2, "double", 8, 10_000), Ok(16));
}

#[test]
fn a_call_to_a_process_that_ends_meanwhile_fails_at_once() {
    let mut stage = Stage::new(PEER, Duration::from_secs(60));
    let mut peers = stage.open_all(2);
    let mark = peers[0].mark();
    peers[0].tell(&Command::Call { to: 2, event: "sleep".to_owned(), value: 60_000, deadline_ms: 60_000 });
    // Behind it in the same order: once this is answered by the stream, the request is there.
    peers[0].send(Command::send(To::Peer(2), 1));
    peers[0].settled(To::Peer(2), 0);
    peers[1].kill();
    assert_eq!(called(&mut peers[0], mark, "sleep", 60_000), Err(CallError::Unreachable));
}

#[test]
fn a_slow_receiver_makes_senders_wait_for_room_and_loses_nothing() {
    let mut stage = Stage::new(PEER, Duration::from_secs(60));
    let settings = Settings { outgoing: Some(200), incoming: Some(100), ..stage.settings() };
    let mut peers = stage.open_all_with(4, &settings);
    peers[1].tell(&Command::Read { on: false });
    peers[1].state();
    for from in [0, 2] {
        peers[from].send(Sending { padding: 100, ..Command::send(To::Peer(2), 5000) });
    }
    for from in [0, 2] {
        peers[from].until("its credit", |history| history.delivered(2, 0) >= 100);
    }
    // Others reach it, though it does not read.
    assert_eq!(call(&mut peers[3], 2, "double", 4, 10_000), Ok(8));
    assert_eq!(call(&mut peers[1], 4, "double", 4, 10_000), Ok(8));
    for from in [0, 2] {
        peers[from].mark();
        let unread = peers[from].history().delivered(2, 0) - peers[1].history().count(from as u32 + 1, 0);
        assert!(unread <= 100, "{unread} were taken in and not read");
    }
    peers[1].tell(&Command::Read { on: true });
    for from in [1, 3] {
        peers[from - 1].settled(To::Peer(2), 0);
        peers[1].until("the last", |history| history.highest(from as u32, 0) == 5000);
        let tally = peers[1].history().tally(from as u32, 0, Some(5000));
        tally.assert_clean("to a slow reader");
        say(&format!("through a limit of 200, and a credit of 100 unread: {tally}"));
    }
}

#[test]
fn a_frozen_peer_answers_its_calls_when_it_wakes() {
    let mut stage = Stage::new(PEER, Duration::from_secs(60));
    let mut peers = stage.open_all(2);
    peers[1].signal(Signal::STOP);
    let mark = peers[0].mark();
    let calls = 20;
    for value in 1..=calls {
        peers[0].tell(&Command::Call { to: 2, event: "double".to_owned(), value, deadline_ms: 30_000 });
    }
    assert_eq!(call(&mut peers[0], 2, "double", 100, 300), Err(CallError::Timeout));
    peers[1].signal(Signal::CONT);
    for value in 1..=calls {
        assert_eq!(called(&mut peers[0], mark, "double", value), Ok(2 * value));
    }
}

fn call(peer: &mut Peer, to: u32, event: &str, value: u64, deadline_ms: u64) -> Result<u64, CallError> {
    let mark = peer.mark();
    peer.tell(&Command::Call { to, event: event.to_owned(), value, deadline_ms });
    called(peer, mark, event, value)
}

fn called(peer: &mut Peer, mark: Mark, event: &str, value: u64) -> Result<u64, CallError> {
    peer.find_from(mark, "the end of a call", |report| match report {
        Report::Called { event: e, value: v, result } if e == event && *v == value => Some(result.clone()),
        _ => None,
    })
}
