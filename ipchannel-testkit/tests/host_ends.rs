//! The host ends, in each way there is, while everybody sends to everybody.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use ipchannel_testkit::figures::{count, say, spread};
use ipchannel_testkit::history::Tally;
use ipchannel_testkit::protocol::{Command, Outcome, Report, Stamped, To, now};
use ipchannel_testkit::{Peer, Stage};
use rustix::process::Signal;

const PEER: &str = env!("CARGO_BIN_EXE_ipchannel-test-peer");
const PEERS: u32 = 5;

/// How many messages each has from each before and after the end.
const TRAFFIC: u64 = 30;

#[test]
fn sigkill_of_the_host_disturbs_no_message_between_the_survivors() {
    rounds("SIGKILL", Peer::kill);
}

#[test]
fn sigterm_of_the_host_disturbs_no_message_between_the_survivors() {
    rounds("SIGTERM", |host| {
        host.signal(Signal::TERM);
        host.ended();
    });
}

#[test]
fn exit_of_the_host_disturbs_no_message_between_the_survivors() {
    rounds("exit(0)", |host| {
        host.tell(&Command::Exit { code: 0 });
        assert!(host.ended().success());
    });
}

#[test]
fn close_of_the_host_disturbs_no_message_and_loses_none_of_its_own() {
    rounds("close()", |host| {
        host.tell(&Command::Close);
        let undelivered = host.find("that it is closed", |report| match report {
            Report::Closed { undelivered } => Some(*undelivered),
            _ => None,
        });
        assert_eq!(undelivered, 0);
        host.tell(&Command::Return);
        assert!(host.ended().success());
    });
}

fn rounds(how: &str, end: impl Fn(&mut Peer)) {
    let rounds = count(3, 100);
    let mut stage = Stage::new(PEER, Duration::from_secs(30 + 5 * rounds as u64));
    let mut peers = stage.open_all(PEERS);
    let (mut host, mut tally, mut failovers) = (1, Tally::default(), Vec::new());
    for series in 1..=rounds as u32 {
        let dead = host;
        let survivors: Vec<u32> = (1..=PEERS).filter(|&id| id != dead).collect();
        for (from, to) in pairs() {
            at(&mut peers, from).send(forever(to, series));
        }
        for (from, to) in pairs() {
            at(&mut peers, to).until("the traffic before", |history| history.highest(from, series) >= TRAFFIC);
        }

        let marks: Vec<_> = survivors.iter().map(|&id| at(&mut peers, id).mark()).collect();
        let ended = now();
        end(at(&mut peers, dead));
        let followed: Vec<_> = survivors
            .iter()
            .zip(marks)
            .map(|(&id, mark)| at(&mut peers, id).find_at(mark, "the new host", new_host))
            .collect();
        let (next, term, _) = followed[0];
        assert!(followed.iter().all(|&(host, t, _)| (host, t) == (next, term)), "{followed:?}");
        failovers.push(followed.iter().map(|(_, _, at)| at - ended).max().unwrap());
        host = next;

        // On it goes, and the dead one comes back while it does.
        let before: Vec<_> = pairs().map(|(from, to)| at(&mut peers, to).history().highest(from, series)).collect();
        let mut old = std::mem::replace(at(&mut peers, dead), stage.open());
        for ((from, to), before) in pairs().zip(before).filter(|&((from, to), _)| from != dead && to != dead) {
            at(&mut peers, to).until("the traffic after", |history| history.highest(from, series) >= before + TRAFFIC);
        }
        assert_eq!(at(&mut peers, dead).connected(), dead);
        survivors.iter().for_each(|&id| at(&mut peers, id).tell(&Command::Halt));
        for (from, to) in pairs().filter(|&(from, _)| from != dead) {
            let last = at(&mut peers, from).settled(To::Peer(to), series);
            let outcomes = at(&mut peers, from).history().outcomes(to, series);
            assert!(outcomes.keys().eq([&Outcome::Delivered]), "from {from} to {to}: {outcomes:?}");
            let receiver = at(&mut peers, to);
            receiver.until("the last message", |history| history.highest(from, series) == last);
            if to != dead {
                tally += receiver.history().tally(from, series, Some(last));
            } else {
                assert_goes_on(&old, receiver, from, series);
            }
        }
        for &id in &survivors {
            let last = (how == "close()").then(|| old.sent(To::Peer(id), series));
            tally += at(&mut peers, id).history().tally(dead, series, last);
        }
        tally.assert_clean("between the survivors, and from the dead one");
        for peer in &mut peers {
            peer.knows(PEERS as usize);
        }
        for id in 1..=PEERS {
            assert_eq!(at(&mut peers, id).state().id, Some(id));
        }
    }
    say(&format!("host ended by {how}, {rounds} rounds of {PEERS}: new host after {}; {tally}", spread(failovers)));
}

/// The next life of a process has what the one before had not, in order, and first of it what may have been there before.
fn assert_goes_on(old: &Peer, new: &Peer, from: u32, series: u32) {
    let numbers = new.history().numbers(from, series);
    assert!(numbers.windows(2).all(|two| two[1].0 == two[0].0 + 1), "{numbers:?}");
    assert!(numbers.is_sorted_by_key(|&(_, redelivered)| !redelivered), "{numbers:?}");
    let had = old.history().highest(from, series);
    let twice = numbers.iter().filter(|&&(number, redelivered)| number <= had && !redelivered).count();
    assert_eq!(twice, 0, "the one before had up to {had}: {numbers:?}");
}

fn new_host(stamped: &Stamped) -> Option<(u32, u64, u64)> {
    match stamped.report {
        Report::HostChanged { host, term } => Some((host, term, stamped.at)),
        _ => None,
    }
}

fn forever(to: u32, series: u32) -> ipchannel_testkit::protocol::Sending {
    ipchannel_testkit::protocol::Sending { series, count: None, every_us: 1000, ..Command::send(To::Peer(to), 0) }
}

fn pairs() -> impl Iterator<Item = (u32, u32)> {
    (1..=PEERS).flat_map(|from| (1..=PEERS).map(move |to| (from, to))).filter(|(from, to)| from != to)
}

fn at(peers: &mut [Peer], id: u32) -> &mut Peer {
    &mut peers[id as usize - 1]
}
