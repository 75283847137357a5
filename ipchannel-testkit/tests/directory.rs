//! The private directory is deleted under live processes.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use ipchannel_testkit::figures::{count, say};
use ipchannel_testkit::history::Tally;
use ipchannel_testkit::protocol::{Command, Report, Sending, To};
use ipchannel_testkit::{Peer, Stage};

const PEER: &str = env!("CARGO_BIN_EXE_ipchannel-test-peer");
const PEERS: u32 = 4;

#[test]
fn the_directory_deleted_under_load_is_made_anew_and_nothing_is_lost() {
    let rounds = count(3, 50);
    let mut stage = Stage::new(PEER, Duration::from_secs(30 + 10 * rounds as u64));
    let mut peers = busy(&mut stage);
    let host = peers[0].state().host;
    for round in 0..rounds {
        delete(&stage.directory(), round);
        stage.wait_for_seats(PEERS);
        let mut newcomer = stage.open();
        meet(&mut peers, &mut newcomer, round as u32 + 1);
        assert!(peers.iter_mut().all(|peer| peer.state().host == host), "the host did not change");
        newcomer.kill();
        peers.iter_mut().for_each(|peer| peer.knows(PEERS as usize));
    }
    let tally = quiet(&mut peers);
    tally.assert_clean("while the directory was deleted");
    say(&format!("directory deleted, {rounds} rounds: {tally}"));
}

#[test]
fn a_newcomer_in_a_deleted_directory_ends_up_in_a_seat_of_its_own() {
    let rounds = count(2, 50);
    for round in 0..rounds {
        let mut stage = Stage::new(PEER, Duration::from_secs(30));
        let mut peers = busy(&mut stage);
        delete(&stage.directory(), round);
        // Nobody has noticed yet: the newcomer sees an empty directory.
        let mut newcomer = stage.open();
        meet(&mut peers, &mut newcomer, 1);
        let hosts: BTreeSet<_> = peers.iter_mut().map(|peer| peer.state().host).collect();
        assert_eq!(hosts.len(), 1, "{hosts:?}");
        peers.push(newcomer);
        let tally = quiet(&mut peers);
        // A seat that two held for a moment has a new incarnation, to which what was unacknowledged is sent again.
        assert_eq!((tally.lost, tally.disordered), (0, 0), "{tally}");
        assert!(tally.doubled <= tally.redelivered, "{tally}");
    }
    say(&format!("a newcomer in a deleted directory, {rounds} rounds: it moved to a seat of its own"));
}

/// Peers that send to each other all the time.
fn busy(stage: &mut Stage) -> Vec<Peer> {
    let mut peers = stage.open_all(PEERS);
    for (from, to) in pairs() {
        at(&mut peers, from).send(Sending { count: None, every_us: 1000, ..Command::send(To::Peer(to), 0) });
    }
    for (from, to) in pairs() {
        at(&mut peers, to).until("traffic", |history| history.highest(from, 0) >= 20);
    }
    peers
}

/// All of it; or what is in it; or its place as well.
fn delete(directory: &Path, round: usize) {
    let all = |path: &Path| {
        // A process may make it anew meanwhile: then it is deleted, and all that is left is its new life.
        let _ = std::fs::remove_dir_all(path);
    };
    match round % 3 {
        0 => all(directory),
        1 => std::fs::read_dir(directory).unwrap().for_each(|file| std::fs::remove_file(file.unwrap().path()).unwrap()),
        _ => all(directory.parent().unwrap()),
    }
}

/// The newcomer has the next free id in the end, each of the others still has its own, and they reach each other.
fn meet(peers: &mut [Peer], newcomer: &mut Peer, series: u32) {
    let id = PEERS + 1;
    loop {
        let mark = newcomer.mark();
        let state = newcomer.state();
        if state.id == Some(id) && state.members.iter().map(|seat| seat.id).eq(1..=id) {
            break;
        }
        newcomer.find_from(mark, "a change", |report| {
            matches!(report, Report::Connected { .. } | Report::Joined { .. } | Report::Left { .. }).then_some(())
        });
    }
    peers.iter_mut().for_each(|peer| peer.knows(id as usize));
    for from in 1..=PEERS {
        let peer = at(peers, from);
        assert_eq!(peer.state().id, Some(from));
        peer.send(Sending { series, ..Command::send(To::Peer(id), 10) });
        newcomer.send(Sending { series, ..Command::send(To::Peer(from), 10) });
        for (sender, to) in [(&mut *peer, id), (&mut *newcomer, from)] {
            assert_eq!(sender.settled(To::Peer(to), series), 10);
            assert_eq!(sender.history().delivered(to, series), 10);
        }
        peer.until("the newcomer's", |history| history.count(id, series) == 10);
        newcomer.until("each one's", |history| history.count(from, series) == 10);
    }
}

/// Ends the sending, and counts what arrived.
fn quiet(peers: &mut [Peer]) -> Tally {
    let mut tally = Tally::default();
    peers.iter_mut().for_each(|peer| peer.tell(&Command::Halt));
    for (from, to) in pairs() {
        let last = at(peers, from).settled(To::Peer(to), 0);
        at(peers, to).until("the last", |history| history.highest(from, 0) == last);
        tally += at(peers, to).history().tally(from, 0, Some(last));
    }
    tally
}

fn pairs() -> impl Iterator<Item = (u32, u32)> {
    (1..=PEERS).flat_map(|from| (1..=PEERS).map(move |to| (from, to))).filter(|(from, to)| from != to)
}

fn at(peers: &mut [Peer], id: u32) -> &mut Peer {
    &mut peers[id as usize - 1]
}
