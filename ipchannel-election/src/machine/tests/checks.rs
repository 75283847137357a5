//! What must hold in the simulated world at every moment.

use ipchannel_core::{PeerRef, Term};

use super::world::{Life, Process, World, ms};

impl World {
    pub(super) fn accept(&mut self, term: Term, host: PeerRef) {
        let first = *self.accepted.entry(term).or_insert(host);
        self.check(first == host, || format!("term {term} has two hosts, {first:?} and {host:?}"));
    }

    pub(super) fn reach(&mut self, index: usize, term: Term) {
        let Process { me, ref mut reached, .. } = self.processes[index];
        let before = reached.replace(term);
        self.check(before < Some(term), || format!("{me:?} goes from term {before:?} to {term}"));
    }

    pub(super) fn check_deposing(&self, index: usize, term: Term) {
        let Process { me, heard, .. } = self.processes[index];
        self.check(self.now - heard >= self.policy.limit, || format!("{me:?} deposes {term} too early"));
        let host = self.claim.as_ref().filter(|claim| claim.term == term && claim.held).map(|claim| claim.host);
        if let Some(host) = host.and_then(|host| self.find(host)).map(|host| &self.processes[host]) {
            let answers = host.life == Life::Running && host.thawed + self.policy.patience() - ms(100) < self.now;
            self.check(!answers, || format!("{me:?} deposes {:?}, who would have answered", host.me));
        }
    }

    pub(super) fn check(&self, holds: bool, complaint: impl FnOnce() -> String) {
        if !holds {
            for (at, who, note) in &self.trace[self.trace.len().saturating_sub(150)..] {
                println!("{at:?} {who:?} {note:?}");
            }
            panic!("seed {}, at {:?}: {}", self.seed, self.now, complaint());
        }
    }

    // What is so now.

    pub(super) fn running(&self) -> Vec<usize> {
        (0..self.processes.len()).filter(|&index| self.processes[index].life == Life::Running).collect()
    }

    /// The one process that all running ones take for the host, and that does so itself.
    pub(super) fn agreed(&self) -> Option<usize> {
        let running = self.running();
        let host = self.processes[*running.first()?].election.host()?;
        let agree = |&index: &usize| self.processes[index].election.host() == Some(host);
        let index = self.find(host.1)?;
        let hosts = self.processes[index].election.hosting() == Some(host.0) && running.contains(&index);
        let claimed = self.claim.as_ref().is_some_and(|claim| (claim.term, claim.host) == host && claim.held);
        (running.iter().all(agree) && hosts && claimed).then_some(index)
    }

    /// What the running processes think.
    pub(super) fn views(&self) -> Vec<(PeerRef, Option<(Term, PeerRef)>)> {
        let view = |index: usize| (self.processes[index].me, self.processes[index].election.host());
        self.running().into_iter().map(view).collect()
    }

    pub(super) fn check_actions(&self, befell: usize) {
        for process in &self.processes {
            let seconds = self.now.as_secs() as usize;
            let most = 3 * seconds + 12 * befell;
            self.check(process.actions <= most, || {
                format!("{:?} did {} things, more than {most}", process.me, process.actions)
            });
        }
    }
}
