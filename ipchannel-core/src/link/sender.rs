//! The sending half of a link.

use std::task::Poll;
use std::time::{Duration, Instant};

use super::controls::Controls;
use super::replay::{Replay, earlier, settle};
use super::{FrameSink, Violation};
use crate::envelope::{Envelope, Target};
use crate::error::{Reason, Undelivered};
use crate::frame::{Control, Credit, Frame, Seq, Welcome};
use crate::peer::{Incarnation, Lineage, Member, PeerRef};
use crate::receipt::Ledger;

/// How long a connection to a process that is gone may stay open, for what it said last to be read.
const GRACE: Duration = Duration::from_secs(1);

/// The knobs of a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Policy {
    /// How long a connection stays open when there is nothing to send; [`Duration::MAX`] is for ever. What the link
    /// knows stays.
    pub idle: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Policy { idle: Duration::from_secs(30) }
    }
}

/// Why a connection cannot be begun.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BeginError {
    /// This life of the seat is over: look who holds the seat now.
    #[error("{0:?} is gone: look who holds its seat now")]
    Gone(PeerRef),
}

/// The sending half of a link to one seat: takes messages, writes and replays them, and settles the ticket of each once.
///
/// A pure machine: it holds no clock, task or lock but that of its ledger. There is at most one connection at a time;
/// it is begun by [`begin`](Self::begin), stands after [`handle_welcome`](Self::handle_welcome), and ends with
/// [`handle_end`](Self::handle_end). Keep one sender per seat for as long as the process lives: the seat's holder counts
/// what it has from it. Dropping it settles what is left as [`Reason::Closed`].
#[derive(Debug)]
pub struct Sender {
    policy: Policy,
    ledger: Ledger,
    replay: Replay,
    controls: Controls,
    /// Who last began to be dialled.
    destination: Option<Destination>,
    /// Every life of the seat up to this one is over.
    gone: Option<Incarnation>,
    attempt: u64,
    connection: Option<Connection>,
    pinned: bool,
    greeting: bool,
    closed: bool,
}

#[derive(Debug)]
struct Destination {
    peer: PeerRef,
    lineage: Lineage,
}

#[derive(Debug)]
struct Connection {
    credit: Credit,
    /// When something was last said on it.
    active: Instant,
    /// When to look whether it is idle.
    check: Option<Instant>,
    /// When to give up on a destination that is gone.
    abandon: Option<Instant>,
    /// Nothing more is to be written: the other end or this one wants it closed.
    over: bool,
}

impl Sender {
    /// A sender that has not connected to anybody. It settles in `ledger`, whose limits bound what it holds.
    pub fn new(policy: Policy, ledger: Ledger) -> Self {
        Sender {
            policy,
            ledger,
            replay: Replay::default(),
            controls: Controls::default(),
            destination: None,
            gone: None,
            attempt: 0,
            connection: None,
            pinned: false,
            greeting: false,
            closed: false,
        }
    }

    /// Takes a message. Ask [`is_ready`](Self::is_ready) first: otherwise it waits here, and not where it could still
    /// be taken back.
    ///
    /// One that can no longer be meant for whoever is connected is settled at once.
    pub fn push(&mut self, envelope: Envelope) {
        match self.misdirected(&envelope) {
            Some(reason) => settle(&envelope, &Undelivered::NotDelivered(reason)),
            None => self.replay.push(envelope),
        }
    }

    fn misdirected(&mut self, envelope: &Envelope) -> Option<Reason> {
        if let Target::Member(peer) = envelope.target {
            if Some(peer.incarnation) <= self.gone {
                return Some(Reason::PeerGone(peer.id));
            }
            // Somebody met the seat's next holder before we did.
            self.forget_before(peer.incarnation);
        }
        let destination = self.destination.as_ref().filter(|_| self.is_connected())?;
        let other = envelope.lineage.as_ref().is_some_and(|lineage| *lineage != destination.lineage);
        other.then_some(Reason::PeerReplaced(destination.peer.id))
    }

