//! What arrives: one lane per sender, in which its messages are handled one at a time and in order.
//!
//! The memory of it all is bounded without a limit of its own: each message holds the credit of its sender until it is
//! consumed, and who has no credit sends no more.

mod handler;
mod lane;
mod parked;
mod registry;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ipchannel_codec::Codecs;
use ipchannel_core::frame::Origin;
use ipchannel_core::link::Delivery;
use ipchannel_core::{CallId, Kind, Outcome};
use tokio::sync::Notify;

use crate::event::{Event, EventSender};
use crate::sender::sender_id;
use crate::tasks::Tasks;
use parked::{Parked, Watch};
use registry::{Demand, Registry};

pub use handler::HandlerOutput;
pub(crate) use handler::{Answer, Answered, Handler, answer, handler};
pub(crate) use lane::inside_handler;
pub use registry::Subscription;
pub use stream::Messages;

/// How a handled request goes back to its caller.
pub(crate) trait Replies: Send + Sync + 'static {
    fn reply(&self, to: Origin, call: CallId, outcome: Outcome, answer: handler::Answered, deadline: Option<Instant>);
}

/// The arrivals of one channel and who takes them. Clones share them.
#[derive(Clone)]
pub(crate) struct Inbox(Arc<Shared>);

struct Shared {
    codecs: Arc<Codecs>,
    events: EventSender,
    replies: Box<dyn Replies>,
    tasks: Tasks,
    /// How long a message whose sender set no deadline waits for a handler.
    patience: Duration,
    state: Mutex<State>,
    /// Told when the last lane has ended.
    quiet: Notify,
    /// Told when a parked message expires before all others.
    sooner: Notify,
}

#[derive(Default)]
struct State {
    registry: Registry,
    /// What each sender's running lane has yet to handle.
    lanes: HashMap<Origin, VecDeque<Arc<Delivery>>>,
    parked: Parked,
}

/// What is to be done about an arrival once the lock is free.
enum Next {
    Nothing,
    RunLane(Origin),
    Watch(Watch),
}

impl State {
    fn route(&mut self, arrival: Arc<Delivery>, patience: Duration) -> Next {
        if let Some(lane) = self.lanes.get_mut(&arrival.from) {
            // Others of this sender are before it.
            lane.push_back(arrival);
            return Next::Nothing;
        }
        match self.registry.demand(&arrival) {
            Demand::None => self.park(arrival, patience),
            Demand::Streams => {
                self.registry.feed_streams(&arrival);
                Next::Nothing
            }
            Demand::Handlers => {
                let origin = arrival.from;
                self.lanes.entry(origin).or_default().push_back(arrival);
                Next::RunLane(origin)
            }
        }
    }

    /// Keeps a message nobody has subscribed to, until its deadline. Under the lock that showed it: a subscriber who comes
    /// later finds it.
    fn park(&mut self, arrival: Arc<Delivery>, patience: Duration) -> Next {
        let now = tokio::time::Instant::now().into_std();
        let mut expires = arrival.deadline.unwrap_or(now + patience);
        if let Kind::Request(_) = arrival.envelope.kind {
            // Half its time: so the caller still hears that nobody answers before it gives up.
            expires = now + expires.saturating_duration_since(now) / 2;
        }
        Next::Watch(self.parked.add(expires, arrival))
    }

    /// Routes what waited for a first subscriber. It is older than whatever its sender has in a lane.
    fn unpark(&mut self, event: &str, patience: Duration) -> Vec<Next> {
        let waiting = self.parked.take(event).into_iter();
        let (before, free): (Vec<_>, Vec<_>) = waiting.partition(|arrival| self.lanes.contains_key(&arrival.from));
        for arrival in before.into_iter().rev() {
            self.lanes.entry(arrival.from).or_default().push_front(arrival);
        }
        free.into_iter().map(|arrival| self.route(arrival, patience)).collect()
    }
}

