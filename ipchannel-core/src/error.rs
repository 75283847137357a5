//! What can become of a message that does not arrive.

use crate::peer::PeerId;

/// Why a message did not arrive, or may not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The deadline passed first.
    #[error("the deadline passed")]
    Deadline,
    /// The process it was meant for is gone, and another program took its id.
    #[error("peer {0} was replaced by another program")]
    PeerReplaced(PeerId),
    /// The process it was meant for is gone.
    #[error("peer {0} is gone")]
    PeerGone(PeerId),
    /// This channel was closed.
    #[error("the channel was closed")]
    Closed,
    /// There was no room for it, or can never be: of a broadcast, the recipients it was not accepted for.
    #[error("it was not accepted: {0}")]
    NotAccepted(SendError),
    /// A layer turned it away; the text is the layer's own error.
    #[error("a layer refused it: {0}")]
    Layer(std::sync::Arc<str>),
}

/// What became of a message that was accepted for sending and not acknowledged: one of two.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered {
    /// It certainly did not reach the receiver, and never will.
    #[error("not delivered: {0}")]
    NotDelivered(Reason),
    /// It was written to the receiver and not acknowledged: it may have arrived, at most once.
    #[error("delivery unknown: {0}")]
    Unknown(Reason),
}

impl Undelivered {
    /// Why.
    pub fn reason(&self) -> &Reason {
        match self {
            Undelivered::NotDelivered(reason) | Undelivered::Unknown(reason) => reason,
        }
    }
}

/// Why a message was not even accepted for sending. It was not sent, and the caller still has it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The limit of messages or bytes under way to this peer is reached. Wait for room with `send_wait`, or drop it.
    #[error("too much is under way to the peer: wait for room, or raise the limits")]
    Full,
    /// The message alone is larger than the limit.
    #[error("the message has {size} bytes, and the limit is {limit}")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The channel was closed.
    #[error("the channel is closed")]
    Closed,
}

/// What was never accepted certainly does not arrive.
impl From<SendError> for Undelivered {
    fn from(error: SendError) -> Self {
        Undelivered::NotDelivered(match error {
            SendError::Closed => Reason::Closed,
            error => Reason::NotAccepted(error),
        })
    }
}
