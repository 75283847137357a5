//! Messages on their way to one seat that were not acknowledged yet.

use std::collections::VecDeque;
use std::fmt;
use std::time::Instant;

use super::load::Load;
use super::{FrameSink, Violation};
use crate::envelope::Envelope;
use crate::error::{Reason, Undelivered};
use crate::frame::{Credit, Data, Frame, Seq};
use crate::peer::Lineage;
use crate::receipt::Ledger;

/// The messages in order: first those that were written on the last connection, then those that were not.
///
/// A message has a number from the moment it is written until the destination next says what it has: with a welcome
/// or a farewell. What is beyond that cursor was certainly not taken, and is numbered anew when it is written again.
/// So a message that expired leaves no hole.
#[derive(Default)]
pub(super) struct Replay {
    acked: Seq,
    entries: VecDeque<Entry>,
    written: usize,
    /// Of the written ones, as the destination counts them.
    in_flight: Load,
    /// Of the others.
    waiting: Load,
    /// No message expires before this. It may be too early, never too late: then nothing needs doing on each ack.
    expiry: Option<Instant>,
}

struct Entry {
    size: usize,
    /// Kept as the frame itself, so that writing it copies nothing. `None`: settled already, only its number is needed.
    frame: Option<Frame>,
}

impl Entry {
    fn data(&self) -> Option<&Data> {
        match &self.frame {
            Some(Frame::Data(data)) => Some(data),
            _ => None,
        }
    }

    fn data_mut(&mut self) -> Option<&mut Data> {
        match &mut self.frame {
            Some(Frame::Data(data)) => Some(data),
            _ => None,
        }
    }
}

impl Replay {
    pub(super) fn push(&mut self, envelope: Envelope) {
        let size = envelope.size();
        self.waiting.add(size);
        self.expiry = earlier(self.expiry, envelope.deadline);
        let frame = Frame::Data(Data { seq: Seq::default(), redelivered: false, ttl: None, envelope });
        self.entries.push_back(Entry { size, frame: Some(frame) });
    }

    pub(super) fn acked(&self) -> Seq {
        self.acked
    }

    /// Whether every number that was written is acknowledged, and nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether any message is not settled.
    pub(super) fn has_messages(&self) -> bool {
        self.entries.iter().any(|entry| entry.frame.is_some())
    }

    pub(super) fn expiry(&self) -> Option<Instant> {
        self.expiry
    }

    /// Whether one more message, of unknown size, may be pushed to be written soon.
    pub(super) fn has_room(&self, credit: Credit) -> bool {
        self.in_flight.plus(self.waiting).leaves_room(1, credit)
    }

    pub(super) fn can_write(&self, credit: Credit) -> bool {
        self.entries.get(self.written).is_some_and(|entry| self.in_flight.leaves_room(entry.size, credit))
    }

    /// Writes what credit allows until the sink has enough. Says whether anything was written.
    pub(super) fn write(&mut self, now: Instant, credit: Credit, sink: &mut dyn FrameSink) -> bool {
        self.expire(now);
        let before = self.written;
        while self.can_write(credit) {
            let entry = &mut self.entries[self.written];
            self.written += 1;
            self.waiting.remove(entry.size);
            self.in_flight.add(entry.size);
            if let Some(data) = entry.data_mut() {
                data.seq = Seq(self.acked.0 + self.written as u64);
                data.ttl = data.envelope.deadline.map(|deadline| deadline.saturating_duration_since(now));
            }
            if !entry.frame.as_ref().is_some_and(|frame| sink.put(frame)) {
                break;
            }
        }
        self.written > before
    }

    /// Everything up to `cursor` has arrived.
    pub(super) fn acknowledge(&mut self, cursor: Seq, ledger: &Ledger) -> Result<(), Violation> {
        let count = cursor.0.checked_sub(self.acked.0).ok_or(Violation::Rewound)?;
        let count =
            usize::try_from(count).ok().filter(|count| *count <= self.written).ok_or(Violation::Acknowledged)?;
        let tickets = self.entries.range(..count).filter_map(|entry| entry.data()?.envelope.ticket.as_ref());
        ledger.deliver_all(tickets.clone().filter(|ticket| ticket.is_of(ledger)));
        tickets.filter(|ticket| !ticket.is_of(ledger)).for_each(|ticket| ticket.settle(Ok(())));
        for entry in self.entries.drain(..count) {
            self.in_flight.remove(entry.size);
        }
        self.written -= count;
        self.acked = cursor;
        Ok(())
    }

    /// Nothing beyond what is acknowledged was taken, or will be. Whatever was written belongs to `owner` from now on.
    pub(super) fn rewind(&mut self, owner: &Lineage) {
        for entry in self.entries.range_mut(..self.written) {
            if let Some(data) = entry.data_mut() {
                data.envelope.lineage.get_or_insert_with(|| owner.clone());
                self.waiting.add(entry.size);
            }
        }
        self.entries.retain(|entry| entry.frame.is_some());
        self.written = 0;
        self.in_flight = Load::default();
    }

    /// Begins anew with another destination than the last, which was an `owner` and may have had what was written.
    pub(super) fn restart(&mut self, owner: Option<Lineage>) {
        let Some(owner) = owner else { return };
        for entry in self.entries.range_mut(..self.written) {
            if let Some(data) = entry.data_mut() {
                data.redelivered = true;
            }
        }
        self.rewind(&owner);
        self.acked = Seq::default();
    }

    /// Settles what has expired.
    pub(super) fn expire(&mut self, now: Instant) {
        if self.expiry.is_none_or(|expiry| expiry > now) {
            return;
        }
        let mut next = None;
        self.fail(|envelope| {
            if envelope.deadline.is_some_and(|deadline| deadline <= now) {
                return Some(Reason::Deadline);
            }
            next = earlier(next, envelope.deadline);
            None
        });
        self.expiry = next;
    }

    /// Settles those that `judge` has a reason to fail, and hands them out.
    pub(super) fn fail(&mut self, mut judge: impl FnMut(&Envelope) -> Option<Reason>) -> Vec<(Envelope, Undelivered)> {
        let mut failed = Vec::new();
        let mut index = 0;
        self.entries.retain_mut(|entry| {
            let written = index < self.written;
            index += 1;
            let Some(reason) = entry.data().and_then(|data| judge(&data.envelope)) else { return true };
            if let Some(Frame::Data(data)) = entry.frame.take() {
                let undelivered = match written || data.redelivered {
                    true => Undelivered::Unknown(reason),
                    false => Undelivered::NotDelivered(reason),
                };
                settle(&data.envelope, &undelivered);
                failed.push((data.envelope, undelivered));
            }
            if !written {
                self.waiting.remove(entry.size);
            }
            written
        });
        failed
    }
}

/// Says how much, not what: payloads are nobody's business.
impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Replay { acked, in_flight, waiting, expiry, .. } = self;
        f.debug_struct("Replay")
            .field("acked", acked)
            .field("in_flight", in_flight)
            .field("waiting", waiting)
            .field("expiry", expiry)
            .finish_non_exhaustive()
    }
}

/// Writes down that `envelope` failed.
pub(super) fn settle(envelope: &Envelope, undelivered: &Undelivered) {
    if let Some(ticket) = &envelope.ticket {
        ticket.settle(Err(undelivered.clone()));
    }
}

/// The earlier of two instants, either of which may not be.
pub(super) fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}
