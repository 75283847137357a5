//! The receiving half of a link.

use std::task::Poll;

use super::controls::Controls;
use super::load::Load;
use super::{FrameSink, Violation};
use crate::frame::{Control, Credit, Frame, Refusal, Seq, Welcome};
use crate::peer::Incarnation;
use crate::receipt::Limits;

/// One connection of an origin: which life of it, and which attempt. Later ones are higher.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnectionId {
    /// Which life of the origin's seat; always the same for a guest.
    pub incarnation: Incarnation,
    /// Which attempt of that life.
    pub attempt: u64,
}

/// The receiving half of the links from one seat, or from one guest: lets each message through once and in order, and
/// gives credit for what has room.
///
/// A pure machine: it holds no clock, task or lock. One connection counts at a time, the latest; whoever runs an earlier
/// one asks [`is_current`](Self::is_current) before anything else. The room is shared by all lives of the seat.
#[derive(Debug)]
pub struct Receiver {
    limits: Limits,
    latest: Option<ConnectionId>,
    stands: bool,
    cursor: Seq,
    /// What was let through and is not consumed.
    buffered: Load,
    /// What was free when the other end was last told.
    told: Limits,
    ack_due: bool,
    leaving: bool,
    answers: Controls,
}

impl Receiver {
    /// A receiver that has heard nothing, with room for so much that is not consumed; for one message at least.
    pub fn new(limits: Limits) -> Self {
        let limits = Limits { messages: limits.messages.clamp(1, u32::MAX as usize), bytes: limits.bytes.max(1) };
        Receiver {
            limits,
            latest: None,
            stands: false,
            cursor: Seq::default(),
            buffered: Load::default(),
            told: limits,
            ack_due: false,
            leaving: false,
            answers: Controls::default(),
        }
    }

    /// Judges a new connection. If it is welcome, the one before it is cut, and what that carried from now on is
    /// without effect.
    ///
    /// # Errors
    /// A later incarnation or attempt is known, or [`handle_leave`](Self::handle_leave) was called.
    pub fn handle_hello(&mut self, connection: ConnectionId) -> Result<Welcome, Refusal> {
        if self.leaving {
            return Err(Refusal::Leaving);
        }
        if let Some(latest) = self.latest {
            if connection.incarnation < latest.incarnation {
                return Err(Refusal::Superseded(latest.incarnation));
            }
            if connection <= latest {
                return Err(Refusal::Attempt);
            }
            if connection.incarnation > latest.incarnation {
                self.cursor = Seq::default();
            }
        }
        self.latest = Some(connection);
        self.stands = true;
        self.answers.clear();
        Ok(self.tell())
    }

    /// Whether this connection counts: it is the latest and was neither cut nor ended.
    pub fn is_current(&self, connection: ConnectionId) -> bool {
        self.stands && self.latest == Some(connection)
    }

    /// Takes the number and the size in bytes of a message. `true`: let it through. `false`: it was here before.
    ///
    /// # Errors
    /// A number is missing before it, or there was no credit for it.
    pub fn handle_data(&mut self, seq: Seq, size: usize) -> Result<bool, Violation> {
        self.ack_due = true;
        if seq <= self.cursor || self.leaving {
            return Ok(false);
        }
        let expected = self.cursor.next();
        if seq != expected {
            return Err(Violation::Gap { expected: expected.0, got: seq.0 });
        }
        // The last message for which there was any credit may be larger than that: what is told cannot be split.
        let free = self.free();
        if free.messages == 0 || (free.bytes == 0 && size > 0) {
            return Err(Violation::Credit);
        }
        self.buffered.add(size);
        self.cursor = seq;
        Ok(true)
    }

    /// A message of this size, which was let through, needs its room no more.
    pub fn handle_consumed(&mut self, size: usize) {
        self.buffered.remove(size);
    }

    /// Says something about the channel on the connection that stands.
    pub fn answer(&mut self, control: Control) {
        self.answers.push(control);
    }

    /// This process leaves the channel: from now on nothing is let through, and the connection ends with a goodbye.
    pub fn handle_leave(&mut self) {
        self.leaving = true;
    }

    /// Whether a connection stands.
    pub fn is_connected(&self) -> bool {
        self.stands
    }

    /// This connection has ended.
    pub fn handle_end(&mut self, connection: ConnectionId) {
        self.stands &= self.latest != Some(connection);
    }

    /// The connection that stands counts no more, if it is of this incarnation or an earlier one.
    pub fn handle_cut(&mut self, incarnation: Incarnation) {
        self.stands &= self.latest.is_some_and(|latest| latest.incarnation > incarnation);
    }

    /// Puts what is to be written into `sink`, with the meaning of [`Session::poll_transmit`](super::Session::poll_transmit).
    ///
    /// One acknowledgement says everything since the last one, so call it after a batch of messages and not after each.
    pub fn poll_transmit(&mut self, sink: &mut dyn FrameSink) -> Poll<bool> {
        if !self.stands {
            return Poll::Ready(false);
        }
        if let Some(control) = self.answers.pop() {
            sink.put(&Frame::Control(control));
        } else if self.leaving {
            self.stands = false;
            sink.put(&Frame::Bye(self.cursor));
        } else if self.ack_due || self.is_update_due() {
            let ack = self.tell();
            sink.put(&Frame::Ack(ack));
        } else {
            return Poll::Pending;
        }
        Poll::Ready(true)
    }

    /// Whether [`poll_transmit`](Self::poll_transmit) has something to say.
    pub fn wants_transmit(&self) -> bool {
        !self.stands || self.leaving || self.ack_due || !self.answers.is_empty() || self.is_update_due()
    }

    fn tell(&mut self) -> Welcome {
        self.ack_due = false;
        self.told = self.free();
        Welcome { cursor: self.cursor, credit: self.credit() }
    }

    /// Whether so much was consumed that the other end should know: an eighth of the room, lest each message that is
    /// consumed draws an answer of its own.
    fn is_update_due(&self) -> bool {
        let free = self.free();
        let grown = free.messages >= self.told.messages + self.limits.messages.div_ceil(8)
            || free.bytes >= self.told.bytes.saturating_add(self.limits.bytes.div_ceil(8));
        grown && self.credit().messages > 0
    }

    fn free(&self) -> Limits {
        let bytes = usize::try_from(self.buffered.bytes).unwrap_or(usize::MAX);
        Limits {
            messages: self.limits.messages - self.buffered.messages as usize,
            bytes: self.limits.bytes.saturating_sub(bytes),
        }
    }

    /// No message at all when there are no bytes: one may be larger than what is free, but only if something is.
    fn credit(&self) -> Credit {
        let free = self.free();
        let messages = if free.bytes == 0 { 0 } else { free.messages as u32 };
        Credit { messages, bytes: free.bytes as u64 }
    }
}

#[cfg(test)]
#[path = "receiver_tests.rs"]
mod tests;
