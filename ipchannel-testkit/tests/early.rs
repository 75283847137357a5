//! Messages sent before there is anybody to receive them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use ipchannel_testkit::figures::say;
use ipchannel_testkit::protocol::{Command, Outcome, Report, Sending, To, Why, now};
use ipchannel_testkit::{Mark, Peer, Stage};

const PEER: &str = env!("CARGO_BIN_EXE_ipchannel-test-peer");
const MESSAGES: u64 = 800;

#[test]
fn messages_sent_before_any_other_member_exists_arrive_in_order_from_the_right_sender() {
    let mut stage = Stage::new(PEER, Duration::from_secs(60));
    let mut sender = stage.open();
    for id in [2, 3] {
        sender.send(Command::send(To::Peer(id), MESSAGES));
        assert_eq!(sender.sent(To::Peer(id), 0), MESSAGES);
    }
    let mut receivers = Vec::new();
    for id in [2, 3] {
        receivers.push(stage.open());
        let receiver = receivers.last_mut().unwrap();
        assert_eq!(receiver.connected(), id);
        receiver.until("all of them", |history| history.count(1, 0) >= MESSAGES);
        sender.settled(To::Peer(id), 0);
        assert_eq!(sender.history().delivered(id, 0), MESSAGES);
        let tally = receiver.history().tally(1, 0, Some(MESSAGES));
        tally.assert_clean("sent before");
        say(&format!("sent before anybody came: {tally}"));
    }
}

#[test]
fn the_host_may_come_later_than_the_messages_to_it() {
    let mut stage = Stage::new(PEER, Duration::from_secs(60));
    let (mut first, mut second) = (stage.start(), stage.start());
    let open = Command::Open(stage.settings());
    for peer in [&mut first, &mut second] {
        peer.tell(&open);
        (1..=2).for_each(|id| peer.send(Command::send(To::Peer(id), MESSAGES)));
    }
    let mut peers = Peer::by_id([first, second]);
    for from in [1, 2] {
        for to in [1, 2] {
            let sender = peers.get_mut(&from).unwrap();
            assert_eq!(sender.settled(To::Peer(to), 0), MESSAGES);
            let receiver = peers.get_mut(&to).unwrap();
            receiver.until("all of them", |history| history.count(from, 0) >= MESSAGES);
            receiver.history().tally(from, 0, Some(MESSAGES)).assert_clean("at the start");
        }
    }
}

#[test]
fn each_message_to_an_id_that_never_comes_fails_at_its_deadline() {
    let mut stage = Stage::new(PEER, Duration::from_secs(60));
    let mut sender = stage.open();
    let (to, deadline_ms) = (To::Peer(9), 1500);
    let started = now();
    sender.send(Sending { deadline_ms, ..Command::send(to, MESSAGES) });
    assert_eq!(sender.settled(to, 0), MESSAGES);
    let outcomes = sender.history().outcomes(9, 0);
    assert_eq!(outcomes, [(Outcome::NotDelivered(Why::Deadline), MESSAGES)].into());
    let first = sender.find_at(Mark::START, "an outcome", |stamped| match stamped.report {
        Report::Settled(_) => Some(stamped.at),
        _ => None,
    });
    let took = first - started;
    assert!(took >= deadline_ms * 1000, "failed after {took} us already");
    say(&format!("to an id that never comes: {MESSAGES} typed errors, after {} ms of {deadline_ms}", took / 1000));
}
