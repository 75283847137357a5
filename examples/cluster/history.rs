//! All that the workers reported.

use std::collections::BTreeMap;

use crate::report::{Micros, Report, What};

/// The reports of one process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Process {
    pub pid: u32,
    pub id: Option<u32>,
    pub connected: Micros,
    /// Who hosts, in which term, since when.
    pub hosts: Vec<(Micros, u32, u64)>,
    pub left: Vec<u32>,
    /// From whom, which event, which text.
    pub heard: Vec<(Micros, [String; 3])>,
    /// By the process it came from: each number that arrived, in order of arrival.
    pub counted: BTreeMap<usize, Vec<Counted>>,
    /// By peer: how many numbers it had acknowledged when that was asked.
    pub acknowledged: BTreeMap<u32, u64>,
    /// By peer: how many numbers were sent to it.
    pub sent: BTreeMap<u32, u64>,
    pub failures: Vec<String>,
    /// The id it had at the end.
    pub last_id: Option<u32>,
    pub undelivered: Option<usize>,
    /// Whether it has ended: its stdout has.
    pub ended: bool,
}

/// A number that arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    pub at: Micros,
    pub number: u64,
    pub redelivered: bool,
}

impl Process {
    pub(crate) fn record(&mut self, Report { at, what }: Report) {
        match what {
            What::Connected { id } => (self.id, self.connected) = (Some(id), at),
            What::HostChanged { host, term } => self.hosts.push((at, host, term)),
            What::Left { id } => self.left.push(id),
            What::Heard { from, event, text } => self.heard.push((at, [from, event, text])),
            What::Counted { from, number, redelivered } => {
                self.counted.entry(from).or_default().push(Counted { at, number, redelivered });
            }
            What::Acknowledged { to, numbers } => drop(self.acknowledged.insert(to, numbers)),
            What::Settled { to, sent, failures } => {
                self.sent.insert(to, sent);
                self.failures.extend(failures);
            }
            What::Closing { id } => self.last_id = id,
            What::Closed { undelivered } => self.undelivered = Some(undelivered),
            What::Trouble(text) => self.failures.push(text),
        }
    }

    /// Who hosts, as far as it knows.
    pub(crate) fn host(&self) -> Option<u32> {
        self.hosts.last().map(|(_, host, _)| *host)
    }

    /// Whether it has an id and knows who hosts.
    pub(crate) fn is_connected(&self) -> bool {
        self.id.is_some() && self.host().is_some()
    }

    /// Who hosted then, as far as it knew.
    pub(crate) fn host_at(&self, at: Micros) -> Option<u32> {
        self.hosts.iter().rev().find(|(since, ..)| *since < at).map(|(_, host, _)| *host)
    }

    /// The numbers that came from this process.
    pub(crate) fn from(&self, process: usize) -> &[Counted] {
        self.counted.get(&process).map_or(&[], Vec::as_slice)
    }

    /// How many of them came since then.
    pub(crate) fn count_since(&self, process: usize, since: Micros) -> usize {
        let numbers = self.from(process);
        numbers.len() - numbers.partition_point(|counted| counted.at < since)
    }
}
