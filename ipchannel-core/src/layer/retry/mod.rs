//! Calls that failed are made again.

mod budget;
mod future;
mod policy;

use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use super::{Backoff, HasDeadline};

pub use budget::RetryBudget;
pub use future::RetryFuture;
pub use policy::{IfNotDelivered, RetryPolicy};

/// Makes a call again when it failed and its [policy](RetryPolicy) says that another try is safe and may help.
///
/// For calls, and never for plain messages: those are replayed by their link, which knows what has arrived.
///
/// # Contract
/// - The first try goes to the service that was asked for readiness; each further one to a clone of it, which is asked
///   for readiness first. Right: an inner service whose clones stand for the same thing. Wrong: one whose clones
///   start from nothing, say with a connection of their own.
/// - Between tries it waits as the [`Backoff`] says.
/// - No try begins after the [deadline](HasDeadline) of the request, and no wait goes beyond it: the last error is
///   returned instead. A try under way is left to a [`DeadlineLayer`](super::DeadlineLayer) inside.
/// - Each retry is paid for from the [`RetryBudget`], so that a peer in trouble is not drowned in second tries.
///
/// ```
/// use ipchannel_core::layer::{Backoff, RetryBudget, RetryLayer, IfNotDelivered};
///
/// let careful = RetryLayer::new(IfNotDelivered, Backoff::default(), RetryBudget::default());
/// let own_judgement = RetryLayer::new(
///     |_request: &String, error: &std::io::Error| error.kind() == std::io::ErrorKind::ConnectionRefused,
///     Backoff::default(),
///     RetryBudget::new(3, 10),
/// );
/// # let _ = (careful, own_judgement);
/// ```
#[derive(Clone, Debug, Default)]
pub struct RetryLayer<P = IfNotDelivered> {
    policy: P,
    backoff: Backoff,
    budget: RetryBudget,
}

impl<P> RetryLayer<P> {
    /// Retries what `policy` says. The services of this layer and of its clones share the budget.
    pub const fn new(policy: P, backoff: Backoff, budget: RetryBudget) -> Self {
        RetryLayer { policy, backoff, budget }
    }
}

impl<S, P: Clone> Layer<S> for RetryLayer<P> {
    type Service = Retry<S, P>;

    fn layer(&self, inner: S) -> Self::Service {
        Retry { inner, policy: self.clone() }
    }
}

/// The service of a [`RetryLayer`].
#[derive(Clone, Debug)]
pub struct Retry<S, P = IfNotDelivered> {
    inner: S,
    policy: RetryLayer<P>,
}

impl<S, P> Retry<S, P> {
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

impl<S, R, P> Service<R> for Retry<S, P>
where
    S: Service<R> + Clone,
    R: HasDeadline + Clone,
    P: RetryPolicy<R, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = RetryFuture<S, R, P>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        self.policy.budget.deposit();
        let response = self.inner.call(request.clone());
        RetryFuture::new(response, request, self.inner.clone(), self.policy.clone())
    }
}

#[cfg(test)]
mod tests;
