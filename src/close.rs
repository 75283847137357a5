//! The end of a channel: in good order, or at once.

use std::sync::Arc;

use ipchannel_core::{Envelope, PeerId, Target, Undelivered};
use tokio::time::{Instant, timeout_at};

use crate::event::{Disconnected, Event};
use crate::inbox;
use crate::node::{Node, Phase};

/// A message that [`Channel::close`](crate::Channel::close) could not deliver.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Returned {
    /// Whom it was for: `None` for a broadcast that had not been sent to anybody yet.
    pub to: Option<PeerId>,
    /// The message as it was sent.
    pub envelope: Envelope,
    /// Whether it certainly did not arrive.
    pub error: Undelivered,
}

impl Returned {
    fn new((envelope, error): (Envelope, Undelivered)) -> Self {
        let to = match envelope.target {
            Target::Peer(id) => Some(id),
            Target::Member(peer) => Some(peer.id),
            Target::All | Target::Others => None,
        };
        Returned { to, envelope, error }
    }
}

impl Node {
    /// See [`Channel::close`](crate::Channel::close).
    pub(crate) async fn close(self: Arc<Self>) -> Vec<Returned> {
        let inside = inbox::inside_handler();
        let runtime = self.tasks.runtime().clone();
        #[expect(
            clippy::disallowed_methods,
            reason = "nothing may cancel it: neither the caller, who may be one of our own handlers, nor our own end"
        )]
        let closing = runtime.spawn(async move { self.close_in_order(inside).await });
        closing.await.unwrap_or_default()
    }

    async fn close_in_order(self: Arc<Self>, inside_handler: bool) -> Vec<Returned> {
        if self.closing.swap(true, std::sync::atomic::Ordering::AcqRel) {
            self.tasks.stopped().await;
            return Vec::new();
        }
        let deadline = Instant::now() + self.config.close_deadline;
        // Each step has until the deadline; what is not done by then is given up.
        let _ = timeout_at(deadline, self.outgoing.flushed()).await;
        // The next host need not wait for the rest.
        self.state().election.handle_leave();
        drop(self.state().hosting.take());
        self.inlets.leave();
        if !inside_handler {
            let _ = timeout_at(deadline, self.inbox.quiet()).await;
        }
        self.router.close();
        let _ = timeout_at(deadline, self.outgoing.flushed()).await;
        let mut undelivered = self.router.give_up();
        undelivered.extend(self.outgoing.take_unsent().await);
        self.outgoing.shutdown();
        self.served.close();
        let _ = timeout_at(deadline, async { tokio::join!(self.outgoing.disconnected(), self.served.wait()) }).await;
        undelivered.extend(self.outgoing.take_unacknowledged());
        self.end().await;
        undelivered.into_iter().map(Returned::new).collect()
    }

    async fn end(&self) {
        self.tasks.stop();
        self.tasks.stopped().await;
        self.forget();
        self.phase.send_replace(Phase::Closed);
        self.events.send(Event::Disconnected { reason: Disconnected::Closed });
    }

    /// The last handle is gone: writes once, without waiting, what can be written, and ends everything.
    pub(crate) fn abandon(&self) {
        if self.closing.swap(true, std::sync::atomic::Ordering::AcqRel) {
            return;
        }
        let runtime = self.tasks.runtime().enter();
        let unsettled = if self.tasks.are_running() { self.outgoing.write_once() } else { 0 };
        drop(runtime);
        if unsettled > 0 {
            tracing::warn!(
                channel = self.name.as_str(),
                unsettled,
                "a channel was dropped with messages that are not known to have arrived: close it to wait for them"
            );
        }
        self.tasks.stop();
        self.forget();
        self.phase.send_replace(Phase::Closed);
    }

    /// Lets go of everything that could keep something else alive, and of the seat last.
    fn forget(&self) {
        self.calls.clear();
        self.inbox.clear();
        self.outgoing.clear();
        let (hosting, seat) = {
            let mut state = self.state();
            state.me = None;
            (state.hosting.take(), state.seat.take())
        };
        drop(hosting);
        drop(seat);
    }
}
