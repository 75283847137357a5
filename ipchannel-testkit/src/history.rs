//! The messages a peer received and sent, held against the promises.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;

use crate::protocol::{Fate, Outcome, Report, Run, Source};

/// The messages of one peer.
#[derive(Debug, Default)]
pub struct History {
    received: BTreeMap<Flow, Vec<(Run<Source>, bool)>>,
    settled: BTreeMap<(u32, u32), Vec<Run<Fate>>>,
}

/// Numbered messages that belong together at their receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flow {
    /// The sender.
    pub from: u32,
    /// Which life of it.
    pub incarnation: u64,
    /// Which series.
    pub series: u32,
}

/// How many messages went well or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Arrived.
    pub messages: u64,
    /// Never arrived, though later ones did or they were sent.
    pub lost: u64,
    /// Arrived more than once: each time but the first.
    pub doubled: u64,
    /// Arrived after a later one.
    pub disordered: u64,
    /// Marked as redelivered.
    pub redelivered: u64,
}

impl History {
    pub(crate) fn add(&mut self, report: &Report) {
        match report {
            Report::Received(run) => {
                let Source { from, incarnation, series, redelivered } = run.of;
                self.received.entry(Flow { from, incarnation, series }).or_default().push((*run, redelivered));
            }
            Report::Settled(run) => self.settled.entry((run.of.to, run.of.series)).or_default().push(*run),
            _ => {}
        }
    }

    /// How many messages of this series came from this sender, in all its lives.
    pub fn count(&self, from: u32, series: u32) -> u64 {
        self.flows(from, series).flat_map(|(_, runs)| runs).map(|(run, _)| run.last - run.first + 1).sum()
    }

    /// The highest number of this series that came from this sender; 0 if none has.
    pub fn highest(&self, from: u32, series: u32) -> u64 {
        self.flows(from, series).flat_map(|(_, runs)| runs).map(|(run, _)| run.last).max().unwrap_or(0)
    }

    /// The numbers of this series that came from this sender, in the order they came, and whether each was redelivered.
    pub fn numbers(&self, from: u32, series: u32) -> Vec<(u64, bool)> {
        let runs = self.flows(from, series).flat_map(|(_, runs)| runs);
        runs.flat_map(|(run, redelivered)| (run.first..=run.last).map(|number| (number, *redelivered))).collect()
    }

    /// Who sent anything, by sender and series.
    pub fn senders(&self) -> BTreeSet<(u32, u32)> {
        self.received.keys().map(|flow| (flow.from, flow.series)).collect()
    }

    fn flows(&self, from: u32, series: u32) -> impl Iterator<Item = (&Flow, &Vec<(Run<Source>, bool)>)> {
        self.received.iter().filter(move |(flow, _)| flow.from == from && flow.series == series)
    }

    /// Holds what came from one sender against what it sent: 1 to `last`, or as much of it as came if that is not known.
    pub fn tally(&self, from: u32, series: u32, last: Option<u64>) -> Tally {
        let numbers = self.numbers(from, series);
        let last = last.unwrap_or_else(|| self.highest(from, series));
        let (mut seen, mut highest, mut tally) = (BTreeSet::new(), 0, Tally::default());
        for (number, redelivered) in numbers {
            tally.redelivered += u64::from(redelivered);
            if !seen.insert(number) {
                tally.doubled += 1;
                continue;
            }
            tally.messages += 1;
            tally.disordered += u64::from(number < highest);
            highest = highest.max(number);
        }
        assert!(highest <= last, "{highest} came from {from}, but no more than {last} were sent");
        tally.lost = (1..=last).filter(|number| !seen.contains(number)).count() as u64;
        tally
    }

    /// How many messages of a series to this peer had which outcome.
    pub fn outcomes(&self, to: u32, series: u32) -> BTreeMap<Outcome, u64> {
        let mut outcomes = BTreeMap::new();
        for run in self.settled.get(&(to, series)).into_iter().flatten() {
            *outcomes.entry(run.of.outcome).or_default() += run.last - run.first + 1;
        }
        outcomes
    }

    /// The numbers of a series to this peer that had this outcome.
    pub fn with_outcome(&self, to: u32, series: u32, outcome: Outcome) -> BTreeSet<u64> {
        let runs = self.settled.get(&(to, series)).into_iter().flatten();
        runs.filter(|run| run.of.outcome == outcome).flat_map(|run| run.first..=run.last).collect()
    }

    /// How many messages of a series to this peer have arrived, as far as their sender knows.
    pub fn delivered(&self, to: u32, series: u32) -> u64 {
        self.outcomes(to, series).get(&Outcome::Delivered).copied().unwrap_or(0)
    }
}

impl Tally {
    /// Fails unless everything arrived, once and in order, and none of it marked as redelivered.
    pub fn assert_clean(&self, what: &str) {
        let clean = Tally { messages: self.messages, ..Tally::default() };
        assert_eq!(*self, clean, "{what}");
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.disordered += other.disordered;
        self.redelivered += other.redelivered;
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Tally { messages, lost, doubled, disordered, redelivered } = self;
        write!(
            f,
            "{messages} messages: {lost} lost, {doubled} doubled, {disordered} out of order, {redelivered} redelivered"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(numbers: &[u64]) -> History {
        let mut history = History::default();
        let of = Source { from: 2, incarnation: 1, series: 0, redelivered: false };
        numbers.iter().for_each(|&number| history.add(&Report::Received(Run { of, first: number, last: number })));
        history
    }

    #[test]
    fn a_history_without_fault_is_clean() {
        history(&[1, 2, 3]).tally(2, 0, Some(3)).assert_clean("1 to 3");
    }

    #[test]
    fn what_is_lost_doubled_or_late_is_counted() {
        let tally = |numbers: &[u64], last| {
            let Tally { messages, lost, doubled, disordered, .. } = history(numbers).tally(2, 0, last);
            (messages, lost, doubled, disordered)
        };
        assert_eq!(tally(&[1, 2], Some(4)), (2, 2, 0, 0));
        assert_eq!(tally(&[1, 3], None), (2, 1, 0, 0));
        assert_eq!(tally(&[1, 2, 2, 1], None), (2, 0, 2, 0));
        assert_eq!(tally(&[1, 3, 2], None), (3, 0, 0, 1));
    }
}
