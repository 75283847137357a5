//! Who has subscribed to which event.

use std::collections::HashMap;
use std::sync::Arc;

use ipchannel_core::Kind;
use ipchannel_core::link::Delivery;

use super::Inbox;
use super::handler::{Answer, Handler};
use super::stream::Slot;

/// A handler, stream or answer that was registered. Dropping it changes nothing; [`cancel`](Self::cancel) ends it.
#[derive(Clone)]
pub struct Subscription {
    inbox: Inbox,
    event: Arc<str>,
    id: u64,
}

impl Subscription {
    pub(super) fn new(inbox: Inbox, event: &str, id: u64) -> Self {
        Subscription { inbox, event: event.into(), id }
    }

    /// Takes the handler away. One that runs right now ends undisturbed.
    pub fn cancel(&self) {
        self.inbox.remove(&self.event, self.id);
    }
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription").field("event", &self.event).finish_non_exhaustive()
    }
}

#[derive(Default)]
pub(super) struct Registry {
    events: HashMap<Arc<str>, Takers>,
    next: u64,
}

#[derive(Default)]
struct Takers {
    handlers: Vec<Entry>,
    streams: Vec<(u64, Arc<Slot>)>,
    answer: Option<(u64, Answer)>,
}

struct Entry {
    id: u64,
    handler: Handler,
    once: bool,
}

/// Who waits for an arrival.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Demand {
    None,
    Streams,
    Handlers,
}

/// What to call for an arrival, in this order.
pub(super) enum Call {
    Handlers(Vec<Handler>),
    Answer(Answer),
}

impl Registry {
    pub(super) fn add_handler(&mut self, event: &str, handler: Handler, once: bool) -> u64 {
        let id = self.id();
        self.takers(event).handlers.push(Entry { id, handler, once });
        id
    }

    pub(super) fn add_stream(&mut self, event: &str) -> (u64, Arc<Slot>) {
        let (id, slot) = (self.id(), Arc::<Slot>::default());
        self.takers(event).streams.push((id, slot.clone()));
        (id, slot)
    }

    /// The latest answer counts.
    pub(super) fn set_answer(&mut self, event: &str, answer: Answer) -> u64 {
        let id = self.id();
        self.takers(event).answer = Some((id, answer));
        id
    }

    /// Hands back what was removed, for the caller to drop.
    pub(super) fn remove(&mut self, event: &str, id: u64) -> Option<impl Sized + use<>> {
        let takers = self.events.get_mut(event)?;
        let handler = takers.handlers.iter().position(|entry| entry.id == id).map(|at| takers.handlers.remove(at));
        let stream = takers.streams.iter().position(|(i, _)| *i == id).map(|at| takers.streams.remove(at));
        let answer = takers.answer.take_if(|(i, _)| *i == id);
        if takers.handlers.is_empty() && takers.streams.is_empty() && takers.answer.is_none() {
            self.events.remove(event);
        }
        Some((handler, stream, answer))
    }

    pub(super) fn demand(&self, arrival: &Delivery) -> Demand {
        let Some(takers) = self.events.get(&*arrival.envelope.event) else { return Demand::None };
        match arrival.envelope.kind {
            Kind::Request(_) if takers.answer.is_some() => Demand::Handlers,
            Kind::Request(_) => Demand::None,
            _ if !takers.handlers.is_empty() => Demand::Handlers,
            _ if !takers.streams.is_empty() => Demand::Streams,
            _ => Demand::None,
        }
    }

    pub(super) fn feed_streams(&self, arrival: &Arc<Delivery>) {
        for (_, slot) in self.events.get(&*arrival.envelope.event).into_iter().flat_map(|takers| &takers.streams) {
            slot.push(arrival.clone());
        }
    }

    /// What to call now; handlers that want but one message are gone afterwards.
    pub(super) fn call(&mut self, arrival: &Delivery) -> Option<Call> {
        let takers = self.events.get_mut(&*arrival.envelope.event)?;
        if let Kind::Request(_) = arrival.envelope.kind {
            return takers.answer.as_ref().map(|(_, answer)| Call::Answer(answer.clone()));
        }
        let handlers = takers.handlers.iter().map(|entry| entry.handler.clone()).collect();
        takers.handlers.retain(|entry| !entry.once);
        Some(Call::Handlers(handlers))
    }

    pub(super) fn end_streams(&self) {
        for (_, slot) in self.events.values().flat_map(|takers| &takers.streams) {
            slot.end();
        }
    }

    fn takers(&mut self, event: &str) -> &mut Takers {
        self.events.entry(event.into()).or_default()
    }

    fn id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}
