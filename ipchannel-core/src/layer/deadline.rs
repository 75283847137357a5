//! Requests with a deadline of their own.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use pin_project_lite::pin_project;
use tokio::time::Sleep;
use tower_layer::Layer;
use tower_service::Service;

use crate::envelope::Envelope;

/// The deadline of the request passed first.
///
/// The inner service was not called, or its response future was dropped before this error was returned.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the deadline passed")]
pub struct Elapsed;

/// Requests that know how long they are of use.
pub trait HasDeadline {
    /// When the request fails if it was not answered; `None` waits for ever.
    fn deadline(&self) -> Option<Instant>;
}

impl HasDeadline for Envelope {
    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

/// Fails requests with [`Elapsed`] that were not answered before their own [deadline](HasDeadline).
///
/// For an [`Envelope`] the answer is its acceptance by the link; what happens later is told by its receipt.
///
/// # Contract
/// - A request that has expired already is not passed on.
/// - The response of the inner service wins over a deadline that passed at the same time.
/// - A timer is created only for a response that is not there at the first poll.
/// - The inner response future is dropped *before* `Elapsed` is returned. So over a
///   [queue](super::QueueUntilReady), "elapsed" means that the request was never sent.
/// - The deadline covers the call, not the wait for readiness before it. Right: deadline over queue, since the queue
///   is ready while it has room. Wrong: deadline over a service that is seldom ready, where requests expire outside.
///
/// ```
/// use std::time::{Duration, Instant};
/// use ipchannel_core::layer::{BoxError, DeadlineLayer, Elapsed, HasDeadline};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// struct Job(Instant);
/// impl HasDeadline for Job {
///     fn deadline(&self) -> Option<Instant> {
///         Some(self.0)
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let stuck = service_fn(|_: Job| std::future::pending::<Result<(), BoxError>>());
/// let service = DeadlineLayer::new().layer(stuck);
/// let error = service.oneshot(Job(Instant::now() + Duration::from_secs(1))).await.unwrap_err();
/// assert!(error.is::<Elapsed>());
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct DeadlineLayer(());

impl DeadlineLayer {
    /// The layer. Each request brings its deadline along.
    pub const fn new() -> Self {
        DeadlineLayer(())
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = Deadline<S>;

    fn layer(&self, inner: S) -> Deadline<S> {
        Deadline::new(inner)
    }
}

/// The service of a [`DeadlineLayer`].
#[derive(Clone, Debug)]
pub struct Deadline<S> {
    inner: S,
}

impl<S> Deadline<S> {
    /// Holds the requests of `inner` to their deadlines.
    pub const fn new(inner: S) -> Self {
        Deadline { inner }
    }

    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service, taken out.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, R> Service<R> for Deadline<S>
where
    S: Service<R>,
    S::Error: From<Elapsed>,
    R: HasDeadline,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = DeadlineFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let deadline = request.deadline();
        if deadline.is_some_and(|deadline| deadline <= super::now()) {
            return DeadlineFuture { state: State::Expired };
        }
        DeadlineFuture { state: State::Running { inner: self.inner.call(request), deadline, sleep: None } }
    }
}

pin_project! {
    /// The response of a [`Deadline`].
    #[derive(Debug)]
    pub struct DeadlineFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = StateProjection]
    enum State<F> {
        Running {
            #[pin]
            inner: F,
            deadline: Option<Instant>,
            // Boxed because it is large, and most requests need none.
            sleep: Option<Pin<Box<Sleep>>>,
        },
        Expired,
    }
}

impl<F, T, E> Future for DeadlineFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: From<Elapsed>,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        if let StateProjection::Running { inner, deadline, sleep } = state.as_mut().project() {
            if let Poll::Ready(output) = inner.poll(cx) {
                return Poll::Ready(output);
            }
            let Some(deadline) = *deadline else { return Poll::Pending };
            let sleep = sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline.into())));
            ready!(sleep.as_mut().poll(cx));
            state.set(State::Expired);
        }
        Poll::Ready(Err(Elapsed.into()))
    }
}

#[cfg(test)]
#[path = "deadline_tests.rs"]
mod tests;
