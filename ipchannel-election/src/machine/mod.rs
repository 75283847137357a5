//! The election of a host as a pure machine: what one member does about the claim `host`.

mod action;
mod policy;
mod state;
mod steps;

use std::collections::VecDeque;
use std::time::Instant;

use ipchannel_core::{PeerRef, Term};

pub use action::{Action, Heard, HostView};
pub use policy::Policy;
use state::{Due, Reign, Say, State, Watch};

/// Who hosts, as one member sees it, and what that member does about it.
///
/// It holds no clock, lock, task or socket. A driver tells it what happens with `handle_*`, and after each of these
/// does what [`poll_action`](Self::poll_action) asks for, until that is `None`, and calls
/// [`handle_timeout`](Self::handle_timeout) at the time that [`poll_timeout`](Self::poll_timeout) then names. `now`
/// must not go back.
///
/// - The claim decides who hosts, in which term. This machine only decides when to look at it and when to try to take it.
/// - Terms only grow: who speaks in a lower one is refused, and no term is taken or followed after a higher one.
/// - The end of the host's connection is followed by looks at the claim. When that is free, members try to take it in the
///   order of their rank.
/// - A claim that is held is taken only from a host that was silent for [`Policy::limit`] and did not answer a fresh dial.
///   A member whose own timers are late takes that for the reason of the silence, and begins to wait anew.
/// - A host says nothing in its term before a look has shown that its claim stands. So one that was frozen, and deposed,
///   finds out first.
///
/// ```
/// use std::time::Instant;
///
/// use ipchannel_core::{Incarnation, PeerId, PeerRef, Term};
/// use ipchannel_election::machine::{Action, Election, Policy};
///
/// let now = Instant::now();
/// let mut election = Election::new(Policy::default());
/// election.handle_seated(now, PeerRef { id: PeerId::FIRST, incarnation: Incarnation(1) }, 0);
/// assert_eq!(election.poll_action(), Some(Action::Look));
/// election.handle_look(now, None);
/// assert_eq!(election.poll_action(), Some(Action::Take { depose: None }));
/// election.handle_take(now, Some(Term(7)));
/// assert_eq!(election.poll_action(), Some(Action::Announce { term: Term(7) }));
/// assert_eq!(election.hosting(), Some(Term(7)));
/// ```
#[derive(Debug)]
pub struct Election {
    policy: Policy,
    me: Option<PeerRef>,
    rank: u32,
    /// The highest term that anybody was said to host in.
    known: Option<Reign>,
    state: State,
    look: Look,
    take: Option<Take>,
    /// How many takes were lost in a row.
    losses: u32,
    actions: VecDeque<Action>,
}

#[derive(Debug)]
enum Look {
    Idle,
    UnderWay,
    /// Under way, and something happened since that it may not have seen.
    Stale,
}

/// A take under way.
#[derive(Debug)]
struct Take {
    since: Instant,
    by: PeerRef,
}

impl Election {
    /// Takes no part before it is seated.
    pub fn new(policy: Policy) -> Self {
        Election {
            policy,
            me: None,
            rank: 0,
            known: None,
            state: State::Out,
            look: Look::Idle,
            take: None,
            losses: 0,
            actions: VecDeque::new(),
        }
    }

    /// We hold a seat, or another one than before, which gives up the hosting in the name of the old.
    ///
    /// `rank` counts the members that try to host before us, the host itself aside
    /// ([`Roster::rank`](ipchannel_core::Roster::rank)): 0 as long as none is known.
    pub fn handle_seated(&mut self, now: Instant, me: PeerRef, rank: u32) {
        self.wake(now);
        self.rank = rank;
        if self.me != Some(me) {
            self.step_down();
            self.me = Some(me);
            self.search();
        }
    }

    /// Other members come before us than did.
    pub fn handle_rank(&mut self, rank: u32) {
        self.rank = rank;
    }

    /// We leave the channel: gives up hosting, and takes no part any more.
    pub fn handle_leave(&mut self) {
        self.step_down();
        self.me = None;
        self.state = State::Out;
    }

    /// The outcome of a look at the host claim: `None`, there is none at all.
    pub fn handle_look(&mut self, now: Instant, view: Option<HostView>) {
        self.wake(now);
        let Some(me) = self.me else {
            self.look = Look::Idle;
            return;
        };
        if matches!(std::mem::replace(&mut self.look, Look::Idle), Look::Stale) {
            self.look();
            return;
        }
        // The outcome of a take will tell more.
        if self.take.is_some() || self.confirm(me, view) {
            return;
        }
        match view {
            Some(view) if view.alive && view.host != me && self.known.is_none_or(|known| view.term >= known.term) => {
                self.handle_held(now, Reign { term: view.term, host: view.host });
            }
            Some(view) if view.alive => self.search_later(now),
            _ => self.handle_free(now, view),
        }
    }