    /// Begins a connection, in place of one that may still stand, and gives the number of the attempt.
    ///
    /// Unless it goes to the same incarnation as the last one, this decides what becomes of messages that are not
    /// acknowledged: they are for a successor of the same lineage only.
    ///
    /// # Errors
    /// A later incarnation of the seat was seen, or this one left or is gone.
    pub fn begin(&mut self, to: &Member) -> Result<u64, BeginError> {
        if Some(to.peer.incarnation) <= self.gone {
            return Err(BeginError::Gone(to.peer));
        }
        self.handle_end();
        if self.destination.as_ref().is_none_or(|old| old.peer != to.peer) {
            self.forget_before(to.peer.incarnation);
            self.bury();
            let to = Destination { peer: to.peer, lineage: to.lineage.clone() };
            let old = self.destination.replace(to);
            self.replay.restart(old.map(|old| old.lineage));
            self.judge();
        }
        self.attempt += 1;
        Ok(self.attempt)
    }

    /// The connection stands: goes on after the welcome's cursor.
    ///
    /// # Errors
    /// The welcome contradicts what was written or acknowledged before.
    pub fn handle_welcome(&mut self, now: Instant, welcome: Welcome) -> Result<(), Violation> {
        let Some(destination) = &self.destination else { return Err(Violation::Direction) };
        self.replay.acknowledge(welcome.cursor, &self.ledger)?;
        self.replay.rewind(&destination.lineage);
        self.judge();
        self.greeting = false;
        let check = now.checked_add(self.policy.idle);
        let over = self.destination_is_gone();
        self.connection = Some(Connection { credit: welcome.credit, active: now, check, abandon: None, over });
        Ok(())
    }

