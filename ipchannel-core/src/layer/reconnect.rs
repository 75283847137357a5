//! A service that is made anew when it is lost.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;
use tokio::time::{Instant, Sleep};
use tower_layer::Layer;
use tower_service::Service;

use super::{Backoff, Waits};

/// Brings news that trying again may be worth it: cuts a backoff short. Clones are the same nudge.
///
/// News that comes while nothing is being waited for is of no consequence, except during an attempt: if that one
/// fails, the next follows at once.
#[derive(Clone, Debug, Default)]
pub struct Nudge(Arc<Notify>);

impl Nudge {
    /// A nudge that nobody listens to yet.
    pub fn new() -> Self {
        Nudge::default()
    }

    /// Try now, and begin the backoff anew.
    pub fn try_now(&self) {
        self.0.notify_waiters();
    }
}

/// Turns a service that makes connections into the service of one lasting connection.
///
/// The inner service is called with `target` and answers with a service: the connection. It is called when
/// readiness is first asked for, and again whenever the connection reports an error instead of readiness.
///
/// # Contract
/// - Pending while connecting and while backing off. Everything happens within `poll_ready`; nothing is spawned, and
///   a connection that nobody asks for is neither made nor missed.
/// - A failed attempt is followed by a wait of the [`Backoff`]. A lost connection is replaced at once if it stood for
///   as long as the longest wait; otherwise it counts as a failed attempt. So an endpoint that accepts and then hangs
///   up is not hammered.
/// - [`Nudge::try_now`] ends the wait.
/// - Errors for which `is_final` holds are returned by `poll_ready`, once each. It may be called again: then the next
///   attempt follows, after a wait, whose outcome is told whatever was before. All other errors are logged at
///   level DEBUG.
/// - The error of a call is returned as it is. Whether the connection has survived it, the connection tells when it
///   is next asked for readiness.
///
/// ```
/// use ipchannel_core::layer::{Backoff, BoxError, Nudge, ReconnectLayer};
/// use tower::{Layer, Service, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), BoxError> {
/// let mut refused = 2;
/// let connector = service_fn(move |port: u16| {
///     let up = refused == 0;
///     refused -= if up { 0 } else { 1 };
///     async move {
///         let connection = service_fn(move |n: u16| async move { Ok::<_, BoxError>(n + port) });
///         if up { Ok(connection) } else { Err(BoxError::from("connection refused")) }
///     }
/// });
/// let nudge = Nudge::new(); // kept by whoever hears that the peer is back
/// let mut service = ReconnectLayer::new(8000, Backoff::default(), |_: &BoxError| false).nudged_by(&nudge).layer(connector);
/// assert_eq!(service.ready().await?.call(80).await?, 8080);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ReconnectLayer<T, P> {
    target: T,
    backoff: Backoff,
    is_final: P,
    nudge: Nudge,
}

impl<T, P> ReconnectLayer<T, P> {
    /// Connects to `target`. `is_final`: `Fn(&Error) -> bool` over the errors of connecting, for those that are
    /// to be returned.
    pub fn new(target: T, backoff: Backoff, is_final: P) -> Self {
        ReconnectLayer { target, backoff, is_final, nudge: Nudge::new() }
    }

    /// Listens to this nudge.
    #[must_use]
    pub fn nudged_by(mut self, nudge: &Nudge) -> Self {
        self.nudge = nudge.clone();
        self
    }
}

impl<M, T, P> Layer<M> for ReconnectLayer<T, P>
where
    M: Service<T>,
    T: Clone,
    P: Clone,
{
    type Service = Reconnect<M, T, P>;

    fn layer(&self, make: M) -> Self::Service {
        Reconnect {
            make,
            target: self.target.clone(),
            is_final: self.is_final.clone(),
            backoff: self.backoff,
            waits: self.backoff.waits(),
            news: Box::pin(self.nudge.0.clone().notified_owned()),
            nudge: self.nudge.clone(),
            state: State::Idle,
        }
    }
}

