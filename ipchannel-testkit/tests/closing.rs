//! The end of a channel in good order.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use ipchannel_testkit::figures::say;
use ipchannel_testkit::protocol::{Command, Outcome, Report, Sending, Settings, To, Why};
use ipchannel_testkit::{Mark, Peer, Stage};
use rustix::process::Signal;

const PEER: &str = env!("CARGO_BIN_EXE_ipchannel-test-peer");

#[test]
fn closing_delivers_what_was_sent_while_others_in_the_process_go_on_sending() {
    let mut stage = Stage::new(PEER, Duration::from_secs(60));
    let mut peers = stage.open_all(3);
    let forever = |to| Sending { count: None, padding: 100, ..Command::send(To::Peer(to), 0) };
    for to in [2, 3] {
        peers[0].send(forever(to));
    }
    for to in [2, 3] {
        peers[to - 1].until("traffic", |history| history.count(1, 0) >= 500);
    }
    peers[0].tell(&Command::Close);
    assert_eq!(closed(&mut peers[0], Mark::START), 0);
    for to in [2, 3] {
        let last = peers[0].settled(To::Peer(to), 0);
        assert_eq!(peers[0].history().delivered(to, 0), last);
        let receiver = &mut peers[to as usize - 1];
        receiver.until("the last", |history| history.highest(1, 0) == last);
        receiver.history().tally(1, 0, Some(last)).assert_clean("sent before it was closed");
        say(&format!("closed while sending: all {last} messages to {to} had arrived"));
    }
}

#[test]
fn after_closing_no_task_and_no_descriptor_stays_and_the_process_ends_by_itself() {
    let mut stage = Stage::new(PEER, Duration::from_secs(60));
    let mut other = stage.open();
    other.connected();
    for _ in 0..2 {
        let mut peer = stage.start();
        let before = peer.state();
        for _ in 0..3 {
            let mark = peer.mark();
            peer.tell(&Command::Open(stage.settings()));
            let id = peer.find_from(mark, "its id", |report| match report {
                Report::Connected { id } => Some(*id),
                _ => None,
            });
            assert_eq!(id, 2, "the id was given back");
            peer.send(Command::send(To::All, 10));
            peer.find_from(mark, "that it has sent", |report| matches!(report, Report::Sent { .. }).then_some(()));
            peer.tell(&Command::Close);
            assert_eq!(closed(&mut peer, mark), 0);
            // The peer's own tasks end when they see the channel's end; one of the library's that stays would never.
            while peer.state().tasks != before.tasks {}
            assert_eq!(peer.state().descriptors, before.descriptors);
        }
        peer.tell(&Command::Return);
        assert!(peer.ended().success());
    }
    other.until("three times ten of each", |history| history.count(2, 0) == 2 * 3 * 10);
    let mut goodbyes = 0;
    other.find("six goodbyes", |report| {
        goodbyes += u32::from(matches!(report, Report::Left { died: false, .. }));
        assert!(!matches!(report, Report::Left { died: true, .. }));
        (goodbyes == 2 * 3).then_some(())
    });
}

#[test]
fn a_channel_that_is_dropped_gives_back_its_id_and_leaves_nothing_behind() {
    let mut stage = Stage::new(PEER, Duration::from_secs(60));
    let mut other = stage.open();
    other.connected();
    for _ in 0..2 {
        let mut peer = stage.start();
        let before = peer.state();
        for _ in 0..3 {
            let mark = peer.mark();
            peer.tell(&Command::Open(stage.settings()));
            let id = peer.find_from(mark, "its id", |report| match report {
                Report::Connected { id } => Some(*id),
                _ => None,
            });
            assert_eq!(id, 2, "the id was given back");
            // Delivered, so that the connections stand.
            peer.send(Command::send(To::Others, 10));
            peer.find_from(mark, "its end", |report| matches!(report, Report::AllSettled { .. }).then_some(()));
            peer.tell(&Command::Drop);
            while peer.state().tasks != before.tasks {}
            assert_eq!(peer.state().descriptors, before.descriptors);
        }
    }
    other.until("ten of each", |history| history.count(2, 0) == 2 * 3 * 10);
}

#[test]
fn what_could_not_be_delivered_comes_back_when_the_channel_is_closed() {
    let mut stage = Stage::new(PEER, Duration::from_secs(60));
    let mut sender = stage.start();
    sender.tell(&Command::Open(Settings { close_deadline_ms: Some(500), ..stage.settings() }));
    assert_eq!(sender.connected(), 1);
    let mut receiver = stage.open();
    assert_eq!(receiver.connected(), 2);
    sender.send(Command::send(To::Peer(2), 10));
    sender.settled(To::Peer(2), 0);
    receiver.signal(Signal::STOP);
    for (to, series) in [(2, 1), (9, 1)] {
        sender.send(Sending { series, padding: 4096, ..Command::send(To::Peer(to), 300) });
        assert_eq!(sender.sent(To::Peer(to), series), 300);
    }
    sender.tell(&Command::Close);
    assert_eq!(closed(&mut sender, Mark::START), 600);
    for to in [2, 9] {
        sender.settled(To::Peer(to), 1);
    }
    let outcomes = sender.history().outcomes(9, 1);
    assert_eq!(outcomes, [(Outcome::NotDelivered(Why::Closed), 300)].into());
    let outcomes = sender.history().outcomes(2, 1);
    assert_eq!(outcomes[&Outcome::NotDelivered(Why::Closed)] + outcomes[&Outcome::Unknown(Why::Closed)], 300);
}

fn closed(peer: &mut Peer, mark: Mark) -> usize {
    peer.find_from(mark, "that it is closed", |report| match report {
        Report::Closed { undelivered } => Some(*undelivered),
        _ => None,
    })
}
