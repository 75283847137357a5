//! Many processes at the same instant.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::time::Duration;

use ipchannel_testkit::figures::{count, say, spread};
use ipchannel_testkit::history::Tally;
use ipchannel_testkit::protocol::{Command, Report, Stamped, To, now};
use ipchannel_testkit::{Mark, Peer, Stage};

const PEER: &str = env!("CARGO_BIN_EXE_ipchannel-test-peer");
const PEERS: u32 = 16;

#[test]
fn sixteen_processes_at_the_same_instant_have_ids_one_to_sixteen_one_host_and_reach_each_other() {
    let rounds = count(2, 50);
    let (mut tally, mut joins) = (Tally::default(), Vec::new());
    for _ in 0..rounds {
        let mut stage = Stage::new(PEER, Duration::from_secs(60));
        let mut peers: Vec<Peer> = (0..PEERS).map(|_| stage.start()).collect();
        let open = Command::Open(stage.settings());
        let started = now();
        for peer in &mut peers {
            peer.tell(&open);
            // From the first line of the program, before it knows anybody.
            (1..=PEERS).for_each(|id| peer.send(Command::send(To::Peer(id), 1)));
        }
        let mut peers = Peer::by_id(peers);
        assert!(peers.keys().copied().eq(1..=PEERS), "{:?}", peers.keys());
        for peer in peers.values_mut() {
            let connected =
                |stamped: &Stamped| matches!(stamped.report, Report::Connected { .. }).then_some(stamped.at);
            joins.push(peer.find_at(Mark::START, "that it is connected", connected) - started);
            (1..=PEERS).for_each(|id| assert_eq!(peer.settled(To::Peer(id), 0), 1));
            peer.until("a message from each", |history| history.senders().len() == PEERS as usize);
            (1..=PEERS).for_each(|id| tally += peer.history().tally(id, 0, Some(1)));
            peer.knows(PEERS as usize);
        }
        let hosts: BTreeSet<_> = peers.values_mut().map(|peer| peer.state().host.unwrap()).collect();
        assert_eq!(hosts.len(), 1, "{hosts:?}");
        let reports = peers.values().flat_map(|peer| peer.since(Mark::START));
        let gained = reports.filter(|stamped| matches!(stamped.report, Report::HostGained { .. })).count();
        assert_eq!(gained, 1, "so many have hosted");
    }
    tally.assert_clean("messages between sixteen");
    say(&format!("{rounds} rounds of {PEERS} processes at once: connected {}; {tally}", spread(joins)));
}
