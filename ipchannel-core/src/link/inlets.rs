//! The receiving ends of all links to this process.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::inlet::{Inlet, Seat};
use super::receiver::{ConnectionId, Receiver};
use super::wakers::Wakers;
use super::{Accept, Process};
use crate::frame::{Credit, Hello, Origin, PROTOCOL_VERSION, Purpose, Refusal, Seq, Welcome};
use crate::peer::{Incarnation, PeerId, PeerRef};
use crate::receipt::Limits;

/// Accepts the links of other processes to this one. Clones share them.
///
/// What a seat has sent is remembered for as long as the process lives, as one number; what a guest has sent, for as
/// long as its connection.
#[derive(Clone)]
pub struct Inlets(Arc<Table>);

pub(super) struct Table {
    pub(super) process: Arc<dyn Process>,
    channel: Box<str>,
    limits: Limits,
    seats: Mutex<Seats>,
}

#[derive(Default)]
struct Seats {
    leaving: bool,
    by_origin: HashMap<Key, Arc<Seat>>,
}

#[derive(PartialEq, Eq, Hash)]
enum Key {
    Member(PeerId),
    Guest(u64),
}

impl Inlets {
    /// No links yet. Each origin may have as much as `limits` in the inbox of `process`.
    pub fn new(process: Arc<dyn Process>, channel: &str, limits: Limits) -> Self {
        Inlets(Arc::new(Table { process, channel: channel.into(), limits, seats: Mutex::default() }))
    }

    /// Says goodbye on every connection, and accepts nothing more. What was delivered stays delivered; the goodbye
    /// tells each sender what was.
    pub fn leave(&self) {
        let mut seats = self.0.seats();
        seats.leaving = true;
        let mut wakers = Wakers::default();
        for seat in seats.by_origin.values() {
            seat.change(&mut wakers, Receiver::handle_leave);
        }
        drop(seats);
        wakers.wake();
    }

    /// This process has another id or incarnation from now on: ends every connection, and forgets what was received.
    /// Those who send to it number their messages anew.
    pub fn restart(&self) {
        let forgotten = std::mem::take(&mut self.0.seats().by_origin);
        let mut wakers = Wakers::default();
        for seat in forgotten.values() {
            seat.change(&mut wakers, |receiver| receiver.handle_cut(Incarnation(u64::MAX)));
        }
        wakers.wake();
    }

    /// Ends the connection of this process, or of one that held its seat before. It may connect again if it is admitted.
    pub fn cut(&self, peer: PeerRef) {
        let mut wakers = Wakers::default();
        if let Some(seat) = self.0.seats().by_origin.get(&Key::Member(peer.id)) {
            seat.change(&mut wakers, |receiver| receiver.handle_cut(peer.incarnation));
        }
        wakers.wake();
    }
}

impl Table {
    /// Forgets an origin that has no connection.
    pub(super) fn forget(&self, origin: Origin) {
        if let Entry::Occupied(seat) = self.seats().by_origin.entry(Key::of(origin))
            && !seat.get().is_connected()
        {
            seat.remove();
        }
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn judge(&self, hello: &Hello) -> Result<(), Refusal> {
        if hello.version != PROTOCOL_VERSION {
            return Err(Refusal::Version);
        }
        if *hello.channel != *self.channel {
            return Err(Refusal::Channel);
        }
        if self.process.me() != Some(hello.to) {
            return Err(Refusal::Destination);
        }
        if self.seats().leaving {
            return Err(Refusal::Leaving);
        }
        self.process.admit(hello.from)
    }

    fn link(&self, hello: &Hello) -> Result<(Arc<Seat>, ConnectionId, Welcome), Refusal> {
        let incarnation = match hello.from {
            Origin::Member(peer) => peer.incarnation,
            Origin::Guest(_) => Incarnation::default(),
        };
        let connection = ConnectionId { incarnation, attempt: hello.attempt };
        let mut wakers = Wakers::default();
        let mut seats = self.seats();
        if seats.leaving {
            return Err(Refusal::Leaving);
        }
        let seat = seats.by_origin.entry(Key::of(hello.from)).or_insert_with(|| Arc::new(Seat::new(self.limits)));
        let seat = Arc::clone(seat);
        let welcome = seat.hello(connection, &mut wakers);
        drop(seats);
        wakers.wake();
        Ok((seat, connection, welcome?))
    }
}

impl Key {
    fn of(origin: Origin) -> Key {
        match origin {
            Origin::Member(peer) => Key::Member(peer.id),
            Origin::Guest(number) => Key::Guest(number),
        }
    }
}

impl Accept for Inlets {
    type Session = Inlet;

    fn accept(&self, _now: Instant, hello: &Hello) -> Result<(Inlet, Welcome), Refusal> {
        let table = &self.0;
        table.judge(hello)?;
        if hello.purpose == Purpose::Probe {
            let welcome = Welcome { cursor: Seq::default(), credit: Credit::default() };
            return Ok((Inlet::new(Arc::clone(table), hello.from, None), welcome));
        }
        let (seat, connection, welcome) = table.link(hello)?;
        let inlet = Inlet::new(Arc::clone(table), hello.from, Some((seat, connection)));
        table.process.connected(hello.from, false);
        Ok((inlet, welcome))
    }
}

#[cfg(test)]
#[path = "inlets_tests.rs"]
mod tests;
