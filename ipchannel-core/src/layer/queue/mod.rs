//! Requests wait, in order, for a service that is not ready yet.

mod bell;
mod future;
mod line;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

pub use future::QueueUntilReadyFuture;
use line::Shared;

/// Holds requests, in order, while the inner service is not ready, and passes them straight through while it is.
///
/// # Contract
/// - Requests reach the inner service one by one in the order of the calls.
/// - It is ready while fewer than `room` requests wait; at the bound it is pending, and woken when one has left.
/// - Dropping the response future of a request that waits takes the request out: it was never sent, and those
///   behind it move up. Once a request was passed on, dropping its future drops the future of the inner service.
/// - When the inner service reports an error instead of readiness, the request at the head fails with it, and the next
///   one asks for itself. So a lasting error fails them all, and nobody more than necessary suffers a passing one.
///   With nobody waiting, `poll_ready` returns the error, and may be called again.
/// - There is no worker. Whoever polls, be it `poll_ready` or any of the response futures, in whichever tasks, passes
///   on everything that can go. For that a response future, once polled, must go on being polled when it is
///   woken, or be dropped. Right: await each in a task, or all of them in a `FuturesUnordered`. Wrong: poll one once
///   and put it aside while others wait.
/// - The service is not `Clone`. A clone would have to be promised a place that nobody else may use, for as long
///   as it is idle.
///
/// ```
/// use ipchannel_core::layer::{BoxError, QueueUntilReadyLayer};
/// use tower::{Layer, Service, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), BoxError> {
/// let double = service_fn(|n: u32| async move { Ok::<_, BoxError>(n * 2) });
/// let mut service = QueueUntilReadyLayer::new(100).layer(double);
/// assert_eq!(service.ready().await?.call(21).await?, 42);
/// # Ok(())
/// # }
/// ```
pub struct QueueUntilReadyLayer<R> {
    room: usize,
    requests: PhantomData<fn(R)>,
}

impl<R> QueueUntilReadyLayer<R> {
    /// A queue with room for this many requests, at least one.
    pub const fn new(room: usize) -> Self {
        QueueUntilReadyLayer { room, requests: PhantomData }
    }
}

impl<R> Clone for QueueUntilReadyLayer<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for QueueUntilReadyLayer<R> {}

impl<R> fmt::Debug for QueueUntilReadyLayer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueUntilReadyLayer").field("room", &self.room).finish()
    }
}

impl<S: Service<R>, R> Layer<S> for QueueUntilReadyLayer<R> {
    type Service = QueueUntilReady<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        QueueUntilReady::new(inner, self.room)
    }
}

/// The service of a [`QueueUntilReadyLayer`].
pub struct QueueUntilReady<S: Service<R>, R> {
    shared: Arc<Shared<S, R>>,
    room: usize,
    next: Option<Next>,
}

/// What happens to the next request.
#[derive(Debug)]
enum Next {
    /// Nobody waits and the inner service is ready.
    Passes,
    Waits,
}

impl<S: Service<R>, R> QueueUntilReady<S, R> {
    /// Queues for `inner`, with room for this many requests, at least one.
    pub fn new(inner: S, room: usize) -> Self {
        QueueUntilReady { shared: Arc::new(Shared::new(inner)), room: room.max(1), next: None }
    }

    /// How many requests wait.
    pub fn waiting(&self) -> usize {
        self.shared.waiting()
    }
}

impl<S: Service<R>, R> Service<R> for QueueUntilReady<S, R> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = QueueUntilReadyFuture<S, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.next = None;
        let next = match self.shared.poll_ready(cx, self.room) {
            Poll::Ready(Ok(true)) => Next::Passes,
            Poll::Ready(Ok(false)) => Next::Waits,
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => return Poll::Pending,
        };
        self.next = Some(next);
        Poll::Ready(Ok(()))
    }

    /// # Panics
    /// If [`poll_ready`](Self::poll_ready) was not ready before.
    fn call(&mut self, request: R) -> Self::Future {
        match self.next.take() {
            Some(Next::Passes) => QueueUntilReadyFuture::passed(self.shared.call(request)),
            Some(Next::Waits) => QueueUntilReadyFuture::waiting(self.shared.clone(), request),
            None => panic!("the queue was called before it was ready"),
        }
    }
}

impl<S: Service<R>, R> fmt::Debug for QueueUntilReady<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueUntilReady").field("room", &self.room).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
