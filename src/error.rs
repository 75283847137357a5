//! The one error of the channel's own functions.

use std::error::Error as StdError;
use std::fmt;

use ipchannel_core::{Reason, SendError, Undelivered};

/// What went wrong in a function of a channel. Ask it with its `is_*` methods; its text says what to do.
///
/// Where something else was the cause, that is its [`source`](std::error::Error::source), and not in the text.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    text: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum ErrorKind {
    Config,
    Runtime,
    Io,
    Identity,
    Codec,
    Send(SendError),
    Undelivered(Undelivered),
    Timeout,
    Unhandled,
    Remote,
    Closed,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Error(Box::new(Inner { kind, text: text.into(), source: None }))
    }

    pub(crate) fn caused(
        kind: ErrorKind,
        text: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Error(Box::new(Inner { kind, text: text.into(), source: Some(source.into()) }))
    }

    pub(crate) fn closed() -> Self {
        Error::new(ErrorKind::Closed, "the channel is closed")
    }

    /// A deadline passed.
    pub fn is_timeout(&self) -> bool {
        match &self.0.kind {
            ErrorKind::Timeout => true,
            ErrorKind::Undelivered(undelivered) => *undelivered.reason() == Reason::Deadline,
            _ => false,
        }
    }

    /// The channel is closed.
    pub fn is_closed(&self) -> bool {
        match &self.0.kind {
            ErrorKind::Closed | ErrorKind::Send(SendError::Closed) => true,
            ErrorKind::Undelivered(undelivered) => *undelivered.reason() == Reason::Closed,
            _ => false,
        }
    }

    /// The limit of what may be under way to a peer is reached; the message was not sent.
    pub fn is_full(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Send(SendError::Full))
    }

    /// The message is larger than a message may be; it was not sent.
    pub fn is_too_large(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Send(SendError::TooLarge { .. }))
    }

    /// The process it was for is gone.
    pub fn is_unreachable(&self) -> bool {
        let ErrorKind::Undelivered(undelivered) = &self.0.kind else { return false };
        matches!(undelivered.reason(), Reason::PeerGone(_) | Reason::PeerReplaced(_))
    }

    /// The peer has nobody who answers this call.
    pub fn is_unhandled(&self) -> bool {
        self.0.kind == ErrorKind::Unhandled
    }

    /// The peer's handler was called and failed; the text is what it said.
    pub fn is_remote(&self) -> bool {
        self.0.kind == ErrorKind::Remote
    }

    /// A value could not be encoded, or bytes could not be decoded.
    pub fn is_codec(&self) -> bool {
        self.0.kind == ErrorKind::Codec
    }

    /// The identity asked for is held by another process.
    pub fn is_identity_held(&self) -> bool {
        self.0.kind == ErrorKind::Identity
    }

    /// What became of the message, if it was accepted for sending.
    pub fn undelivered(&self) -> Option<&Undelivered> {
        match &self.0.kind {
            ErrorKind::Undelivered(undelivered) => Some(undelivered),
            _ => None,
        }
    }
}

/// The text of an error and of its causes in one line.
pub(crate) fn with_causes(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        Error::new(ErrorKind::Send(error.clone()), error.to_string())
    }
}

impl From<Undelivered> for Error {
    fn from(error: Undelivered) -> Self {
        Error::new(ErrorKind::Undelivered(error.clone()), error.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Error");
        debug.field("kind", &self.0.kind).field("text", &self.0.text);
        if let Some(source) = &self.0.source {
            debug.field("source", source);
        }
        debug.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
