//! A world of processes, one claim and a clock, all simulated. It checks what must hold at every moment itself.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ipchannel_core::{Incarnation, PeerId, PeerRef, Term};

use super::super::{Action, Election, HostView, Policy};

pub(super) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// How rough the world is.
#[derive(Clone, Copy, Default)]
pub(super) struct Faults {
    /// Chance that a word of a host is lost.
    pub(super) lost_words: f64,
    /// Chance that a member is not told of the end of a process.
    pub(super) lost_ends: f64,
    /// Chance that something takes up to 30 ms instead of up to 2.
    pub(super) slow: f64,
    /// Chance that a timer is late by up to a second.
    pub(super) late: f64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Life {
    Running,
    Frozen,
    Dead,
}

pub(super) struct Process {
    pub(super) me: PeerRef,
    pub(super) election: Election,
    pub(super) life: Life,
    pub(super) actions: usize,
    pub(super) thawed: Duration,
    pub(super) inbox: Vec<Input>,
    pub(super) timer: Option<Duration>,
    pub(super) looking: bool,
    pub(super) taking: bool,
    /// When the look or take happened whose outcome it heard last.
    pub(super) looked: Duration,
    /// When the host it follows last gave it a sign of life.
    pub(super) heard: Duration,
    pub(super) reached: Option<Term>,
}

/// What reaches a process, or what it is about to do: both wait while it is frozen.
#[derive(Clone, Copy, Debug)]
pub(super) enum Input {
    DoLook,
    DoTake(Option<Term>),
    Looked(Option<HostView>, Duration),
    Taken(Option<Term>, Duration),
    Word { term: Term, host: PeerRef, looked: Duration },
    Superseded(Term),
    Dialled { by: PeerRef },
    Alive(PeerRef),
    Disconnected(PeerRef),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    Input(PeerRef, Input),
    Timer(PeerRef, Duration),
    GiveUp { by: PeerRef, host: PeerRef },
    Unlock(Term),
}

pub(super) struct Claim {
    pub(super) term: Term,
    pub(super) host: PeerRef,
    pub(super) held: bool,
}

pub(super) struct World {
    pub(super) rng: fastrand::Rng,
    pub(super) now: Duration,
    pub(super) faults: Faults,
    pub(super) policy: Policy,
    pub(super) processes: Vec<Process>,
    pub(super) base: Instant,
    queue: BTreeMap<(Duration, u64), Event>,
    order: u64,
    pub(super) claim: Option<Claim>,
    pub(super) highest: u64,
    /// When each term was over, since a higher claim was made.
    pub(super) over: BTreeMap<Term, Duration>,
    /// Whom anybody took for the host of each term.
    pub(super) accepted: BTreeMap<Term, PeerRef>,
    pub(super) seed: u64,
    pub(super) trace: Vec<(Duration, PeerRef, Note)>,
}

/// What happened to a process, for people to read after a failure.
#[derive(Clone, Copy, Debug)]
#[expect(dead_code, reason = "read by its derived Debug")]
pub(super) enum Note {
    Fate(&'static str),
    Hears(Input),
    Does(Action),
}

impl World {
    pub(super) fn new(seed: u64, size: usize, faults: Faults) -> Self {
        let mut world = World {
            rng: fastrand::Rng::with_seed(seed),
            now: Duration::ZERO,
            faults,
            policy: Policy::default(),
            processes: Vec::new(),
            base: Instant::now(),
            queue: BTreeMap::new(),
            order: 0,
            claim: None,
            highest: 0,
            over: BTreeMap::new(),
            accepted: BTreeMap::new(),
            seed,
            trace: Vec::new(),
        };
        for index in 0..size {
            let me = PeerRef { id: PeerId::new(index as u32 + 1).unwrap(), incarnation: Incarnation(0) };
            world.processes.push(Process::new(me, world.policy));
        }
        world
    }

    // What may befall a process.

    pub(super) fn start(&mut self, index: usize) {
        let PeerRef { id, incarnation } = self.processes[index].me;
        let me = PeerRef { id, incarnation: Incarnation(incarnation.0 + 1) };
        self.note(me, Note::Fate("starts"));
        self.processes[index] = Process { life: Life::Running, ..Process::new(me, self.policy) };
        self.with(index, |election, now| election.handle_seated(now, me, 0));
    }

    pub(super) fn crash(&mut self, index: usize) {
        let process = &mut self.processes[index];
        (process.life, process.timer) = (Life::Dead, None);
        let me = process.me;
        self.note(me, Note::Fate("crashes"));
        if let Some(Claim { term, host, .. }) = self.claim
            && host == me
        {
            let delay = Duration::from_micros(self.rng.u64(0..3000));
            self.at(delay, Event::Unlock(term));
        }
        self.end(me);
    }