    /// Settles what has arrived, and learns how much may follow.
    ///
    /// # Errors
    /// It acknowledges what was not written, or less than before.
    pub fn handle_ack(&mut self, now: Instant, ack: Welcome) -> Result<(), Violation> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        self.replay.acknowledge(ack.cursor, &self.ledger)?;
        connection.credit = ack.credit;
        connection.active = now;
        Ok(())
    }

    /// The destination leaves the channel, and has taken everything up to `cursor` and nothing beyond.
    ///
    /// # Errors
    /// As [`handle_ack`](Self::handle_ack).
    pub fn handle_bye(&mut self, cursor: Seq) -> Result<(), Violation> {
        let (Some(connection), Some(destination)) = (&mut self.connection, &self.destination) else { return Ok(()) };
        self.replay.acknowledge(cursor, &self.ledger)?;
        self.replay.rewind(&destination.lineage);
        connection.over = true;
        self.gone = self.gone.max(Some(destination.peer.incarnation));
        Ok(())
    }

    /// This life of the seat is over, and so are all before. Messages for that process alone fail, the others wait for
    /// a successor; but first whatever it said last on its connection is read.
    ///
    /// Say so before messages for the successor are pushed.
    pub fn handle_gone(&mut self, now: Instant, incarnation: Incarnation) {
        self.gone = self.gone.max(Some(incarnation));
        let past = self.destination_is_gone();
        // Nobody is left to greet; whoever comes next learns of us by other ways.
        self.greeting &= !(past || self.destination.is_none());
        match &mut self.connection {
            Some(connection) if past => {
                connection.abandon.get_or_insert(now + GRACE);
            }
            _ => self.bury(),
        }
    }

    /// The connection has ended.
    pub fn handle_end(&mut self) {
        if self.connection.take().is_some() {
            self.controls.clear();
            self.bury();
        }
    }

    /// This process has another id from now on, so nobody remembers what it has sent: ends the connection, and sends
    /// what is not acknowledged anew, marked as redelivered where it was written before.
    pub fn restart(&mut self) {
        self.handle_end();
        let owner = self.destination.take().map(|destination| destination.lineage);
        self.replay.restart(owner);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&self) -> Option<Instant> {
        let connection = self.connection.as_ref().filter(|connection| !connection.over);
        let connection = connection.and_then(|connection| earlier(connection.check, connection.abandon));
        earlier(self.replay.expiry(), connection)
    }

    /// Fails what has expired, and gives up a connection that is idle or leads to nobody.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.replay.expire(now);
        let Some(connection) = &mut self.connection else { return };
        if connection.check.is_some_and(|check| check <= now) {
            let due = connection.active.checked_add(self.policy.idle).filter(|due| *due > now);
            let busy = self.pinned || !self.replay.is_empty() || !self.controls.is_empty();
            connection.over |= due.is_none() && !busy;
            connection.check = due.or(now.checked_add(self.policy.idle));
        }
        if connection.abandon.is_some_and(|abandon| abandon <= now) {
            connection.over = true;
            self.bury();
        }
    }

    /// Puts what is to be written into `sink`, with the meaning of [`Session::poll_transmit`](super::Session::poll_transmit).
    pub fn poll_transmit(&mut self, now: Instant, sink: &mut dyn FrameSink) -> Poll<bool> {
        let gone = self.destination_is_gone();
        let Some(connection) = self.connection.as_mut().filter(|connection| !connection.over) else {
            return Poll::Ready(false);
        };
        let mut put = false;
        while let Some(control) = self.controls.pop() {
            connection.active = now;
            put = true;
            if !sink.put(&Frame::Control(control)) {
                return Poll::Ready(true);
            }
        }
        if !gone {
            put |= self.replay.write(now, connection.credit, sink);
        }
        if !put && self.closed && !self.replay.has_messages() {
            connection.over = true;
            sink.put(&Frame::Bye(self.replay.acked()));
            put = true;
        }
        if put { Poll::Ready(true) } else { Poll::Pending }
    }

    /// Whether [`poll_transmit`](Self::poll_transmit) has something to say.
    pub fn wants_transmit(&self) -> bool {
        self.connection.as_ref().is_none_or(|connection| {
            connection.over
                || !self.controls.is_empty()
                || (!self.destination_is_gone() && self.replay.can_write(connection.credit))
                || (self.closed && !self.replay.has_messages())
        })
    }

    /// Whether a message that is pushed now is written at once: a connection stands and there is credit.
    pub fn is_ready(&self) -> bool {
        self.is_connected() && self.connection.as_ref().is_some_and(|it| self.replay.has_room(it.credit))
    }

    /// Whether a connection stands that messages can be written to.
    pub fn is_connected(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| !connection.over) && !self.destination_is_gone()
    }

    /// Whether no connection stands, not even one that is about to end.
    pub fn is_disconnected(&self) -> bool {
        self.connection.is_none()
    }

    /// Whether there is a reason to connect: something unacknowledged or to be said, a pin, or a greeting.
    pub fn is_wanted(&self) -> bool {
        let reason = self.pinned || self.greeting || !self.controls.is_empty() || self.replay.has_messages();
        self.connection.is_none() && reason
    }

    /// Whether every message is settled.
    pub fn is_flushed(&self) -> bool {
        !self.replay.has_messages()
    }

    /// Whether [`shutdown`](Self::shutdown) was called.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// The number of the last attempt to connect.
    pub fn attempt(&self) -> u64 {
        self.attempt
    }

    /// Says something about the channel, ahead of the messages, on this connection or else on the next.
    pub fn control(&mut self, control: Control) {
        self.controls.push(control);
    }

    /// Keeps a connection open, or lets it go when idle.
    pub fn pin(&mut self, pinned: bool) {
        self.pinned = pinned;
    }

    /// Connects once even if there is nothing to send, so that the peer learns of us.
    pub fn greet(&mut self) {
        self.greeting = self.connection.is_none();
    }

    /// Takes no more messages, and says goodbye when the last one is settled. Nothing keeps a connection from then on
    /// but messages.
    pub fn shutdown(&mut self) {
        self.closed = true;
        self.pinned = false;
        self.greeting = false;
        if self.connection.is_none() {
            self.controls.clear();
        }
    }

    /// Gives back every message that is not settled, and settles it as [`Reason::Closed`].
    pub fn drain(&mut self) -> Vec<(Envelope, Undelivered)> {
        self.replay.fail(|_| Some(Reason::Closed))
    }

    fn destination_is_gone(&self) -> bool {
        self.destination.as_ref().is_some_and(|destination| Some(destination.peer.incarnation) <= self.gone)
    }

    fn forget_before(&mut self, incarnation: Incarnation) {
        self.gone = self.gone.max(incarnation.0.checked_sub(1).map(Incarnation));
    }

    /// Fails what is not meant for the destination.
    fn judge(&mut self) {
        let Some(Destination { peer, lineage }) = &self.destination else { return };
        self.replay.fail(|envelope| {
            let other = envelope.lineage.as_ref().is_some_and(|owner| owner != lineage);
            other.then_some(Reason::PeerReplaced(peer.id))
        });
    }

    /// Fails what is meant for a process that is gone and for no other.
    fn bury(&mut self) {
        let gone = self.gone;
        self.replay.fail(|envelope| match envelope.target {
            Target::Member(peer) if Some(peer.incarnation) <= gone => Some(Reason::PeerGone(peer.id)),
            _ => None,
        });
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.drain();
    }
}

#[cfg(test)]
#[path = "sender_tests.rs"]
mod tests;
