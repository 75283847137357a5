//! Connections that are closed since nobody needs them, and opened again.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use ipchannel_testkit::Stage;
use ipchannel_testkit::figures::{count, say};
use ipchannel_testkit::history::Tally;
use ipchannel_testkit::protocol::{Command, Sending, Settings, To};

const PEER: &str = env!("CARGO_BIN_EXE_ipchannel-test-peer");
const PEERS: u32 = 4;
const IDLE_MS: u64 = 10;

#[test]
fn connections_closed_just_when_the_next_message_comes_lose_and_double_none() {
    let messages = count(200, 5000) as u64;
    let mut stage = Stage::new(PEER, Duration::from_secs(60 + messages / 20));
    let settings = Settings { idle_ms: Some(IDLE_MS), ..stage.settings() };
    let mut peers = stage.open_all_with(PEERS, &settings);
    let before: Vec<_> = peers.iter_mut().map(|peer| peer.state().descriptors).collect();
    let pairs = || (1..=PEERS).flat_map(|from| (1..=PEERS).map(move |to| (from, to))).filter(|(from, to)| from != to);
    for (from, to) in pairs() {
        // Each pair a little earlier or later than the moment at which the connection becomes idle.
        let every_us = IDLE_MS * 1000 + 500 * u64::from(from) - 400 * u64::from(to);
        peers[from as usize - 1].send(Sending { every_us, ..Command::send(To::Peer(to), messages) });
    }
    let mut tally = Tally::default();
    for (from, to) in pairs() {
        let sender = &mut peers[from as usize - 1];
        assert_eq!(sender.settled(To::Peer(to), 0), messages);
        assert_eq!(sender.history().delivered(to, 0), messages);
        let receiver = &mut peers[to as usize - 1];
        receiver.until("the last", |history| history.highest(from, 0) == messages);
        tally += receiver.history().tally(from, 0, Some(messages));
    }
    tally.assert_clean("over connections that come and go");
    for (peer, before) in peers.iter_mut().zip(before) {
        // What was opened for the messages is closed again.
        while peer.state().descriptors > before {}
    }
    say(&format!("idle after {IDLE_MS} ms, a message each {IDLE_MS} ms or so: {tally}"));
}
