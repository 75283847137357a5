//! The tries of one call.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tokio::time::Sleep;
use tower_service::Service;

use super::{RetryLayer, RetryPolicy};
use crate::layer::{HasDeadline, Waits, now};

pin_project! {
    /// The response of a [`Retry`](super::Retry).
    ///
    /// # Cancel safety
    /// Dropping it drops the try under way, and there are no more.
    pub struct RetryFuture<S: Service<R>, R, P> {
        #[pin]
        state: State<S::Future, S::Error>,
        tries: Tries<S, R, P>,
    }
}

struct Tries<S, R, P> {
    service: S,
    request: R,
    policy: RetryLayer<P>,
    waits: Option<Waits>,
}

pin_project! {
    #[project = StateProjection]
    enum State<F, E> {
        Calling { #[pin] response: F },
        Waiting { sleep: Pin<Box<Sleep>>, error: Option<E> },
        // Until the deadline, if there is one.
        Readying { until: Option<Pin<Box<Sleep>>>, error: Option<E> },
    }
}

impl<S: Service<R>, R, P> RetryFuture<S, R, P> {
    pub(super) fn new(response: S::Future, request: R, service: S, policy: RetryLayer<P>) -> Self {
        let tries = Tries { service, request, policy, waits: None };
        RetryFuture { state: State::Calling { response }, tries }
    }
}

impl<S, R, P> Tries<S, R, P>
where
    S: Service<R>,
    R: HasDeadline,
    P: RetryPolicy<R, S::Error>,
{
    /// What follows this error: a wait, or nothing more.
    fn after(&mut self, error: S::Error) -> Result<State<S::Future, S::Error>, S::Error> {
        let RetryLayer { policy, backoff, budget } = &self.policy;
        if !policy.should_retry(&self.request, &error) {
            return Err(error);
        }
        let wait = self.waits.get_or_insert_with(|| backoff.waits()).next_wait();
        if self.request.deadline().is_some_and(|deadline| deadline <= now() + wait) || !budget.withdraw() {
            return Err(error);
        }
        Ok(State::Waiting { sleep: Box::pin(tokio::time::sleep(wait)), error: Some(error) })
    }
}

impl<S, R, P> Future for RetryFuture<S, R, P>
where
    S: Service<R>,
    R: HasDeadline + Clone,
    P: RetryPolicy<R, S::Error>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (mut state, tries) = (this.state, this.tries);
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Calling { response } => match ready!(response.poll(cx)) {
                    Ok(response) => return Poll::Ready(Ok(response)),
                    Err(error) => tries.after(error)?,
                },
                StateProjection::Waiting { sleep, error } => {
                    ready!(sleep.as_mut().poll(cx));
                    let deadline = tries.request.deadline();
                    let until = deadline.map(|deadline| Box::pin(tokio::time::sleep_until(deadline.into())));
                    State::Readying { until, error: error.take() }
                }
                StateProjection::Readying { until, error } => match tries.service.poll_ready(cx) {
                    Poll::Ready(Ok(())) => {
                        // Timers may be late.
                        let late = tries.request.deadline().is_some_and(|deadline| deadline <= now());
                        if let Some(error) = error.take().filter(|_| late) {
                            return Poll::Ready(Err(error));
                        }
                        State::Calling { response: tries.service.call(tries.request.clone()) }
                    }
                    Poll::Ready(Err(error)) => tries.after(error)?,
                    Poll::Pending => {
                        let Some(until) = until else { return Poll::Pending };
                        ready!(until.as_mut().poll(cx));
                        let Some(error) = error.take() else { return Poll::Pending };
                        return Poll::Ready(Err(error));
                    }
                },
            };
            state.set(next);
        }
    }
}

impl<S: Service<R>, R, P> fmt::Debug for RetryFuture<S, R, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryFuture").finish_non_exhaustive()
    }
}
