//! How the frames of a link travel over a stream of bytes.

mod boxed;
mod error;

use std::future::Future;
use std::time::Duration;

use ipchannel_core::frame::Refusal;
use ipchannel_core::link::{Accept, Dial};
use tokio::io::{AsyncRead, AsyncWrite};

pub use boxed::BoxWire;
pub use error::{Malformed, WireError};

/// Runs one connection of a link over a stream of bytes, from the hello to the end.
///
/// # Contract
/// - The dialling end says `dial.hello()` and hears a welcome or a refusal; the accepting end asks `accept`.
/// - Then each end has a session. What its [`poll_transmit`] puts is written in order, and what is read goes to its
///   [`handle_frame`] in order. Reading never waits for writing.
/// - [`poll_transmit`] is asked again after each batch that was read, so that one acknowledgement answers a whole batch.
/// - When a session wants the connection closed, what it put is written first.
/// - The target of an envelope that was received is the process that the hello was for. What does not travel (deadline,
///   lineage, ticket) is `None`.
/// - Nothing that is read is trusted: sizes are checked before memory is taken for them.
///
/// [`poll_transmit`]: ipchannel_core::link::Session::poll_transmit
/// [`handle_frame`]: ipchannel_core::link::Session::handle_frame
///
/// # Cancel safety
/// Dropping a future ends the connection: the session and the stream are dropped with it. Frames may be lost; links
/// replay them on the next connection.
///
/// # Runtime
/// The futures need the time driver of tokio. They spawn nothing.
///
/// [`conformance`](crate::conformance) checks the contract on any wire.
pub trait Wire: Send + Sync + 'static {
    /// Runs the dialling end.
    ///
    /// # Errors
    /// See [`WireError`]. Whatever it is, the connection has ended.
    fn connect<IO, D>(&self, io: IO, dial: D) -> impl Future<Output = Result<Ended, WireError>> + Send
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        D: Dial + 'static;

    /// Runs the accepting end.
    ///
    /// # Errors
    /// See [`WireError`]. Whatever it is, the connection has ended.
    fn accept<IO, A>(&self, io: IO, accept: &A) -> impl Future<Output = Result<Ended, WireError>> + Send
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        A: Accept<Session: 'static>;
}

/// Which end wanted the connection to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Ended {
    /// The session at this end had nothing more to say, and everything it said was written.
    Here,
    /// The other end closed it between two frames, or its process ended.
    Peer,
    /// This end accepted connections and refused the hello.
    Refused(Refusal),
}

/// The limits of one connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// The largest frame, in bytes. It holds a message with its event and headers, and what the wire adds: with
    /// [`Native`](crate::Native) up to 36 bytes, and 8 for each header.
    pub frame_limit: usize,
    /// How long hello and answer may take together.
    pub hello_timeout: Duration,
    /// How long the rest of a frame may take once its first byte has come, and how long the other end may take to read
    /// what is left when this end closes.
    pub frame_timeout: Duration,
}

impl Default for Policy {
    /// 16 MiB, 5 s, 10 s.
    fn default() -> Self {
        Policy {
            frame_limit: 16 * 1024 * 1024,
            hello_timeout: Duration::from_secs(5),
            frame_timeout: Duration::from_secs(10),
        }
    }
}
