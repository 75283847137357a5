use std::future::Future;

use ipchannel_core::Endpoint;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::credentials::Credentials;
use crate::error::{AcceptError, BindError, ConnectError};
use crate::place::Place;

/// A way for bytes to travel between two processes of one user.
///
/// # Contract
/// - [`bind`](Self::bind) is exclusive: of any number of binds to one [`Place`], by whichever process, one holds it until
///   its listener is dropped. It never steals, removes or replaces what another process has made, alive or dead.
/// - Nothing is open to other users at any instant, not even while it is being made.
/// - [`connect`](Self::connect) has checked that the listener belongs to the same user before it returns, and a listener
///   that the dialler does. Neither has read or written a byte for the user by then.
/// - A full backlog is waited out for some seconds: a burst of connects succeeds as they are accepted.
/// - Both are called from within a tokio runtime that has IO and time enabled.
///
/// The suite in [`conformance`](crate::conformance) holds an implementation to all of that.
///
/// # Cancel safety
/// A `bind` that is dropped leaves nothing behind. A `connect` that is dropped may leave the listener a connection that
/// ends at once.
///
/// # Platform-specific behavior
/// The signatures are the same everywhere. What a platform lacks is answered with [`Unsupported`](crate::Unsupported).
pub trait Transport: Send + Sync + 'static {
    /// What [`bind`](Self::bind) gives.
    type Listener: Listener;
    /// The dialling end of a connection.
    type Connection: Connection;

    /// The scheme of its endpoints: lower-case letters, digits and `-`.
    fn scheme(&self) -> &str;

    /// Listens at a place. The place becomes free when the listener is dropped.
    ///
    /// # Errors
    /// [`BindError`].
    fn bind(&self, place: &Place) -> impl Future<Output = Result<Self::Listener, BindError>> + Send;

    /// Opens a connection to whoever listens at an endpoint.
    ///
    /// # Errors
    /// [`ConnectError`], which tells whether nobody is there, whether somebody is but has no room, and whether it is
    /// another user.
    fn connect(&self, endpoint: &Endpoint) -> impl Future<Output = Result<Self::Connection, ConnectError>> + Send;
}

/// Accepts connections at an endpoint.
///
/// # Contract
/// - Connections come in the order in which they were made, each once.
/// - Diallers of other users are turned away inside, and counted in [`refused`](Self::refused).
/// - What may pass (no descriptors left, a dialler that vanished) is waited out inside, without spinning. An error is
///   the end of the listener.
/// - Dropping the listener frees its place and ends what nobody has accepted yet. Accepted connections live on.
pub trait Listener: Send + 'static {
    /// The accepting end of a connection.
    type Connection: Connection;

    /// Where others reach it.
    fn endpoint(&self) -> &Endpoint;

    /// Waits for the next connection.
    ///
    /// # Cancel safety
    /// Dropped before it completes, it has taken no connection.
    ///
    /// # Errors
    /// [`AcceptError`]: this listener will accept nothing more.
    fn accept(&mut self) -> impl Future<Output = Result<Self::Connection, AcceptError>> + Send;

    /// How many connections were turned away because another user dialled.
    fn refused(&self) -> u64 {
        0
    }
}

/// One end of a connection: an ordered stream of bytes each way.
///
/// # Contract
/// - Reading and writing keep to the rules of [`AsyncRead`] and [`AsyncWrite`], and may go on at the same time from two
///   halves. A read or write that is dropped before it completes has moved no byte.
/// - Buffers are bounded: a writer waits for its reader.
/// - Dropping an end closes it. The other end reads what was written before, then the end (`Ok(0)`), provided that the
///   dropped one had read everything that was sent to it; otherwise bytes may be lost and the read may fail. What is
///   written to a closed end fails sooner or later.
/// - There is no half close: after [`poll_shutdown`](AsyncWrite::poll_shutdown) nothing more may be written, and the other
///   end may or may not learn of that before this one is dropped. The end of a conversation is a word of its protocol.
pub trait Connection: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Who is at the other end, where the transport can tell.
    fn peer_credentials(&self) -> Option<Credentials>;
}

impl<C: Connection + ?Sized> Connection for Box<C> {
    fn peer_credentials(&self) -> Option<Credentials> {
        (**self).peer_credentials()
    }
}
