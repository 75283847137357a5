//! Tower layers for messages and calls, each usable on any [tower] service.
//!
//! | layer | what it adds |
//! |---|---|
//! | [`TraceLayer`] | a tracing span for each request |
//! | [`DeadlineLayer`] | a request is answered before its own deadline, or fails |
//! | [`QueueUntilReadyLayer`] | requests wait, in order, for a service that is not ready yet |
//! | [`ReconnectLayer`] | a service that is made anew when it is lost, with a backoff |
//! | [`RetryLayer`] | calls that certainly did not arrive are made again, within a budget |
//!
//! Lists of layers are read from the outside in, everywhere: the first one sees a request first.
//!
//! # Errors
//! No layer wraps the error of the service in it. What a layer has to say itself is a type of its own, such as
//! [`Elapsed`], which the inner error must be made `From`; `BoxError` always can, and so can
//! [`Undelivered`](crate::Undelivered). So a stack has one error type, however deep it is, and whoever looks for a cause
//! need not know which layers there are.
//!
//! # Time
//! Layers that wait use the timer of tokio. They create one only when they have to wait, and then panic outside of a
//! runtime with the timer enabled.
//!
//! [tower]: https://docs.rs/tower

mod backoff;
mod deadline;
#[cfg(test)]
pub(crate) mod probe;
mod queue;
mod reconnect;
mod retry;
mod trace;
mod verdict;

pub use backoff::{Backoff, Waits};
pub use deadline::{Deadline, DeadlineFuture, DeadlineLayer, Elapsed, HasDeadline};
pub use queue::{QueueUntilReady, QueueUntilReadyFuture, QueueUntilReadyLayer};
pub use reconnect::{Nudge, Reconnect, ReconnectLayer};
pub use retry::{IfNotDelivered, Retry, RetryBudget, RetryFuture, RetryLayer, RetryPolicy};
pub use trace::{EnvelopeSpan, MakeSpan, Trace, TraceFuture, TraceLayer};
pub use verdict::{AsUndelivered, BoxError};

/// Now, on the clock that the timers go by: the one that stands still when a test pauses it.
pub(crate) fn now() -> std::time::Instant {
    tokio::time::Instant::now().into_std()
}
