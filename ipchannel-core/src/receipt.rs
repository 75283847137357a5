//! Receipts: what became of each message that was accepted for one peer, and how much may be under way.
//!
//! A [`Ledger`] belongs to one peer. Each accepted message takes room in it and a [`Ticket`], a number that travels with the
//! envelope. Settling the ticket gives the room back and resolves the [`Receipt`]s for it. A receipt is that number
//! and nothing more, so a message costs no channel and no allocation of its own.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::{Notify, Semaphore};

use crate::error::{SendError, Undelivered};

/// How much may be accepted for one peer and not yet settled: waiting, written, or unacknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Messages.
    pub messages: usize,
    /// Bytes, as [`Envelope::size`](crate::Envelope::size) counts them.
    pub bytes: usize,
}

/// The open accounts of one peer. Clones share them.
#[derive(Clone)]
pub struct Ledger(Arc<Shared>);

struct Shared {
    limits: Limits,
    messages: Semaphore,
    bytes: Semaphore,
    accounts: Mutex<Accounts>,
    /// Told when nothing is unsettled.
    empty: Notify,
}

#[derive(Default)]
struct Accounts {
    /// The ticket of the first slot. Every lower ticket is settled.
    base: u64,
    slots: VecDeque<Slot>,
    /// Failures of tickets below `base` that a receipt still asks for; whatever else is below it was delivered.
    failed: BTreeMap<u64, Failure>,
}

struct Slot {
    size: usize,
    receipts: u32,
    waker: Option<Waker>,
    settled: Option<Result<(), Undelivered>>,
}

/// What becomes free and who is to be woken when the lock is.
#[derive(Default)]
struct Settled {
    messages: usize,
    bytes: usize,
    wakers: Vec<Waker>,
}

struct Failure {
    receipts: u32,
    error: Undelivered,
}

/// The number of one accepted message in its peer's [`Ledger`].
#[derive(Clone)]
pub struct Ticket {
    ledger: Ledger,
    number: u64,
}

/// Resolves when the receiving process has the message, or when it certainly or possibly never will.
///
/// It may be dropped at any time: the message goes on.
///
/// # Cancel safety
/// Polling and dropping a receipt never changes what becomes of the message.
pub struct Receipt(Ticket);

impl Ledger {
    /// Empty accounts with these limits.
    pub fn new(limits: Limits) -> Self {
        Ledger(Arc::new(Shared {
            limits,
            messages: Semaphore::new(limits.messages.min(Semaphore::MAX_PERMITS)),
            bytes: Semaphore::new(limits.bytes.min(Semaphore::MAX_PERMITS)),
            accounts: Mutex::default(),
            empty: Notify::new(),
        }))
    }

    /// Takes room for a message of `size` bytes and opens an account for it, or says at once why not.
    ///
    /// # Errors
    /// [`SendError::Full`] without room, [`SendError::TooLarge`] if there can never be room, [`SendError::Closed`]
    /// after [`close`](Self::close).
    pub fn try_open(&self, size: usize) -> Result<Ticket, SendError> {
        let permits = self.permits(size)?;
        let messages = self.0.messages.try_acquire().map_err(refused)?;
        let bytes = self.0.bytes.try_acquire_many(permits).map_err(refused)?;
        messages.forget();
        bytes.forget();
        Ok(self.open(size))
    }

    /// Waits for room for a message of `size` bytes, first come first served, and opens an account for it.
    ///
    /// # Cancel safety
    /// Dropped before it completes, it takes nothing; its place in the queue is lost.
    ///
    /// # Errors
    /// [`SendError::TooLarge`] if there can never be room, [`SendError::Closed`] once closed.
    pub async fn open_wait(&self, size: usize) -> Result<Ticket, SendError> {
        let permits = self.permits(size)?;
        let closed = |_| SendError::Closed;
        let messages = self.0.messages.acquire().await.map_err(closed)?;
        let bytes = self.0.bytes.acquire_many(permits).await.map_err(closed)?;
        messages.forget();
        bytes.forget();
        Ok(self.open(size))
    }

    /// Accepts nothing more. What is under way may still be settled.
    pub fn close(&self) {
        self.0.messages.close();
        self.0.bytes.close();
    }

    /// How many messages are accepted and not settled.
    pub fn unsettled(&self) -> usize {
        self.0.limits.messages.min(Semaphore::MAX_PERMITS) - self.0.messages.available_permits()
    }

    /// Waits until nothing is unsettled.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is lost with a wait that is dropped.
    pub async fn settled(&self) {
        loop {
            let mut told = std::pin::pin!(self.0.empty.notified());
            told.as_mut().enable();
            if self.unsettled() == 0 {
                return;
            }
            told.await;
        }
    }