    /// The outcome of a try to take the host claim: our term, or `None` where it was lost.
    pub fn handle_take(&mut self, now: Instant, won: Option<Term>) {
        self.wake(now);
        let Some(take) = self.take.take() else { return };
        match won {
            Some(term) if self.me == Some(take.by) && self.known.is_none_or(|known| term > known.term) => {
                self.take_over(now, Reign { term, host: take.by });
                // Much may have happened if we stood still in between.
                if now > take.since + self.policy.lateness() {
                    self.confirm_before(Say::Announce);
                } else {
                    self.actions.push_back(Action::Announce { term });
                }
            }
            Some(term) => {
                self.actions.push_back(Action::Lost { term });
                self.search_later(now);
            }
            None => {
                self.losses += 1;
                if matches!(self.state, State::Searching { .. }) {
                    self.search();
                }
            }
        }
    }

    /// `host` says that it hosts in this term: a roster, or a beat.
    pub fn handle_heard(&mut self, now: Instant, term: Term, host: PeerRef) -> Heard {
        self.wake(now);
        if self.me.is_none_or(|me| me == host) {
            return Heard::Ignored;
        }
        match self.known {
            Some(known) if term < known.term => Heard::Superseded { term: known.term, host: known.host },
            Some(known) if term == known.term && host != known.host => {
                self.look();
                Heard::Ignored
            }
            Some(known) if term == known.term => match &mut self.state {
                State::Following(watch) => {
                    watch.heard(now);
                    Heard::Accepted
                }
                State::Vying { depose: Some(_), .. } => {
                    self.state = State::Following(Watch::new(now));
                    Heard::Accepted
                }
                _ => Heard::Ignored,
            },
            _ => {
                self.follow(now, Reign { term, host });
                Heard::Accepted
            }
        }
    }

    /// A sign of life from `peer` that says nothing about hosting: the answer to a dial, or a message.
    pub fn handle_alive(&mut self, now: Instant, peer: PeerRef) {
        self.wake(now);
        match &mut self.state {
            _ if self.known.is_none_or(|known| known.host != peer) => {}
            State::Following(watch) => watch.alive(now),
            State::Vying { depose: Some(_), .. } => self.state = State::Following(Watch::new(now)),
            _ => {}
        }
    }

    /// A connection that `peer` keeps open to us has ended, or a dial to it failed, or it said that it leaves.
    pub fn handle_disconnected(&mut self, now: Instant, peer: PeerRef) {
        self.wake(now);
        match &mut self.state {
            _ if self.known.is_none_or(|known| known.host != peer) => {}
            State::Following(watch) => {
                watch.estrange(now, &self.policy);
                self.look();
            }
            State::Vying { depose: Some(_), .. } => self.look(),
            _ => {}
        }
    }

    /// Somebody answers our word as host: a term as high as this is known. The claim will tell.
    pub fn handle_superseded(&mut self, now: Instant, term: Term) {
        self.wake(now);
        if self.me.is_some() && self.known.is_none_or(|known| term > known.term) {
            self.look();
        }
    }

    /// The time that [`poll_timeout`](Self::poll_timeout) named has come. Called early, it does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.wake(now);
        match &mut self.state {
            State::Searching { again: Some(at) } if now >= *at => self.search(),
            State::Following(watch) => match watch.handle_timeout(now, &self.policy) {
                Due::Nothing => {}
                Due::Look => self.look(),
                Due::LookAndProbe => {
                    self.actions.extend(self.known.map(|known| Action::Probe { host: known.host }));
                    self.look();
                }
                Due::Depose => self.vie(now, self.known.map(|known| known.term)),
            },
            State::Vying { depose, at } if now >= *at => {
                let depose = *depose;
                self.take(now, depose);
            }
            State::Hosting(hosting) if now >= hosting.beat_at => {
                hosting.beat_at = now + self.policy.beat;
                self.confirm_before(Say::Beat);
            }
            _ => {}
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Out => None,
            State::Searching { again } => *again,
            State::Following(watch) => Some(watch.timeout(&self.policy)),
            State::Vying { at, .. } => Some(*at),
            State::Hosting(hosting) => Some(hosting.beat_at),
        }
    }

    /// What to do next.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Who hosts, we or another, as far as we know: `None` while nobody is known to.
    pub fn host(&self) -> Option<(Term, PeerRef)> {
        let known = self.known?;
        matches!(self.state, State::Following(_) | State::Hosting(_)).then_some((known.term, known.host))
    }

    /// The term we host in.
    pub fn hosting(&self) -> Option<Term> {
        let known = self.known?;
        matches!(self.state, State::Hosting(_)).then_some(known.term)
    }
}

#[cfg(test)]
mod tests;
