//! Processes that are stopped, and go on later.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use ipchannel_testkit::figures::{count, say, spread};
use ipchannel_testkit::history::Tally;
use ipchannel_testkit::protocol::{Command, Outcome, Report, Sending, Settings, To, now};
use ipchannel_testkit::{Metronome, Peer, Stage};
use rustix::process::Signal;

const PEER: &str = env!("CARGO_BIN_EXE_ipchannel-test-peer");
const PEERS: u32 = 4;

/// What is promised: the limit of silence, and a little.
const REPLACED_US: u64 = 3_200_000;

/// A machine that keeps a process waiting for longer than this cannot be held to that: members who run late themselves take
/// that for the reason of the silence, as they should, and wait anew.
const LATE_US: u64 = 50_000;

#[test]
fn a_host_that_freezes_is_replaced_in_time_told_when_it_wakes_and_nothing_is_lost() {
    let rounds = count(3, 50);
    let mut stage = Stage::new(PEER, Duration::from_secs(30 + 10 * rounds as u64));
    let mut peers = stage.open_all(PEERS);
    let metronome = Metronome::start();
    let (mut tally, mut times, mut late) = (Tally::default(), Vec::new(), 0);
    for series in 1..=rounds as u32 {
        let (frozen, old_term) = at(&mut peers, 1).state().host.unwrap();
        let others: Vec<u32> = (1..=PEERS).filter(|&id| id != frozen).collect();
        for (from, to) in pairs() {
            at(&mut peers, from).send(Sending {
                series,
                count: None,
                every_us: 1000,
                ..Command::send(To::Peer(to), 0)
            });
        }
        for (from, to) in pairs() {
            at(&mut peers, to).until("traffic", |history| history.highest(from, series) >= 20);
        }
        let marks: Vec<_> = others.iter().map(|&id| at(&mut peers, id).mark()).collect();
        metronome.worst();
        let stopped = now();
        at(&mut peers, frozen).signal(Signal::STOP);
        let mut hosts = Vec::new();
        for (&id, mark) in others.iter().zip(marks) {
            hosts.push(at(&mut peers, id).find_at(mark, "the new host", |stamped| match stamped.report {
                Report::HostChanged { host, term } => Some((host, term, stamped.at)),
                _ => None,
            }));
        }
        let (host, term, _) = hosts[0];
        assert!(host != frozen && term > old_term);
        assert!(hosts.iter().all(|&(h, t, _)| (h, t) == (host, term)), "{hosts:?}");
        let took = hosts.iter().map(|(_, _, at)| at - stopped).max().unwrap();
        if metronome.worst() > LATE_US {
            late += 1;
        } else {
            assert!(took <= REPLACED_US, "a frozen host was replaced after {took} us");
        }
        times.push(took);

        let mark = at(&mut peers, frozen).mark();
        at(&mut peers, frozen).signal(Signal::CONT);
        let lost = at(&mut peers, frozen).find_from(mark, "that it hosts no longer", |report| match report {
            Report::HostLost { term } => Some(*term),
            _ => None,
        });
        assert_eq!(lost, old_term);
        let followed = at(&mut peers, frozen).find_from(mark, "who hosts now", |report| match report {
            Report::HostChanged { host, term } => Some((*host, *term)),
            _ => None,
        });
        assert_eq!(followed, (host, term));
        (1..=PEERS).for_each(|id| at(&mut peers, id).tell(&Command::Halt));
        for (from, to) in pairs() {
            let last = at(&mut peers, from).settled(To::Peer(to), series);
            assert_eq!(at(&mut peers, from).history().delivered(to, series), last);
            at(&mut peers, to).until("the last", |history| history.highest(from, series) == last);
            tally += at(&mut peers, to).history().tally(from, series, Some(last));
        }
        tally.assert_clean("between all, the frozen one too");
        (1..=PEERS).for_each(|id| assert_eq!(at(&mut peers, id).state().id, Some(id)));
    }
    let spread = spread(times);
    say(&format!("host frozen, {rounds} rounds, the machine late in {late}: replaced after {spread}; {tally}"));
}

#[test]
fn a_member_that_is_stopped_slows_only_those_who_send_to_it() {
    let mut stage = Stage::new(PEER, Duration::from_secs(60));
    let settings = Settings { outgoing: Some(1000), ..stage.settings() };
    let mut peers = stage.open_all_with(PEERS, &settings);
    let stopped = PEERS;
    at(&mut peers, stopped).signal(Signal::STOP);
    // As fast as there is room: soon there is none.
    let flood = Sending { series: 1, count: None, padding: 1000, ..Command::send(To::Peer(stopped), 0) };
    at(&mut peers, 1).send(flood);
    let rest = || pairs().filter(|&(from, to)| from != stopped && to != stopped);
    for (from, to) in rest() {
        at(&mut peers, from).send(Sending { series: 2, every_us: 500, ..Command::send(To::Peer(to), 2000) });
    }
    let mut tally = Tally::default();
    for (from, to) in rest() {
        assert_eq!(at(&mut peers, from).settled(To::Peer(to), 2), 2000);
        at(&mut peers, to).until("the last", |history| history.highest(from, 2) == 2000);
        tally += at(&mut peers, to).history().tally(from, 2, Some(2000));
    }
    tally.assert_clean("between those that are not stopped");
    assert_eq!(at(&mut peers, 1).history().delivered(stopped, 1), 0);
    at(&mut peers, stopped).signal(Signal::CONT);
    at(&mut peers, stopped).until("what it missed", |history| history.count(1, 1) >= 2000);
    at(&mut peers, 1).tell(&Command::Halt);
    let last = at(&mut peers, 1).settled(To::Peer(stopped), 1);
    assert!(at(&mut peers, 1).history().outcomes(stopped, 1).keys().eq([&Outcome::Delivered]));
    at(&mut peers, stopped).until("the last", |history| history.highest(1, 1) == last);
    at(&mut peers, stopped).history().tally(1, 1, Some(last)).assert_clean("to the stopped one");
    say(&format!("member stopped: {tally} between the others; then {last} messages to it"));
}

fn pairs() -> impl Iterator<Item = (u32, u32)> {
    (1..=PEERS).flat_map(|from| (1..=PEERS).map(move |to| (from, to))).filter(|(from, to)| from != to)
}

fn at(peers: &mut [Peer], id: u32) -> &mut Peer {
    &mut peers[id as usize - 1]
}
