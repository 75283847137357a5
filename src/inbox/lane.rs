//! The lane of one sender: its messages are handled one at a time, in order.

use std::sync::Arc;

use ipchannel_core::frame::Origin;
use ipchannel_core::link::Delivery;
use ipchannel_core::{Kind, Outcome};

use super::registry::{Call, Demand};
use super::{Inbox, handler};
use crate::event::Event;
use crate::sender::sender_id;

tokio::task_local! {
    static INSIDE: ();
}

/// Whether the caller is a handler: who must not wait for handlers to end.
pub(crate) fn inside_handler() -> bool {
    INSIDE.try_with(|()| ()).is_ok()
}

impl Inbox {
    /// Handles what `origin` sent until nothing is left of it.
    pub(super) async fn run_lane(&self, origin: Origin) {
        while let Some((arrival, call)) = self.next_in_lane(origin) {
            let result = match call {
                Call::Handlers(handlers) => INSIDE.scope((), self.run_handlers(&arrival, handlers)).await,
                Call::Answer(answer) => {
                    let answered = INSIDE.scope((), handler::run(|| answer(&arrival))).await;
                    self.reply(&arrival, answered)
                }
            };
            if let Err(error) = result {
                let (from, event) = (sender_id(origin), arrival.envelope.event.clone());
                self.0.events.send(Event::HandlerFailed { from, event, error: error.into() });
            }
            // A sender with very much to say must not keep the thread from the others.
            tokio::task::coop::consume_budget().await;
        }
    }

    fn next_in_lane(&self, origin: Origin) -> Option<(Arc<Delivery>, Call)> {
        loop {
            let mut state = self.state();
            let Some(arrival) = state.lanes.get_mut(&origin)?.pop_front() else {
                state.lanes.remove(&origin);
                if state.lanes.is_empty() {
                    self.0.quiet.notify_waiters();
                }
                return None;
            };
            if self.is_given_up(&arrival) {
                continue;
            }
            match state.registry.demand(&arrival) {
                Demand::None => {
                    let next = state.park(arrival, self.0.patience);
                    drop(state);
                    self.follow(next);
                }
                Demand::Streams => state.registry.feed_streams(&arrival),
                Demand::Handlers => {
                    if !matches!(arrival.envelope.kind, Kind::Request(_)) {
                        state.registry.feed_streams(&arrival);
                    }
                    return state.registry.call(&arrival).map(|call| (arrival, call));
                }
            }
        }
    }

    /// Nobody waits any more for the answer to this: it would only keep later calls waiting.
    fn is_given_up(&self, arrival: &Delivery) -> bool {
        let late = arrival.deadline.is_some_and(|deadline| deadline <= tokio::time::Instant::now().into_std());
        late && matches!(arrival.envelope.kind, Kind::Request(_))
    }

    async fn run_handlers(&self, arrival: &Delivery, handlers: Vec<handler::Handler>) -> Result<(), String> {
        let mut result = Ok(());
        for h in handlers {
            result = result.and(handler::run(|| h(arrival)).await);
        }
        result
    }

    fn reply(&self, arrival: &Delivery, answered: handler::Answered) -> Result<(), String> {
        let Kind::Request(call) = arrival.envelope.kind else { return Ok(()) };
        let outcome = if answered.is_ok() { Outcome::Answered } else { Outcome::Failed };
        let failure = answered.as_ref().err().cloned();
        self.0.replies.reply(arrival.from, call, outcome, answered, arrival.deadline);
        failure.map_or(Ok(()), Err)
    }
}
