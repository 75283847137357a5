//! The sending end of a link, shared between those who send, those who connect, and the connection.

use std::fmt;
use std::future::{Future, Ready, poll_fn, ready};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::time::timeout_at;
use tower_service::Service;

use super::Process;
use super::outlet::Dialling;
use super::replay::settle;
use super::sender::{BeginError, Policy, Sender};
use super::wakers::Wakers;
use crate::envelope::Envelope;
use crate::error::{Reason, Undelivered};
use crate::frame::{Control, Hello, Origin, PROTOCOL_VERSION, Purpose};
use crate::peer::{Incarnation, Member};
use crate::receipt::{Ledger, Receipt};

/// The link to one seat. Clones share it; keep it for as long as the process lives, whoever holds the seat.
///
/// As a [`Service`] it is ready while a connection stands and the peer has room, and completes when it has taken the
/// message, which it then replays on every connection until it is acknowledged: await the [`Receipt`] for that.
/// Who connects it runs a loop:
///
/// 1. wait until the link is [`wanted`](Self::wanted),
/// 2. [`begin`](Self::begin) with whoever holds the seat, and hand the [`Dialling`] to a wire on a fresh connection; if
///    the holder is gone, wait for news of the seat first, since the link stays wanted,
/// 3. when that has ended, again; beside it, all the time, [`timers`](Self::timers).
///
/// The link holds its process, and so does every connection: a process that holds its links is never freed.
#[derive(Clone)]
pub struct Link(Arc<Shared>);

struct Shared {
    process: Arc<dyn Process>,
    ledger: Ledger,
    state: Mutex<State>,
}

pub(super) struct State {
    pub(super) sender: Sender,
    ready: Wakers,
    wanted: Wakers,
    flushed: Wakers,
    timers: Wakers,
    /// Of the connection that stands.
    pub(super) wire: Wakers,
    /// What those who wait for timers know of.
    timeout: Option<Instant>,
}

impl Link {
    /// A link that is not connected. It tells `process` of its connections, and settles in `ledger`.
    pub fn new(process: Arc<dyn Process>, policy: Policy, ledger: Ledger) -> Self {
        let state = State {
            sender: Sender::new(policy, ledger.clone()),
            ready: Wakers::default(),
            wanted: Wakers::default(),
            flushed: Wakers::default(),
            timers: Wakers::default(),
            wire: Wakers::default(),
            timeout: None,
        };
        Link(Arc::new(Shared { process, ledger, state: Mutex::new(state) }))
    }

    /// Begins a connection from `me` to `to`, in place of one that may still stand. The returned end is for a wire;
    /// dropped unused, it leaves no trace.
    ///
    /// # Errors
    /// [`BeginError::Gone`] if `to` is known to be gone.
    pub fn begin(&self, me: Origin, channel: &str, to: &Member) -> Result<Dialling, BeginError> {
        let attempt = self.with(|state| state.sender.begin(to))?;
        let hello = Hello {
            version: PROTOCOL_VERSION,
            channel: channel.to_owned(),
            from: me,
            to: to.peer,
            attempt,
            purpose: Purpose::Link,
        };
        Ok(Dialling::new(self.clone(), hello))
    }

    /// Waits for a reason to connect: somebody waits for the link to become ready, something is not acknowledged, or
    /// [`pin`](Self::pin), [`greet`](Self::greet) or [`control`](Self::control) ask for it. Pending while a connection
    /// stands.
    ///
    /// # Cancel safety
    /// Safe: nothing is lost.
    pub async fn wanted(&self) {
        self.until(|state| state.is_wanted(), |state| &mut state.wanted).await;
    }

    /// Waits until every message that was taken is settled.
    ///
    /// # Cancel safety
    /// Safe: nothing is lost.
    pub async fn flushed(&self) {
        self.until(|state| state.sender.is_flushed(), |state| &mut state.flushed).await;
    }

    /// Fails messages at their deadlines, and lets go of a connection that is idle. Never completes. Needs a tokio
    /// runtime with timers.
    ///
    /// # Cancel safety
    /// Safe: nothing is lost; nothing expires while nobody polls it.
    pub async fn timers(&self) {
        loop {
            let known = self.with(|state| state.sender.poll_timeout());
            let sooner = self.until(|state| is_sooner(state.sender.poll_timeout(), known), |state| &mut state.timers);
            let Some(at) = known else {
                sooner.await;
                continue;
            };
            if timeout_at(at.into(), sooner).await.is_err() {
                self.handle_timeout(at.max(tokio::time::Instant::now().into_std()));
            }
        }
    }

    /// Whether a connection stands that messages can be written to.
    pub fn is_connected(&self) -> bool {
        self.with(|state| state.sender.is_connected())
    }

    /// Keeps a connection open, or lets it go when idle.
    pub fn pin(&self, pinned: bool) {
        self.with(|state| state.sender.pin(pinned));
    }

