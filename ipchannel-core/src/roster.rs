//! The roster: who is on a channel, as far as one process knows.

use std::collections::BTreeMap;

use crate::frame::{Fact, Presence};
use crate::peer::{Member, PeerId, PeerRef};

/// What a new fact changed for those who watch members come and go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// A member is here whose seat was free, as far as we knew.
    Joined(Member),
    /// A member is gone, and nobody is known to hold its seat now.
    Left(Member, Presence),
    /// A member is here in the seat of one that we thought was here, and that is gone now.
    Replaced {
        /// Who was here.
        old: Member,
        /// Who is here.
        new: Member,
    },
}

/// Facts about the seats of a channel, the latest of each.
///
/// - The highest incarnation of a seat wins. Of one incarnation, "gone" beats "here": who is gone is never back, and its
///   successor has a higher incarnation.
/// - So it matters neither in which order facts come nor how often: all who have heard the same facts know the same.
/// - Absence from what somebody says removes nobody. A fact does, or a free claim.
///
/// A look at the claim of a seat is merged as a fact too: the member written there, [`Here`](Presence::Here) while
/// the claim is held and [`Died`](Presence::Died) once it is free.
///
/// ```
/// use ipchannel_core::frame::{Fact, Presence};
/// use ipchannel_core::{Change, Endpoint, Incarnation, Lineage, Member, PeerId, PeerRef, Roster};
///
/// let member = Member {
///     peer: PeerRef { id: PeerId::FIRST, incarnation: Incarnation(7) },
///     lineage: Lineage::of_executable("/usr/bin/worker"),
///     identity: None,
///     endpoint: Endpoint::new("memory", "1"),
///     pid: 4711,
/// };
/// let mut roster = Roster::new();
/// let here = Fact { member: member.clone(), presence: Presence::Here };
/// assert_eq!(roster.merge(here.clone()), Some(Change::Joined(member.clone())));
/// assert_eq!(roster.merge(here), None);
/// assert_eq!(roster.mark(member.peer, Presence::Left), Some(Change::Left(member, Presence::Left)));
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Roster {
    /// The gone are kept as well, or an old fact could bring them back.
    seats: BTreeMap<PeerId, Fact>,
}

impl Roster {
    /// Knows nobody.
    pub const fn new() -> Self {
        Roster { seats: BTreeMap::new() }
    }

    /// Takes a fact in, and tells what it changed: nothing if it was known, or older than what is known.
    pub fn merge(&mut self, fact: Fact) -> Option<Change> {
        let Some(known) = self.seats.get_mut(&fact.member.id()) else {
            self.seats.insert(fact.member.id(), fact.clone());
            return (fact.presence == Presence::Here).then_some(Change::Joined(fact.member));
        };
        if weight(&fact) <= weight(known) {
            return None;
        }
        let old = std::mem::replace(known, fact.clone());
        match (old.presence, fact.presence) {
            (Presence::Here, Presence::Here) => Some(Change::Replaced { old: old.member, new: fact.member }),
            (_, Presence::Here) => Some(Change::Joined(fact.member)),
            (Presence::Here, presence) if old.member.peer == fact.member.peer => {
                Some(Change::Left(old.member, presence))
            }
            // How it went is not known: only that somebody else had its seat since.
            (Presence::Here, _) => Some(Change::Left(old.member, Presence::Died)),
            _ => None,
        }
    }

    /// Writes down that this incarnation is gone, without the rest of a fact about it: it said so, or its claim is free.
    pub fn mark(&mut self, peer: PeerRef, presence: Presence) -> Option<Change> {
        let member = self.seats.get(&peer.id)?.member.clone();
        (member.peer == peer).then(|| self.merge(Fact { member, presence }))?
    }

    /// The members that are here, in the order of their ids.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.facts().filter(|fact| fact.presence == Presence::Here).map(|fact| &fact.member)
    }

    /// Who holds this seat.
    pub fn get(&self, id: PeerId) -> Option<&Member> {
        self.fact(id).filter(|fact| fact.presence == Presence::Here).map(|fact| &fact.member)
    }

    /// The member that this is, while it is here.
    pub fn holder(&self, peer: PeerRef) -> Option<&Member> {
        self.get(peer.id).filter(|member| member.peer == peer)
    }

    /// The latest about this seat, whether its holder is here or gone.
    pub fn fact(&self, id: PeerId) -> Option<&Fact> {
        self.seats.get(&id)
    }

    /// The latest about every seat that was ever heard of, in the order of their ids.
    pub fn facts(&self) -> impl ExactSizeIterator<Item = &Fact> {
        self.seats.values()
    }

    /// How many members come before this seat in the order in which they try to host: those here with a lower id,
    /// `host` not counted, since it is when the host is gone that the order matters.
    pub fn rank(&self, id: PeerId, host: Option<PeerRef>) -> u32 {
        let before = self.members().take_while(|member| member.id() < id).filter(|member| Some(member.peer) != host);
        u32::try_from(before.count()).unwrap_or(u32::MAX)
    }
}

/// What decides between two facts about one seat. Of the gone, who said goodbye did not die: an observer that missed it
/// may have thought so.
fn weight(fact: &Fact) -> impl Ord {
    let presence = match fact.presence {
        Presence::Here => 0,
        Presence::Died => 1,
        Presence::Left => 2,
    };
    (fact.member.peer.incarnation, presence)
}

#[cfg(test)]
#[path = "roster_tests.rs"]
mod tests;
