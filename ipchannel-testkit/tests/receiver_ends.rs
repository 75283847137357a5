//! The receiver is killed with messages unacknowledged.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use ipchannel_testkit::figures::{count, say};
use ipchannel_testkit::protocol::{Command, Outcome, Sending, To, Why};
use ipchannel_testkit::{Peer, Stage};
use rustix::process::Signal;

const PEER: &str = env!("CARGO_BIN_EXE_ipchannel-test-peer");
const RECEIVER: u32 = 2;
const ACKNOWLEDGED: u64 = 100;
const MESSAGES: u64 = 600;

/// Large enough that they do not all fit into what the system buffers: some are written, some are not.
const PADDING: usize = 4096;

#[test]
fn what_a_killed_receiver_had_not_acknowledged_goes_to_its_next_life_and_nothing_else_does() {
    let rounds = count(3, 100);
    let (mut redelivered, mut delivered) = (0, 0);
    for _ in 0..rounds {
        let mut stage = Stage::new(PEER, Duration::from_secs(60));
        let mut peers = stage.open_all(3);
        unacknowledged(&mut peers, 30_000);
        let mut next = stage.open();
        assert_eq!(next.connected(), RECEIVER);
        for sender in [0, 2] {
            let from = sender as u32 + 1;
            peers[sender].settled(To::Peer(RECEIVER), 2);
            assert_eq!(peers[sender].history().delivered(RECEIVER, 2), MESSAGES);
            next.until("everything", |history| history.count(from, 2) == MESSAGES);
            let numbers = next.history().numbers(from, 2);
            assert!(numbers.iter().map(|(number, _)| *number).eq(1..=MESSAGES), "{numbers:?}");
            assert!(numbers.is_sorted_by_key(|(_, redelivered)| !redelivered), "{numbers:?}");
            let marked = numbers.iter().filter(|(_, redelivered)| *redelivered).count();
            assert!((1..MESSAGES as usize).contains(&marked), "{marked} were written before");
            assert_eq!(next.history().count(from, 1), 0, "acknowledged ones are seen again");
            redelivered += marked;
            delivered += numbers.len();
        }
    }
    say(&format!(
        "receiver killed, {rounds} rounds: {delivered} messages unacknowledged, all delivered, {redelivered} of them \
         redelivered"
    ));
}

#[test]
fn a_receiver_killed_while_it_receives_sees_no_acknowledged_message_again() {
    let rounds = count(5, 100);
    let mut stage = Stage::new(PEER, Duration::from_secs(30 + 3 * rounds as u64));
    let mut sender = stage.open();
    assert_eq!(sender.connected(), 1);
    let mut receiver = stage.open();
    let (mut messages, mut redelivered) = (0, 0);
    for series in 1..=rounds as u32 {
        assert_eq!(receiver.connected(), RECEIVER);
        let to = To::Peer(RECEIVER);
        sender.send(Sending { series, count: None, padding: 100, ..Command::send(to, 0) });
        receiver.until("traffic", |history| history.count(1, series) >= 200);
        receiver.kill();
        // What is told before its state, was acknowledged before the next life of the receiver began.
        sender.state();
        let acknowledged = sender.history().with_outcome(RECEIVER, series, Outcome::Delivered);
        let mut next = stage.open();
        next.until("traffic again", |history| history.count(1, series) >= 200);
        sender.tell(&Command::Halt);
        let last = sender.settled(to, series);
        assert_eq!(sender.history().delivered(RECEIVER, series), last);
        next.until("the last", |history| history.highest(1, series) == last);
        let numbers = next.history().numbers(1, series);
        assert!(numbers.windows(2).all(|two| two[1].0 == two[0].0 + 1), "a hole: {numbers:?}");
        assert!(numbers.is_sorted_by_key(|(_, redelivered)| !redelivered), "{numbers:?}");
        assert!(!numbers.iter().any(|(number, _)| acknowledged.contains(number)), "acknowledged before");
        let had = receiver.history().highest(1, series);
        assert!(numbers.iter().all(|&(number, redelivered)| number > had || redelivered), "{had} {numbers:?}");
        messages += last;
        redelivered += numbers.iter().filter(|(_, redelivered)| *redelivered).count();
        receiver = next;
    }
    say(&format!("receiver killed while it receives, {rounds} rounds: {messages} messages, {redelivered} redelivered"));
}

