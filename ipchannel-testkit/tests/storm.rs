//! Deaths at random, several at once, and a machine that sleeps.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::time::Duration;

use ipchannel_testkit::figures::{count, say};
use ipchannel_testkit::protocol::{Command, Outcome, Report, Sending, To};
use ipchannel_testkit::{Peer, Stage};
use rustix::process::Signal;

const PEER: &str = env!("CARGO_BIN_EXE_ipchannel-test-peer");
const PEERS: u32 = 6;
const SEED: u64 = 20_250_730;

/// One process, and the series it sends to everybody: each has another.
struct Life {
    peer: Peer,
    series: u32,
}

/// The processes by their ids, and the round in which each series began.
#[derive(Default)]
struct Storm {
    lives: BTreeMap<u32, Life>,
    began: Vec<usize>,
}

impl Storm {
    fn join(&mut self, mut peer: Peer, round: usize) {
        let id = peer.connected();
        let series = self.began.len() as u32;
        self.began.push(round);
        for to in (1..=PEERS).filter(|&to| to != id) {
            peer.send(Sending { series, count: None, every_us: 2000, ..Command::send(To::Peer(to), 0) });
        }
        assert!(self.lives.insert(id, Life { peer, series }).is_none(), "two have the id {id}");
    }

    /// Everybody hears more from everybody.
    fn goes_on(&mut self) {
        let senders: Vec<_> = self.lives.iter().map(|(&id, life)| (id, life.series)).collect();
        for (&id, life) in &mut self.lives {
            for &(from, series) in senders.iter().filter(|&&(from, _)| from != id) {
                let before = life.peer.history().highest(from, series);
                life.peer.until("more", |history| history.highest(from, series) >= before + 10);
            }
        }
    }

    /// No hole, nothing twice, and redelivered only what was sent to the life of the receiver before this one.
    fn check(&self, life: &Life) -> usize {
        let mut messages = 0;
        for (from, series) in life.peer.history().senders() {
            let numbers = life.peer.history().numbers(from, series);
            let what = || format!("series {series} of {from}: {numbers:?}");
            assert!(numbers.windows(2).all(|two| two[1].0 == two[0].0 + 1), "{}", what());
            assert!(numbers.is_sorted_by_key(|(_, redelivered)| !redelivered), "{}", what());
            if self.began[life.series as usize] <= self.began[series as usize] {
                assert_eq!(numbers[0], (1, false), "{}", what());
            }
            messages += numbers.len();
        }
        messages
    }
}

#[test]
fn deaths_at_random_several_at_once_lose_nothing_that_the_living_send() {
    let rounds = count(15, 300);
    let mut random = fastrand::Rng::with_seed(SEED);
    let mut stage = Stage::new(PEER, Duration::from_secs(60 + 3 * rounds as u64));
    let (mut storm, mut messages, mut deaths) = (Storm::default(), 0, 0);
    (0..PEERS).for_each(|_| storm.join(stage.open(), 0));
    storm.goes_on();
    for round in 1..=rounds {
        let ids = random.choose_multiple(1..=PEERS, 1 + round % 3);
        // First all signals: they die together.
        ids.iter().for_each(|id| storm.lives[id].peer.signal(Signal::KILL));
        for id in &ids {
            let mut dead = storm.lives.remove(id).unwrap();
            dead.peer.ended();
            messages += storm.check(&dead);
        }
        deaths += ids.len();
        let next: Vec<Peer> = ids.iter().map(|_| stage.open()).collect();
        next.into_iter().for_each(|peer| storm.join(peer, round));
        assert!(storm.lives.keys().copied().eq(1..=PEERS), "{:?}", storm.lives.keys());
        storm.goes_on();
    }
    storm.lives.values_mut().for_each(|life| life.peer.tell(&Command::Halt));
    for from in 1..=PEERS {
        for to in (1..=PEERS).filter(|&to| to != from) {
            let sender = storm.lives.get_mut(&from).unwrap();
            let (series, last) = (sender.series, sender.peer.settled(To::Peer(to), sender.series));
            let outcomes = sender.peer.history().outcomes(to, series);
            assert!(outcomes.keys().eq([&Outcome::Delivered]), "from {from} to {to}: {outcomes:?}");
            let receiver = &mut storm.lives.get_mut(&to).unwrap().peer;
            receiver.until("the last", |history| history.highest(from, series) == last);
        }
    }
    messages += storm.lives.values().map(|life| storm.check(life)).sum::<usize>();
    let hosts: Vec<_> = storm.lives.values_mut().map(|life| life.peer.state().host.unwrap()).collect();
    assert!(hosts.iter().all(|host| *host == hosts[0]), "{hosts:?}");
    say(&format!(
        "{deaths} deaths in {rounds} rounds, one to three at once: {messages} messages, none lost, none doubled"
    ));
}

#[test]
fn a_machine_that_sleeps_and_wakes_keeps_its_host() {
    let rounds = count(1, 20);
    let mut stage = Stage::new(PEER, Duration::from_secs(60 + 10 * rounds as u64));
    let mut peers = stage.open_all(4);
    let host = peers[0].state().host;
    for from in 1..=4 {
        let others = Sending { count: None, every_us: 1000, ..Command::send(To::Others, 0) };
        peers[from - 1].send(others);
    }
    for _ in 0..rounds {
        let marks: Vec<_> = peers.iter_mut().map(Peer::mark).collect();
        peers.iter().for_each(|peer| peer.signal(Signal::STOP));
        // Longer than the limit after which a host that says nothing is replaced.
        std::thread::sleep(Duration::from_secs(4));
        // The host is the last to wake.
        peers.iter().rev().for_each(|peer| peer.signal(Signal::CONT));
        for (index, mark) in marks.into_iter().enumerate() {
            for from in (1..=4).filter(|&from| from != index as u32 + 1) {
                let before = peers[index].history().highest(from, 0);
                // More than a beat goes by.
                peers[index].until("more", |history| history.highest(from, 0) >= before + 1500);
            }
            let changes = |stamped: &&_| {
                matches!(stamped, ipchannel_testkit::protocol::Stamped { report: Report::HostChanged { .. }, .. })
            };
            assert_eq!(peers[index].since(mark).iter().filter(changes).count(), 0, "the host changed");
            assert_eq!(peers[index].state().host, host);
        }
    }
    peers.iter_mut().for_each(|peer| peer.tell(&Command::Halt));
    let mut messages = 0;
    for from in 1..=4 {
        let last = peers[from as usize - 1].settled(To::Others, 0);
        for to in (1..=4).filter(|&to| to != from) {
            assert_eq!(peers[from as usize - 1].history().delivered(to, 0), last);
            let receiver = &mut peers[to as usize - 1];
            receiver.until("the last", |history| history.highest(from, 0) == last);
            receiver.history().tally(from, 0, Some(last)).assert_clean("over a sleep");
            messages += last;
        }
    }
    say(&format!("all stopped for 4 s, {rounds} rounds: the same host, {messages} messages, none lost, none doubled"));
}