/// The service of a [`ReconnectLayer`].
pub struct Reconnect<M: Service<T>, T, P> {
    make: M,
    target: T,
    is_final: P,
    backoff: Backoff,
    waits: Waits,
    nudge: Nudge,
    /// What the nudge has said since the last attempt began, or since the connection was lost.
    news: Pin<Box<OwnedNotified>>,
    state: State<M::Future, M::Response>,
}

enum State<F, S> {
    Idle,
    Waiting(Pin<Box<Sleep>>),
    Attempting,
    Connecting(Pin<Box<F>>),
    Connected { connection: S, since: Instant },
}

impl<M: Service<T>, T, P> Reconnect<M, T, P> {
    /// From now on.
    fn listen_for_news(&mut self) {
        self.news = Box::pin(self.nudge.0.clone().notified_owned());
    }

    fn back_off(&mut self) {
        self.state = State::Waiting(Box::pin(tokio::time::sleep(self.waits.next_wait())));
    }

    fn failed(&mut self, error: M::Error) -> Result<(), M::Error>
    where
        M::Error: fmt::Display,
        P: Fn(&M::Error) -> bool,
    {
        self.back_off();
        if (self.is_final)(&error) {
            return Err(error);
        }
        tracing::debug!(%error, "could not connect, trying again");
        Ok(())
    }

    fn lost(&mut self, error: impl fmt::Display, since: Instant) {
        tracing::debug!(%error, "lost the connection, connecting again");
        self.listen_for_news();
        if since.elapsed() >= self.backoff.max() {
            self.waits.reset();
            self.state = State::Idle;
        } else {
            self.back_off();
        }
    }
}

// Nothing that is pinned is part of it: the futures are boxed.
impl<M: Service<T>, T, P> Unpin for Reconnect<M, T, P> {}

impl<M, T, P, S, R> Service<R> for Reconnect<M, T, P>
where
    M: Service<T, Response = S>,
    M::Error: fmt::Display,
    S: Service<R>,
    S::Error: From<M::Error> + fmt::Display,
    T: Clone,
    P: Fn(&M::Error) -> bool,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        loop {
            match &mut self.state {
                State::Idle => {
                    self.listen_for_news();
                    self.state = State::Attempting;
                }
                State::Attempting => match ready!(self.make.poll_ready(cx)) {
                    Ok(()) => self.state = State::Connecting(Box::pin(self.make.call(self.target.clone()))),
                    Err(error) => self.failed(error)?,
                },
                State::Connecting(attempt) => match ready!(attempt.as_mut().poll(cx)) {
                    Ok(connection) => self.state = State::Connected { connection, since: Instant::now() },
                    Err(error) => self.failed(error)?,
                },
                State::Waiting(sleep) => {
                    if self.news.as_mut().poll(cx).is_ready() {
                        self.waits.reset();
                    } else {
                        ready!(sleep.as_mut().poll(cx));
                    }
                    self.state = State::Idle;
                }
                State::Connected { connection, since } => match ready!(connection.poll_ready(cx)) {
                    Ok(()) => return Poll::Ready(Ok(())),
                    Err(error) => {
                        let since = *since;
                        self.lost(error, since);
                    }
                },
            }
        }
    }

    /// # Panics
    /// If [`poll_ready`](Self::poll_ready) was not ready before.
    fn call(&mut self, request: R) -> Self::Future {
        let State::Connected { connection, .. } = &mut self.state else {
            panic!("the connection was called before it was ready");
        };
        connection.call(request)
    }
}

impl<M: Service<T>, T: fmt::Debug, P> fmt::Debug for Reconnect<M, T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Idle => "idle",
            State::Waiting(_) => "backing off",
            State::Attempting | State::Connecting(_) => "connecting",
            State::Connected { .. } => "connected",
        };
        f.debug_struct("Reconnect").field("target", &self.target).field("state", &state).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "reconnect_tests.rs"]
mod tests;