    pub(super) fn leave(&mut self, index: usize) {
        self.with(index, |election, _| election.handle_leave());
        let process = &mut self.processes[index];
        (process.life, process.timer) = (Life::Dead, None);
        let me = process.me;
        self.note(me, Note::Fate("leaves"));
        self.end(me);
    }

    /// All connections that this process keeps open end, for no reason that anybody knows.
    pub(super) fn disconnect(&mut self, index: usize) {
        let me = self.processes[index].me;
        self.note(me, Note::Fate("disconnects"));
        self.end(me);
    }

    pub(super) fn start_or_thaw(&mut self, index: usize) {
        match self.processes[index].life {
            Life::Dead => self.start(index),
            Life::Frozen => self.thaw(index),
            Life::Running => {}
        }
    }

    fn end(&mut self, peer: PeerRef) {
        for other in 0..self.processes.len() {
            if self.rng.f64() >= self.faults.lost_ends {
                self.send(self.processes[other].me, Input::Disconnected(peer));
            }
        }
    }

    pub(super) fn freeze(&mut self, index: usize) {
        self.processes[index].life = Life::Frozen;
        let me = self.processes[index].me;
        self.note(me, Note::Fate("freezes"));
    }

    pub(super) fn thaw(&mut self, index: usize) {
        let now = self.now;
        let process = &mut self.processes[index];
        (process.life, process.thawed) = (Life::Running, now);
        let me = process.me;
        let inbox = std::mem::take(&mut process.inbox);
        self.note(me, Note::Fate("thaws"));
        let timer_at = self.rng.usize(0..=inbox.len());
        for (position, input) in inbox.into_iter().enumerate() {
            if position == timer_at {
                self.fire(index);
            }
            self.input(index, input);
        }
        self.fire(index);
    }

    /// The directory is deleted under everybody. Numbers go on from the wall clock, which is far ahead.
    pub(super) fn lose_directory(&mut self) {
        if let Some(claim) = self.claim.take() {
            self.over.entry(claim.term).or_insert(self.now);
        }
        self.highest += 1_000_000;
    }

    // The clock.

    pub(super) fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(next) = self.queue.first_entry().filter(|next| next.key().0 <= until) {
            let ((at, _), event) = next.remove_entry();
            self.now = at;
            self.event(event);
        }
        self.now = until;
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Input(to, input) => {
                let Some(index) = self.find(to) else { return };
                match self.processes[index].life {
                    Life::Running => self.input(index, input),
                    Life::Frozen => self.processes[index].inbox.push(input),
                    Life::Dead => {}
                }
            }
            Event::Timer(to, due) => {
                if let Some(index) = self.find(to)
                    && self.processes[index].timer == Some(due)
                    && self.processes[index].life == Life::Running
                {
                    self.fire(index);
                }
            }
            Event::GiveUp { by, host } => {
                if self.find(host).is_some_and(|index| self.processes[index].life == Life::Frozen) {
                    self.send(by, Input::Disconnected(host));
                }
            }
            Event::Unlock(term) => {
                if let Some(claim) = self.claim.as_mut().filter(|claim| claim.term == term) {
                    claim.held = false;
                }
            }
        }
    }

    pub(super) fn at(&mut self, delay: Duration, event: Event) {
        self.order += 1;
        self.queue.insert((self.now + delay, self.order), event);
    }

    pub(super) fn send(&mut self, to: PeerRef, input: Input) {
        let slow = self.rng.f64() < self.faults.slow;
        let delay = Duration::from_micros(self.rng.u64(20..if slow { 30_000 } else { 2_000 }));
        self.at(delay, Event::Input(to, input));
    }

    pub(super) fn note(&mut self, who: PeerRef, note: Note) {
        self.trace.push((self.now, who, note));
    }

    pub(super) fn find(&self, peer: PeerRef) -> Option<usize> {
        self.processes.iter().position(|process| process.me == peer)
    }
}

impl Process {
    fn new(me: PeerRef, policy: Policy) -> Self {
        Process {
            me,
            election: Election::new(policy),
            life: Life::Dead,
            actions: 0,
            thawed: Duration::ZERO,
            inbox: Vec::new(),
            timer: None,
            looking: false,
            taking: false,
            looked: Duration::ZERO,
            heard: Duration::ZERO,
            reached: None,
        }
    }
}