    /// Settles many tickets of this ledger as delivered, under one lock.
    pub fn deliver_all<'a>(&self, tickets: impl IntoIterator<Item = &'a Ticket>) {
        let mut settled = Settled::default();
        let mut accounts = self.accounts();
        for ticket in tickets {
            debug_assert!(Arc::ptr_eq(&self.0, &ticket.ledger.0));
            accounts.settle(ticket.number, Ok(()), &mut settled);
        }
        accounts.sweep();
        drop(accounts);
        self.release(settled);
    }

    fn permits(&self, size: usize) -> Result<u32, SendError> {
        let limit = self.0.limits.bytes.min(u32::MAX as usize);
        u32::try_from(size).ok().filter(|_| size <= limit).ok_or(SendError::TooLarge { size, limit })
    }

    fn open(&self, size: usize) -> Ticket {
        let mut accounts = self.accounts();
        let number = accounts.base + accounts.slots.len() as u64;
        accounts.slots.push_back(Slot { size, receipts: 0, waker: None, settled: None });
        drop(accounts);
        Ticket { ledger: self.clone(), number }
    }

    /// Gives room back and wakes receipts: only without the lock, since wakers are foreign code.
    fn release(&self, settled: Settled) {
        self.0.messages.add_permits(settled.messages);
        self.0.bytes.add_permits(settled.bytes);
        settled.wakers.into_iter().for_each(Waker::wake);
        if self.unsettled() == 0 {
            self.0.empty.notify_waiters();
        }
    }

    fn accounts(&self) -> MutexGuard<'_, Accounts> {
        self.0.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Accounts {
    fn slot(&mut self, number: u64) -> Option<&mut Slot> {
        let index = number.checked_sub(self.base)?;
        self.slots.get_mut(usize::try_from(index).ok()?)
    }

    /// Counts only the first word on a message.
    fn settle(&mut self, number: u64, outcome: Result<(), Undelivered>, settled: &mut Settled) {
        if let Some(slot) = self.slot(number).filter(|slot| slot.settled.is_none()) {
            slot.settled = Some(outcome);
            settled.messages += 1;
            settled.bytes += slot.size;
            settled.wakers.extend(slot.waker.take());
        }
    }

    /// Forgets settled slots at the front.
    fn sweep(&mut self) {
        while let Some(Slot { settled: Some(outcome), receipts, .. }) = self.slots.front() {
            if let (Err(error), receipts @ 1..) = (outcome, *receipts) {
                self.failed.insert(self.base, Failure { receipts, error: error.clone() });
            }
            self.slots.pop_front();
            self.base += 1;
        }
    }

    fn outcome(&self, number: u64) -> Option<Result<(), Undelivered>> {
        match number.checked_sub(self.base) {
            None => Some(self.failed.get(&number).map_or(Ok(()), |failure| Err(failure.error.clone()))),
            Some(index) => self.slots.get(index as usize)?.settled.clone(),
        }
    }
}

impl Ticket {
    /// A receipt for the message.
    pub fn receipt(&self) -> Receipt {
        if let Some(slot) = self.ledger.accounts().slot(self.number) {
            slot.receipts += 1;
        }
        Receipt(self.clone())
    }

    /// Writes down what became of the message. The first word counts; later ones are ignored.
    pub fn settle(&self, outcome: Result<(), Undelivered>) {
        let mut settled = Settled::default();
        let mut accounts = self.ledger.accounts();
        accounts.settle(self.number, outcome, &mut settled);
        accounts.sweep();
        drop(accounts);
        self.ledger.release(settled);
    }

    /// Whether it is written down already.
    pub fn is_settled(&self) -> bool {
        self.ledger.accounts().outcome(self.number).is_some()
    }

    /// Whether it belongs to this ledger.
    pub fn is_of(&self, ledger: &Ledger) -> bool {
        Arc::ptr_eq(&self.ledger.0, &ledger.0)
    }
}

impl Future for Receipt {
    type Output = Result<(), Undelivered>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Ticket { ledger, number } = &self.0;
        let mut accounts = ledger.accounts();
        if let Some(outcome) = accounts.outcome(*number) {
            return Poll::Ready(outcome);
        }
        if let Some(slot) = accounts.slot(*number) {
            match &mut slot.waker {
                Some(waker) => waker.clone_from(cx.waker()),
                none => *none = Some(cx.waker().clone()),
            }
        }
        Poll::Pending
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        let number = self.0.number;
        let mut accounts = self.0.ledger.accounts();
        if let Some(slot) = accounts.slot(number) {
            slot.receipts -= 1;
        } else if let Some(failure) = accounts.failed.get_mut(&number) {
            failure.receipts -= 1;
            if failure.receipts == 0 {
                accounts.failed.remove(&number);
            }
        }
    }
}

fn refused(error: tokio::sync::TryAcquireError) -> SendError {
    match error {
        tokio::sync::TryAcquireError::Closed => SendError::Closed,
        tokio::sync::TryAcquireError::NoPermits => SendError::Full,
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("limits", &self.0.limits).finish_non_exhaustive()
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticket({})", self.number)
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receipt({})", self.0.number)
    }
}

#[cfg(test)]
#[path = "receipt_tests.rs"]
mod tests;
