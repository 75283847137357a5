//! What is tried again.

use crate::error::{Reason, SendError, Undelivered};
use crate::layer::AsUndelivered;

/// Says whether a request that failed should be made again. Closures `Fn(&R, &E) -> bool` do.
///
/// # Contract
/// `true` means: certainly it had no effect, or to do it twice does no harm; *and* another try may end better.
pub trait RetryPolicy<R, E> {
    /// Whether to try again.
    fn should_retry(&self, request: &R, error: &E) -> bool;
}

impl<R, E, F: Fn(&R, &E) -> bool> RetryPolicy<R, E> for F {
    fn should_retry(&self, request: &R, error: &E) -> bool {
        self(request, error)
    }
}

/// Retries what was certainly not delivered, unless time is up, the channel is closed, or the message is too large:
/// there no further try helps.
#[derive(Clone, Copy, Debug, Default)]
pub struct IfNotDelivered;

impl<R, E: AsUndelivered> RetryPolicy<R, E> for IfNotDelivered {
    fn should_retry(&self, _request: &R, error: &E) -> bool {
        let hopeless = |reason: &Reason| {
            use Reason::{Closed, Deadline, NotAccepted};
            matches!(reason, Deadline | Closed | NotAccepted(SendError::TooLarge { .. } | SendError::Closed))
        };
        matches!(error.as_undelivered(), Some(Undelivered::NotDelivered(reason)) if !hopeless(&reason))
    }
}
