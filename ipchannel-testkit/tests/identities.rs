//! Processes that ask for a seat of their own.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use ipchannel_testkit::figures::{count, say};
use ipchannel_testkit::protocol::{Command, Report, Settings};
use ipchannel_testkit::{Peer, Stage};

const PEER: &str = env!("CARGO_BIN_EXE_ipchannel-test-peer");
const NAMES: [&str; 4] = ["red", "green", "blue", "grey"];

#[test]
fn each_identity_has_its_seat_back_when_several_restart_at_once() {
    let rounds = count(3, 50);
    let mut stage = Stage::new(PEER, Duration::from_secs(60 + 5 * rounds as u64));
    let mut keeper = stage.open();
    assert_eq!(keeper.connected(), 1);
    let mut peers: Vec<Peer> = Vec::new();
    for (name, id) in NAMES.iter().zip(2..) {
        let mut peer = start(&mut stage, name, 10_000);
        assert_eq!(peer.connected(), id);
        peers.push(peer);
    }
    for _ in 0..rounds {
        peers.iter_mut().for_each(Peer::kill);
        // Started in the other order, and all at once, together with one that has no identity.
        let mut anybody = stage.open();
        let mut restarted: Vec<Peer> = NAMES.iter().rev().map(|name| start(&mut stage, name, 10_000)).collect();
        restarted.reverse();
        for (peer, id) in restarted.iter_mut().zip(2..) {
            assert_eq!(peer.connected(), id);
        }
        assert_eq!(anybody.connected(), NAMES.len() as u32 + 2, "reserved seats are not free");
        anybody.kill();
        peers = restarted;
    }
    say(&format!("{} identities restarted at once, {rounds} rounds: each had its own id", NAMES.len()));
}

#[test]
fn an_identity_that_another_process_keeps_is_a_typed_error() {
    let mut stage = Stage::new(PEER, Duration::from_secs(60));
    let mut keeper = start(&mut stage, "red", 10_000);
    assert_eq!(keeper.connected(), 1);
    let mut second = start(&mut stage, "red", 300);
    assert!(failed(&mut second), "it says that the identity is held");
    assert_eq!(second.state().id, None);
    // One that waits has the seat as soon as it is free.
    let mut third = start(&mut stage, "red", 30_000);
    keeper.kill();
    assert_eq!(third.connected(), 1);
}

#[test]
fn an_identity_of_the_environment_that_is_held_means_the_lowest_free_id() {
    let mut stage = Stage::new(PEER, Duration::from_secs(60));
    let mut first = stage.start_with(&[("IPCHANNEL_IDENTITY", "red")]);
    first.tell(&Command::Open(stage.settings()));
    assert_eq!(first.connected(), 1);
    let mut child = stage.start_with(&[("IPCHANNEL_IDENTITY", "red")]);
    child.tell(&Command::Open(stage.settings()));
    assert_eq!(child.connected(), 2);
}

fn start(stage: &mut Stage, identity: &str, identity_deadline_ms: u64) -> Peer {
    let mut peer = stage.start();
    let settings = Settings {
        identity: Some(identity.to_owned()),
        identity_deadline_ms: Some(identity_deadline_ms),
        ..stage.settings()
    };
    peer.tell(&Command::Open(settings));
    peer
}

fn failed(peer: &mut Peer) -> bool {
    peer.find("that it failed", |report| match report {
        Report::Failed { identity_held, .. } => Some(*identity_held),
        _ => None,
    })
}
