//! Messages of one event as a stream.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use ipchannel_codec::Codecs;
use ipchannel_core::link::Delivery;
use serde::de::DeserializeOwned;

use super::registry::Subscription;
use crate::event::{Event, EventSender};
use crate::sender::{Sender, sender_id};

/// The messages of one event, in order per sender; made by [`Channel::stream`](crate::Channel::stream).
///
/// What is not read yet counts against the credit of its sender: a slow reader slows only those who send to it, and
/// takes no memory beyond [`Config::incoming`](crate::Config::incoming) for each. A message that is not a `T` is told to
/// [`Channel::events`](crate::Channel::events) and passed over. Dropping the stream ends the subscription.
pub struct Messages<T> {
    subscription: Subscription,
    slot: Arc<Slot>,
    /// Taken from the slot all at once, so that many messages cost one lock and one wake-up.
    batch: VecDeque<Arc<Delivery>>,
    codecs: Arc<Codecs>,
    events: EventSender,
    value: PhantomData<fn() -> T>,
}

/// Where arrivals wait for the stream.
#[derive(Default)]
pub(super) struct Slot(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    arrivals: VecDeque<Arc<Delivery>>,
    waker: Option<Waker>,
    ended: bool,
}

impl Slot {
    pub(super) fn push(&self, arrival: Arc<Delivery>) {
        let mut waiting = self.waiting();
        waiting.arrivals.push_back(arrival);
        if let Some(waker) = waiting.waker.take() {
            waker.wake();
        }
    }

    pub(super) fn end(&self) {
        let mut waiting = self.waiting();
        waiting.ended = true;
        if let Some(waker) = waiting.waker.take() {
            waker.wake();
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Messages<T> {
    pub(super) fn new(
        subscription: Subscription,
        slot: Arc<Slot>,
        codecs: Arc<Codecs>,
        events: EventSender,
    ) -> Messages<T> {
        Messages { subscription, slot, batch: VecDeque::new(), codecs, events, value: PhantomData }
    }
}

impl<T: DeserializeOwned> Messages<T> {
    /// The next message and its sender, or `None` once the channel is closed and everything was read.
    ///
    /// # Cancel safety
    /// Cancel safe: a message is either returned or still there.
    pub async fn next(&mut self) -> Option<(Sender, T)> {
        std::future::poll_fn(|cx| self.poll_message(cx)).await
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<(Sender, T)>> {
        loop {
            while let Some(arrival) = self.batch.pop_front() {
                let envelope = &arrival.envelope;
                let (from, event) = (sender_id(arrival.from), envelope.event.clone());
                match self.codecs.decode(&envelope.payload) {
                    Ok(value) => {
                        let sender = Sender::new(arrival.from, arrival.redelivered, envelope.headers.clone());
                        return Poll::Ready(Some((sender, value)));
                    }
                    Err(error) => {
                        let error = error.to_string().into();
                        self.events.send(Event::HandlerFailed { from, event, error });
                    }
                }
            }
            let mut waiting = self.slot.waiting();
            if waiting.arrivals.is_empty() {
                waiting.waker = Some(cx.waker().clone());
                return if waiting.ended { Poll::Ready(None) } else { Poll::Pending };
            }
            std::mem::swap(&mut self.batch, &mut waiting.arrivals);
        }
    }
}

impl<T: DeserializeOwned> Stream for Messages<T> {
    type Item = (Sender, T);

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_message(cx)
    }
}

impl<T> Drop for Messages<T> {
    fn drop(&mut self) {
        self.subscription.cancel();
    }
}

impl<T> std::fmt::Debug for Messages<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Messages").field("subscription", &self.subscription).finish_non_exhaustive()
    }
}