    /// Connects once even if there is nothing to send, so that the peer learns of us.
    pub fn greet(&self) {
        self.with(|state| state.sender.greet());
    }

    /// Says something about the channel, ahead of the messages, on this connection or else on the next. What was not
    /// written when a connection ends is dropped.
    pub fn control(&self, control: Control) {
        self.with(|state| state.sender.control(control));
    }

    /// This life of the seat is over: see [`Sender::handle_gone`]. Say so as soon as it is known, also when it is known
    /// from the next holder itself.
    pub fn gone(&self, now: Instant, incarnation: Incarnation) {
        self.with(|state| state.sender.handle_gone(now, incarnation));
    }

    /// This process has another id from now on: see [`Sender::restart`].
    pub fn restart(&self) {
        self.with(|state| state.sender.restart());
    }

    /// Takes no more messages; says goodbye when all are settled. Then, or when it is too late, [`drain`](Self::drain).
    pub fn shutdown(&self) {
        self.with(|state| state.sender.shutdown());
    }

    /// Gives back every message that is not settled, and settles it as [`Reason::Closed`].
    pub fn drain(&self) -> Vec<(Envelope, Undelivered)> {
        self.with(|state| state.sender.drain())
    }

    pub(super) fn handle_timeout(&self, now: Instant) {
        self.with(|state| state.sender.handle_timeout(now));
    }

    pub(super) fn process(&self) -> &dyn Process {
        &*self.0.process
    }

    /// Does something under the lock, and wakes afterwards whoever waited for what has become of it.
    pub(super) fn with<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state();
        let result = act(&mut state);
        let due = state.due();
        drop(state);
        due.wake();
        result
    }

    fn until(
        &self,
        is: impl Fn(&State) -> bool,
        wakers: impl Fn(&mut State) -> &mut Wakers,
    ) -> impl Future<Output = ()> {
        poll_fn(move |cx| {
            let mut state = self.state();
            if is(&state) {
                return Poll::Ready(());
            }
            wakers(&mut state).register(cx);
            Poll::Pending
        })
    }

    fn send(&self, mut envelope: Envelope) -> Result<Receipt, Undelivered> {
        let receipt = match &envelope.ticket {
            Some(ticket) => ticket.receipt(),
            None => envelope.ticket.insert(self.0.ledger.try_open(envelope.size())?).receipt(),
        };
        self.with(|state| {
            if state.sender.is_closed() {
                let closed = Undelivered::NotDelivered(Reason::Closed);
                settle(&envelope, &closed);
                return Err(closed);
            }
            state.sender.push(envelope);
            Ok(receipt)
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_wanted(&self) -> bool {
        self.sender.is_wanted() || (!self.ready.is_empty() && self.sender.is_disconnected())
    }

    /// Takes those who have got what they wait for.
    fn due(&mut self) -> Wakers {
        let mut due = Wakers::default();
        if !self.ready.is_empty() && (self.sender.is_ready() || self.sender.is_closed()) {
            due.take_from(&mut self.ready);
        }
        if !self.wire.is_empty() && self.sender.wants_transmit() {
            due.take_from(&mut self.wire);
        }
        if !self.wanted.is_empty() && self.is_wanted() {
            due.take_from(&mut self.wanted);
        }
        if !self.flushed.is_empty() && self.sender.is_flushed() {
            due.take_from(&mut self.flushed);
        }
        let timeout = self.sender.poll_timeout();
        if is_sooner(timeout, self.timeout) {
            due.take_from(&mut self.timers);
        }
        self.timeout = timeout;
        due
    }
}

fn is_sooner(one: Option<Instant>, than: Option<Instant>) -> bool {
    one.is_some_and(|one| than.is_none_or(|than| one < than))
}

/// Ready while a connection stands and the peer has room. Whoever was told so and calls too late loses nothing: the
/// message waits in the link.
impl Service<Envelope> for Link {
    type Response = Receipt;
    type Error = Undelivered;
    type Future = Ready<Result<Receipt, Undelivered>>;

    /// # Errors
    /// [`Reason::Closed`] after [`shutdown`](Link::shutdown).
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Undelivered>> {
        self.with(|state| {
            if state.sender.is_closed() {
                return Poll::Ready(Err(Undelivered::NotDelivered(Reason::Closed)));
            }
            if state.sender.is_ready() {
                return Poll::Ready(Ok(()));
            }
            state.ready.register(cx);
            Poll::Pending
        })
    }

    /// Takes a message. One without a ticket gets one from the link's ledger.
    ///
    /// # Errors
    /// [`Reason::Closed`] after [`shutdown`](Link::shutdown): then a ticket that the message had is settled. Without
    /// a ticket also [`Reason::NotAccepted`] with whatever [`Ledger::try_open`] fails with.
    fn call(&mut self, envelope: Envelope) -> Self::Future {
        ready(self.send(envelope))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state().sender.fmt(f)
    }
}

#[cfg(test)]
#[path = "handle_tests.rs"]
mod tests;
