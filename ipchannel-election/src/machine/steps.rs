//! The steps an election takes from one state to the next.

use std::time::Instant;

use ipchannel_core::{PeerRef, Term};

use super::action::{Action, HostView};
use super::state::{Hosting, Reign, Say, State, Watch};
use super::{Election, Look, Take};

impl Election {
    /// Before anything else, looks at whether we stood still: what was not heard in that time says nothing.
    pub(super) fn wake(&mut self, now: Instant) {
        if self.poll_timeout().is_none_or(|due| now <= due + self.policy.lateness()) {
            return;
        }
        match &mut self.state {
            State::Following(watch) => watch.alive(now),
            State::Vying { depose: Some(_), .. } => self.state = State::Following(Watch::new(now)),
            State::Hosting(hosting) => {
                hosting.beat_at = now + self.policy.beat;
                self.confirm_before(Say::Beat);
            }
            _ => {}
        }
    }

    /// Asks for a look that begins after now.
    pub(super) fn look(&mut self) {
        self.look = match self.look {
            Look::Idle => {
                self.actions.push_back(Action::Look);
                Look::UnderWay
            }
            _ => Look::Stale,
        };
    }

    pub(super) fn search(&mut self) {
        self.state = State::Searching { again: None };
        self.look();
    }

    /// The look told nothing of use. That should not last, so there is no hurry.
    pub(super) fn search_later(&mut self, now: Instant) {
        if let State::Searching { again } = &mut self.state {
            *again = Some(now + self.policy.beat);
        }
    }

    /// Whether we host, and the claim says so too: then says what was to be said.
    pub(super) fn confirm(&mut self, me: PeerRef, view: Option<HostView>) -> bool {
        let (State::Hosting(hosting), Some(Reign { term, .. })) = (&mut self.state, self.known) else { return false };
        if view != Some(HostView { term, host: me, alive: true }) {
            self.step_down();
            return false;
        }
        self.actions.extend(hosting.say.take().map(|say| match say {
            Say::Announce => Action::Announce { term },
            Say::Beat => Action::Beat { term },
        }));
        true
    }

    pub(super) fn confirm_before(&mut self, say: Say) {
        if let State::Hosting(hosting) = &mut self.state {
            hosting.say.get_or_insert(say);
            self.look();
        }
    }

    /// The newest claim is held by another.
    pub(super) fn handle_held(&mut self, now: Instant, reign: Reign) {
        match &mut self.state {
            State::Following(watch) if self.known == Some(reign) => {
                if watch.still_held() {
                    self.actions.push_back(Action::Probe { host: reign.host });
                }
            }
            State::Vying { depose: Some(_), .. } if self.known == Some(reign) => {}
            _ => self.follow(now, reign),
        }
    }

    /// Nobody holds the newest claim, or there is none at all.
    pub(super) fn handle_free(&mut self, now: Instant, view: Option<HostView>) {
        let current = view.is_some_and(|view| self.known.is_none_or(|known| view.term >= known.term));
        match &mut self.state {
            // The directory was lost: the host will notice and claim anew. Only if it is gone as well we must.
            State::Following(watch) if !current && !watch.is_estranged() => {}
            State::Following(_) | State::Searching { .. } => self.vie(now, None),
            State::Vying { depose, .. } => *depose = None,
            State::Out | State::Hosting(_) => {}
        }
    }

    /// Takes the claim when it is our turn.
    pub(super) fn vie(&mut self, now: Instant, depose: Option<Term>) {
        let delay = self.policy.delay(self.rank, self.losses);
        if delay.is_zero() {
            self.take(now, depose);
        } else {
            self.state = State::Vying { depose, at: now + delay };
        }
    }

    pub(super) fn take(&mut self, now: Instant, depose: Option<Term>) {
        self.state = State::Searching { again: None };
        // The outcome of one that is under way goes on from here.
        if let (None, Some(by)) = (&self.take, self.me) {
            self.take = Some(Take { since: now, by });
            self.actions.push_back(Action::Take { depose });
        }
    }

    pub(super) fn take_over(&mut self, now: Instant, reign: Reign) {
        self.known = Some(reign);
        self.losses = 0;
        self.state = State::Hosting(Hosting { beat_at: now + self.policy.beat, say: None });
        // It may have seen the claim as it was before.
        if matches!(self.look, Look::UnderWay) {
            self.look = Look::Stale;
        }
    }

    pub(super) fn follow(&mut self, now: Instant, reign: Reign) {
        self.step_down();
        self.losses = 0;
        self.state = State::Following(Watch::new(now));
        if self.known != Some(reign) {
            self.known = Some(reign);
            self.actions.push_back(Action::Follow { term: reign.term, host: reign.host });
        }
    }

    /// Hosts no more, if we do.
    pub(super) fn step_down(&mut self) {
        if let (State::Hosting(_), Some(Reign { term, .. })) = (&self.state, self.known) {
            self.actions.push_back(Action::Lost { term });
            self.state = State::Searching { again: None };
        }
    }
}
