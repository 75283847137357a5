//! Which seat to take.

use std::collections::BTreeSet;
use std::time::Instant;

use ipchannel_core::{Identity, PeerId, PeerRef};

/// The newest claim of one seat, as a look shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeatView {
    /// The seat, and the last incarnation that claimed it.
    pub peer: PeerRef,
    /// The identity that is written in the claim.
    pub identity: Option<Identity>,
    /// Whether a live process holds it. A claim that only a forked child of its dead owner keeps locked is not alive.
    pub alive: bool,
}

/// What a process that joins a channel goes by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wish {
    /// Nothing: any seat will do.
    Any,
    /// An identity that it found in its environment. Children inherit such things, so if it is held already this
    /// process goes without.
    Prefer(Identity),
    /// An identity it was given by its configuration: this and no other.
    Require(Identity),
}

/// What to do about a seat.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Choice {
    /// Take this seat. If somebody else was faster, look at the claims and choose again.
    Take {
        /// The seat.
        id: PeerId,
        /// What to write into the claim: the identity it was granted.
        identity: Option<Identity>,
    },
    /// A live process holds the identity: look at the claims again in a while.
    Wait {
        /// Who holds it.
        by: PeerRef,
    },
    /// A live process holds the identity, and it was waited for long enough: fail.
    Held {
        /// Who holds it.
        by: PeerRef,
    },
}

/// Chooses a seat: one's own old seat if one has an identity, or else the lowest id that is free.
///
/// A seat stays reserved for the identity that held it last, while any live process is on the channel. On a channel that
/// is empty reservations lapse; whoever returns to its old seat in time has it even so.
#[derive(Clone, Debug)]
pub struct Seating {
    wish: Wish,
    until: Instant,
}

impl Seating {
    /// Goes by `wish`, and waits for a required identity that is held by another process `until` then.
    pub fn new(wish: Wish, until: Instant) -> Self {
        Seating { wish, until }
    }

    /// Chooses from a look at the claims of all seats, in any order.
    pub fn choose(&self, now: Instant, seats: &[SeatView]) -> Choice {
        let (Wish::Prefer(identity) | Wish::Require(identity)) = &self.wish else {
            return Choice::Take { id: lowest_free(seats), identity: None };
        };
        let own = || seats.iter().filter(|seat| seat.identity.as_ref() == Some(identity));
        match (own().find(|seat| seat.alive), &self.wish) {
            (Some(held), Wish::Require(_)) if now < self.until => Choice::Wait { by: held.peer },
            (Some(held), Wish::Require(_)) => Choice::Held { by: held.peer },
            (Some(_), _) => Choice::Take { id: lowest_free(seats), identity: None },
            (None, _) => {
                let id = own().map(|seat| seat.peer.id).min().unwrap_or_else(|| lowest_free(seats));
                Choice::Take { id, identity: Some(identity.clone()) }
            }
        }
    }
}

/// The lowest id that nobody holds and that is reserved for nobody.
fn lowest_free(seats: &[SeatView]) -> PeerId {
    let inhabited = seats.iter().any(|seat| seat.alive);
    let taken: BTreeSet<PeerId> = seats
        .iter()
        .filter(|seat| seat.alive || (inhabited && seat.identity.is_some()))
        .map(|seat| seat.peer.id)
        .collect();
    let mut id = PeerId::FIRST;
    while taken.contains(&id) {
        id = id.next();
    }
    id
}

#[cfg(test)]
#[path = "seat_tests.rs"]
mod tests;