#[test]
fn each_message_to_a_receiver_that_does_not_come_back_fails_with_a_typed_error() {
    let mut stage = Stage::new(PEER, Duration::from_secs(60));
    let mut peers = stage.open_all(3);
    unacknowledged(&mut peers, 2000);
    for sender in [0, 2] {
        peers[sender].settled(To::Peer(RECEIVER), 2);
        let outcomes = peers[sender].history().outcomes(RECEIVER, 2);
        let [unknown, not_delivered] =
            [Outcome::Unknown(Why::Deadline), Outcome::NotDelivered(Why::Deadline)].map(|outcome| outcomes[&outcome]);
        assert_eq!(unknown + not_delivered, MESSAGES, "{outcomes:?}");
        say(&format!("receiver killed and gone: {unknown} unknown and {not_delivered} not delivered of {MESSAGES}"));
    }
}

#[test]
fn another_program_in_the_seat_of_a_killed_receiver_gets_nothing_of_what_was_for_that() {
    let mut stage = Stage::new(PEER, Duration::from_secs(60));
    let mut stranger = stage.start_stranger();
    let open = Command::Open(stage.settings());
    replaced(&mut stage, &mut stranger, &open);
}

#[test]
fn the_same_program_with_an_identity_in_the_seat_of_one_without_is_a_stranger() {
    let mut stage = Stage::new(PEER, Duration::from_secs(60));
    let mut stranger = stage.start();
    let mut settings = stage.settings();
    settings.identity = Some("another".to_owned());
    replaced(&mut stage, &mut stranger, &Command::Open(settings));
}

fn replaced(stage: &mut Stage, stranger: &mut Peer, open: &Command) {
    let mut peers = stage.open_all(3);
    unacknowledged(&mut peers, 30_000);
    stranger.tell(open);
    assert_eq!(stranger.connected(), RECEIVER);
    let to = To::Peer(RECEIVER);
    for sender in [0, 2] {
        peers[sender].settled(to, 2);
        let outcomes = peers[sender].history().outcomes(RECEIVER, 2);
        let replaced =
            [Outcome::Unknown(Why::PeerReplaced), Outcome::NotDelivered(Why::PeerReplaced)].map(|fate| outcomes[&fate]);
        assert_eq!(replaced.iter().sum::<u64>(), MESSAGES, "{outcomes:?}");
        // What is sent from now on is for the stranger.
        peers[sender].send(Sending { series: 3, ..Command::send(to, 10) });
        peers[sender].settled(to, 3);
        let from = sender as u32 + 1;
        stranger.until("messages of its own", |history| history.count(from, 3) == 10);
        assert_eq!(stranger.history().count(from, 1) + stranger.history().count(from, 2), 0);
    }
}

/// The first and the third send to the second: first what it acknowledges, then what it does not, since it is stopped
/// and then killed.
fn unacknowledged(peers: &mut [Peer], deadline_ms: u64) {
    let to = To::Peer(RECEIVER);
    for sender in [0, 2] {
        peers[sender].send(Sending { series: 1, ..Command::send(to, ACKNOWLEDGED) });
        assert_eq!(peers[sender].settled(to, 1), ACKNOWLEDGED);
        assert_eq!(peers[sender].history().delivered(RECEIVER, 1), ACKNOWLEDGED);
    }
    peers[1].signal(Signal::STOP);
    for sender in [0, 2] {
        peers[sender].send(Sending { series: 2, padding: PADDING, deadline_ms, ..Command::send(to, MESSAGES) });
        assert_eq!(peers[sender].sent(to, 2), MESSAGES);
    }
    peers[1].kill();
}