impl Inbox {
    pub(crate) fn new(
        codecs: Arc<Codecs>,
        events: EventSender,
        replies: Box<dyn Replies>,
        tasks: Tasks,
        patience: Duration,
    ) -> Self {
        let (state, quiet, sooner) = (Mutex::default(), Notify::new(), Notify::new());
        Inbox(Arc::new(Shared { codecs, events, replies, tasks, patience, state, quiet, sooner }))
    }

    /// Takes a message or a request that arrived. Streams get it here and now, handlers in their sender's lane.
    pub(crate) fn deliver(&self, delivery: Delivery) {
        let next = self.state().route(Arc::new(delivery), self.0.patience);
        self.follow(next);
    }

    pub(crate) fn on(&self, event: &str, handler: Handler, once: bool) -> Subscription {
        let mut state = self.state();
        let id = state.registry.add_handler(event, handler, once);
        self.unpark(state, event);
        Subscription::new(self.clone(), event, id)
    }

    pub(crate) fn answer(&self, event: &str, answer: Answer) -> Subscription {
        let mut state = self.state();
        let id = state.registry.set_answer(event, answer);
        self.unpark(state, event);
        Subscription::new(self.clone(), event, id)
    }

    pub(crate) fn stream<T>(&self, event: &str) -> Messages<T> {
        let mut state = self.state();
        let (id, slot) = state.registry.add_stream(event);
        self.unpark(state, event);
        let codecs = self.0.codecs.clone();
        Messages::new(Subscription::new(self.clone(), event, id), slot, codecs, self.0.events.clone())
    }

    fn remove(&self, event: &str, id: u64) {
        let removed = self.state().registry.remove(event, id);
        drop(removed); // outside the lock: what a handler captured may do anything when it goes
    }

    /// Waits until no handler runs.
    pub(crate) async fn quiet(&self) {
        loop {
            let told = self.0.quiet.notified();
            if self.state().lanes.is_empty() {
                return;
            }
            told.await;
        }
    }

    /// Ends every stream and forgets every handler: with them goes what they captured, which may well be the channel itself.
    pub(crate) fn clear(&self) {
        let state = std::mem::take(&mut *self.state());
        state.registry.end_streams();
    }

    /// What waited for a first subscriber goes before whatever arrives from now on: hence under the same lock.
    fn unpark(&self, mut state: MutexGuard<'_, State>, event: &str) {
        let next = state.unpark(event, self.0.patience);
        drop(state);
        next.into_iter().for_each(|next| self.follow(next));
    }

    fn follow(&self, next: Next) {
        match next {
            Next::Nothing | Next::Watch(Watch::GoesOn) => {}
            Next::RunLane(origin) => {
                let inbox = self.clone();
                self.0.tasks.spawn(async move { inbox.run_lane(origin).await });
            }
            Next::Watch(Watch::Sooner) => self.0.sooner.notify_one(),
            Next::Watch(Watch::Begins) => {
                let inbox = self.clone();
                self.0.tasks.spawn(async move { inbox.expire_parked().await });
            }
        }
    }

    /// Fails what was parked for too long, until nothing is parked.
    async fn expire_parked(&self) {
        loop {
            let Some(next) = self.state().parked.next_expiry() else { return };
            tokio::select! {
                () = tokio::time::sleep_until(next.into()) => {}
                () = self.0.sooner.notified() => continue,
            }
            let late = self.state().parked.expire(tokio::time::Instant::now().into_std());
            for arrival in late {
                self.unhandled(&arrival);
            }
        }
    }

    fn unhandled(&self, arrival: &Delivery) {
        let (from, event) = (sender_id(arrival.from), arrival.envelope.event.clone());
        self.0.events.send(Event::Unhandled { from, event });
        if let Kind::Request(call) = arrival.envelope.kind {
            self.0.replies.reply(arrival.from, call, Outcome::Unhandled, Err(String::new()), arrival.deadline);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
