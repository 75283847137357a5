//! What the errors of a stack say about the message that failed.

use std::convert::Infallible;
use std::error::Error;

use super::Elapsed;
use crate::error::{Reason, Undelivered};

/// Any error, as the layers of tower give it.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Errors that may hold word of a message's fate.
pub trait AsUndelivered {
    /// What became of the message, where this error is about that at all.
    fn as_undelivered(&self) -> Option<Undelivered>;
}

impl AsUndelivered for Undelivered {
    fn as_undelivered(&self) -> Option<Undelivered> {
        Some(self.clone())
    }
}

impl AsUndelivered for Elapsed {
    fn as_undelivered(&self) -> Option<Undelivered> {
        Some((*self).into())
    }
}

/// Looks along the chain of causes.
impl AsUndelivered for BoxError {
    fn as_undelivered(&self) -> Option<Undelivered> {
        let mut cause: Option<&(dyn Error + 'static)> = Some(&**self);
        while let Some(error) = cause {
            if let Some(undelivered) = error.downcast_ref::<Undelivered>() {
                return Some(undelivered.clone());
            }
            if let Some(elapsed) = error.downcast_ref::<Elapsed>() {
                return elapsed.as_undelivered();
            }
            cause = error.source();
        }
        None
    }
}

/// The first word on the message among the error and its causes. Where there is none, a layer refused it
/// ([`Reason::Layer`], with the error's text), and it certainly went no further.
impl From<BoxError> for Undelivered {
    fn from(error: BoxError) -> Self {
        error.as_undelivered().unwrap_or_else(|| Undelivered::NotDelivered(Reason::Layer(error.to_string().into())))
    }
}

impl From<Elapsed> for Undelivered {
    fn from(Elapsed: Elapsed) -> Self {
        Undelivered::NotDelivered(Reason::Deadline)
    }
}

impl From<Infallible> for Undelivered {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::PeerId;

    #[derive(Debug, thiserror::Error)]
    #[error("the limiter failed")]
    struct Wrapped(#[source] BoxError);

    #[test]
    fn the_fate_of_a_message_is_found_however_deep_it_is_wrapped() {
        let fate = Undelivered::Unknown(Reason::PeerGone(PeerId::FIRST));
        let error: BoxError = Wrapped(Wrapped(fate.clone().into()).into()).into();
        assert_eq!(Undelivered::from(error), fate);
        let error: BoxError = Wrapped(Elapsed.into()).into();
        assert_eq!(Undelivered::from(error), Undelivered::NotDelivered(Reason::Deadline));
    }

    #[test]
    fn the_error_of_a_layer_says_that_the_message_went_no_further() {
        let error: BoxError = "no entry".into();
        assert_eq!(error.as_undelivered(), None);
        assert_eq!(Undelivered::from(error), Undelivered::NotDelivered(Reason::Layer("no entry".into())));
    }
}
