//! A member with a clock, and short names for what it hears and does.

use std::time::{Duration, Instant};

use ipchannel_core::{Incarnation, PeerId, PeerRef, Term};

use super::super::{Action, Election, Heard, HostView, Policy};

/// An election with a clock.
pub(super) struct Member {
    pub(super) election: Election,
    pub(super) now: Instant,
}

pub(super) fn peer(id: u32) -> PeerRef {
    PeerRef { id: PeerId::new(id).unwrap(), incarnation: Incarnation(1) }
}

pub(super) fn held(term: u64, host: u32) -> Option<HostView> {
    Some(HostView { term: Term(term), host: peer(host), alive: true })
}

pub(super) fn free(term: u64, host: u32) -> Option<HostView> {
    Some(HostView { term: Term(term), host: peer(host), alive: false })
}

pub(super) const TAKE: Action = Action::Take { depose: None };

pub(super) fn depose(term: u64) -> Action {
    Action::Take { depose: Some(Term(term)) }
}

pub(super) fn announce(term: u64) -> Action {
    Action::Announce { term: Term(term) }
}

pub(super) fn beat(term: u64) -> Action {
    Action::Beat { term: Term(term) }
}

pub(super) fn lost(term: u64) -> Action {
    Action::Lost { term: Term(term) }
}

pub(super) fn follow(term: u64, host: u32) -> Action {
    Action::Follow { term: Term(term), host: peer(host) }
}

pub(super) fn probe(host: u32) -> Action {
    Action::Probe { host: peer(host) }
}

impl Member {
    /// Seated in seat 9, and looking.
    pub(super) fn seated(rank: u32) -> Self {
        let mut member = Member { election: Election::new(Policy::default()), now: Instant::now() };
        member.election.handle_seated(member.now, peer(9), rank);
        assert_eq!(member.actions(), [Action::Look]);
        member
    }

    /// Follows peer 1 in term 5.
    pub(super) fn following(rank: u32) -> Self {
        let mut member = Member::seated(rank);
        assert_eq!(member.look(held(5, 1)), [follow(5, 1)]);
        member
    }

    /// Hosts in term 5.
    pub(super) fn hosting() -> Self {
        let mut member = Member::seated(0);
        assert_eq!(member.look(free(4, 1)), [TAKE]);
        assert_eq!(member.take(Some(5)), [announce(5)]);
        member
    }

    pub(super) fn actions(&mut self) -> Vec<Action> {
        std::iter::from_fn(|| self.election.poll_action()).collect()
    }

    pub(super) fn look(&mut self, view: Option<HostView>) -> Vec<Action> {
        self.election.handle_look(self.now, view);
        self.actions()
    }

    pub(super) fn take(&mut self, won: Option<u64>) -> Vec<Action> {
        self.election.handle_take(self.now, won.map(Term));
        self.actions()
    }

    pub(super) fn hear(&mut self, term: u64, host: u32) -> Heard {
        self.election.handle_heard(self.now, Term(term), peer(host))
    }

    pub(super) fn disconnect(&mut self, host: u32) -> Vec<Action> {
        self.election.handle_disconnected(self.now, peer(host));
        self.actions()
    }

    /// Time passes, and every timer fires in time.
    pub(super) fn pass(&mut self, time: Duration) -> Vec<Action> {
        let end = self.now + time;
        while let Some(due) = self.election.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.election.handle_timeout(self.now);
        }
        self.now = end;
        self.actions()
    }

    /// Time passes, and the process stands still.
    pub(super) fn freeze(&mut self, time: Duration) -> Vec<Action> {
        self.now += time;
        self.election.handle_timeout(self.now);
        self.actions()
    }
}
