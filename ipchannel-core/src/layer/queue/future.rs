//! The responses of the queue.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_service::Service;

use super::line::{Place, Shared};

pin_project! {
    /// The response of a [`QueueUntilReady`](super::QueueUntilReady).
    ///
    /// # Cancel safety
    /// Dropped while the request waits, it takes the request along: it was never sent.
    pub struct QueueUntilReadyFuture<S: Service<R>, R> {
        #[pin]
        state: State<S, R>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S: Service<R>, R> {
        Waiting { place: Place<S, R> },
        Passed { #[pin] response: S::Future },
    }
}

impl<S: Service<R>, R> QueueUntilReadyFuture<S, R> {
    pub(super) fn passed(response: S::Future) -> Self {
        QueueUntilReadyFuture { state: State::Passed { response } }
    }

    pub(super) fn waiting(shared: Arc<Shared<S, R>>, request: R) -> Self {
        QueueUntilReadyFuture { state: State::Waiting { place: Place::new(shared, request) } }
    }
}

impl<S: Service<R>, R> Future for QueueUntilReadyFuture<S, R> {
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProjection::Waiting { place } => {
                    let response = ready!(place.poll(cx))?;
                    state.set(State::Passed { response });
                }
                StateProjection::Passed { response } => return response.poll(cx),
            }
        }
    }
}

impl<S: Service<R>, R> fmt::Debug for QueueUntilReadyFuture<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueUntilReadyFuture").finish_non_exhaustive()
    }
}
