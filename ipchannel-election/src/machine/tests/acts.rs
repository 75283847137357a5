//! What a process of the simulated world does: it is the driver of its election.

use std::time::{Duration, Instant};

use ipchannel_core::{PeerRef, Term};

use super::super::{Action, Election, Heard, HostView};
use super::world::{Claim, Event, Input, Life, Note, Process, World, ms};

impl World {
    pub(super) fn fire(&mut self, index: usize) {
        self.processes[index].timer = None;
        self.with(index, |election, now| election.handle_timeout(now));
    }

    pub(super) fn input(&mut self, index: usize, input: Input) {
        let me = self.processes[index].me;
        let now = self.now;
        self.note(me, Note::Hears(input));
        match input {
            Input::DoLook => {
                let view = self.claim.as_ref().map(|c| HostView { term: c.term, host: c.host, alive: c.held });
                self.send(me, Input::Looked(view, now));
            }
            Input::DoTake(depose) => {
                let won = self.take(me, depose);
                self.send(me, Input::Taken(won, now));
            }
            Input::Looked(view, looked) => {
                self.processes[index].looking = false;
                self.processes[index].looked = looked;
                self.with(index, |election, now| election.handle_look(now, view));
            }
            Input::Taken(won, looked) => {
                self.processes[index].taking = false;
                self.processes[index].looked = looked;
                self.with(index, |election, now| election.handle_take(now, won));
            }
            Input::Word { term, host, looked } => {
                match self.with(index, |election, now| election.handle_heard(now, term, host)) {
                    Heard::Accepted => {
                        self.accept(term, host);
                        self.processes[index].heard = now;
                        let over = self.over.get(&term).copied().unwrap_or(Duration::MAX);
                        self.check(looked <= over, || {
                            format!("{me:?} heeds {host:?}, who never saw that {term} is over")
                        });
                    }
                    Heard::Superseded { term, .. } => self.send(host, Input::Superseded(term)),
                    Heard::Ignored => {}
                }
            }
            Input::Superseded(term) => self.with(index, |election, now| election.handle_superseded(now, term)),
            Input::Dialled { by } => self.send(by, Input::Alive(me)),
            Input::Alive(peer) => {
                if self.processes[index].election.host().is_some_and(|(_, host)| host == peer) {
                    self.processes[index].heard = now;
                }
                self.with(index, |election, now| election.handle_alive(now, peer));
            }
            Input::Disconnected(peer) => self.with(index, |election, now| election.handle_disconnected(now, peer)),
        }
    }

    fn take(&mut self, me: PeerRef, depose: Option<Term>) -> Option<Term> {
        if let Some(claim) = &self.claim {
            if claim.held && depose != Some(claim.term) {
                return None;
            }
            self.over.entry(claim.term).or_insert(self.now);
        }
        self.highest += 1;
        let term = Term(self.highest);
        self.claim = Some(Claim { term, host: me, held: true });
        Some(term)
    }

    /// Lets an election do something, and does what it asks for.
    pub(super) fn with<R>(&mut self, index: usize, step: impl FnOnce(&mut Election, Instant) -> R) -> R {
        let now = self.base + self.now;
        let rank = self.rank(index);
        let process = &mut self.processes[index];
        process.election.handle_rank(rank);
        let result = step(&mut process.election, now);
        while let Some(action) = self.processes[index].election.poll_action() {
            self.act(index, action);
        }
        let timeout =
            self.processes[index].election.poll_timeout().map(|at| at.duration_since(self.base).max(self.now));
        if let Some(due) = timeout
            && self.processes[index].timer != timeout
        {
            let late =
                if self.rng.f64() < self.faults.late { self.rng.u64(0..1_000_000) } else { self.rng.u64(0..500) };
            let late = Duration::from_micros(late);
            self.at(due - self.now + late, Event::Timer(self.processes[index].me, due));
        }
        self.processes[index].timer = timeout;
        result
    }

    fn rank(&self, index: usize) -> u32 {
        let host = self.processes[index].election.host().map(|(_, host)| host);
        let before = self.processes[..index].iter();
        before.filter(|other| other.life != Life::Dead && Some(other.me) != host).count() as u32
    }

    fn act(&mut self, index: usize, action: Action) {
        let process = &mut self.processes[index];
        let me = process.me;
        process.actions += 1;
        self.note(me, Note::Does(action));
        match action {
            Action::Look => {
                let twice = std::mem::replace(&mut self.processes[index].looking, true);
                self.check(!twice, || format!("{me:?} looks twice at once"));
                self.send(me, Input::DoLook);
            }
            Action::Take { depose } => {
                let twice = std::mem::replace(&mut self.processes[index].taking, true);
                self.check(!twice, || format!("{me:?} takes twice at once"));
                if let Some(term) = depose {
                    self.check_deposing(index, term);
                }
                self.send(me, Input::DoTake(depose));
            }
            Action::Probe { host } => {
                if self.find(host).is_some_and(|host| self.processes[host].life != Life::Dead) {
                    self.send(host, Input::Dialled { by: me });
                    let patience = Duration::from_micros(self.rng.u64(1..1_000_000));
                    self.at(patience, Event::GiveUp { by: me, host });
                } else {
                    self.send(me, Input::Disconnected(host));
                }
            }
            Action::Announce { term } => {
                self.reach(index, term);
                self.accept(term, me);
                self.tell(index, term);
            }
            Action::Beat { term } => self.tell(index, term),
            Action::Follow { term, host } => {
                self.reach(index, term);
                self.processes[index].heard = self.now;
                if self.find(host).is_none_or(|host| self.processes[host].life == Life::Dead) {
                    self.send(me, Input::Disconnected(host));
                }
            }
            Action::Lost { term } => {
                if let Some(claim) = self.claim.as_mut().filter(|claim| claim.term == term && claim.host == me) {
                    claim.held = false;
                }
            }
        }
    }

    fn tell(&mut self, index: usize, term: Term) {
        let Process { me: host, looked, .. } = self.processes[index];
        let stale = self.policy.beat + self.policy.lateness() + ms(100);
        self.check(self.now - looked <= stale, || format!("{host:?} speaks on the ground of an old look"));
        for other in 0..self.processes.len() {
            if other != index && self.rng.f64() >= self.faults.lost_words {
                self.send(self.processes[other].me, Input::Word { term, host, looked });
            }
        }
    }
}
