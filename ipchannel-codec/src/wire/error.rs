use std::io;

use ipchannel_core::frame::Refusal;
use ipchannel_core::link::Violation;

/// Why a connection ended before its time.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The stream failed.
    #[error("the connection broke")]
    Io(#[from] io::Error),
    /// The other end closed the connection before it answered, or in the middle of a frame.
    #[error("the peer closed the connection before it had answered, or in the middle of a frame")]
    Truncated,
    /// The other end does not want to speak to us.
    #[error("the peer refused the connection: {0}")]
    Refused(Refusal),
    /// The two ends speak different versions of the protocol.
    #[error(
        "the peer speaks version {theirs} of the protocol and this process version {ours}: update the older program"
    )]
    Version {
        /// The version of this end.
        ours: u16,
        /// The version of the other end.
        theirs: u16,
    },
    /// The other end broke the rules of the link.
    #[error("the peer broke the rules of the protocol")]
    Violation(#[from] Violation),
    /// The other end sent something that is no frame.
    #[error("what the peer sent cannot be read")]
    Malformed(#[from] Malformed),
    /// A frame is larger than the limit, at whichever end.
    #[error("a frame has {size} bytes, and the limit is {limit}: send less at once, or raise the limit at both ends")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The other end did not say hello, or did not answer it, in time.
    #[error("the peer did not finish its hello in time")]
    HelloTimeout,
    /// The other end began a frame and did not finish it in time.
    #[error("the peer began a frame and did not finish it in time")]
    FrameTimeout,
    /// This end wanted to close and the other end did not read what was left in time.
    #[error("the peer did not read the last frames in time")]
    CloseTimeout,
}

/// What is wrong with bytes that were to be a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// They do not begin as a connection of this wire does: another program speaks.
    #[error("it is not this protocol at all")]
    Foreign,
    /// A frame ends before its last field does.
    #[error("a frame is shorter than what it holds")]
    Short,
    /// A frame goes on after its last field.
    #[error("a frame is longer than what it holds")]
    Long,
    /// A field has a value that means nothing.
    #[error("{value} is no {what}")]
    Unknown {
        /// What the field is.
        what: &'static str,
        /// What it held.
        value: u64,
    },
    /// Text is not UTF-8.
    #[error("text is not utf-8")]
    Text,
    /// An endpoint has no scheme.
    #[error("an endpoint has no scheme")]
    Endpoint,
}
