//! Unix domain sockets: the choice on Linux, macOS and the BSDs.

#[cfg(unix)]
mod accept;
#[cfg(unix)]
mod bind;
#[cfg(unix)]
mod connect;
#[cfg(unix)]
mod connection;
#[cfg(not(unix))]
mod unsupported;

use ipchannel_core::Endpoint;

#[cfg(unix)]
pub use self::{accept::Listener, connection::Connection};
#[cfg(not(unix))]
pub use self::{unsupported::Connection, unsupported::Listener};

use crate::error::{BindError, ConnectError};
use crate::place::Place;
use crate::transport::Transport;

/// The scheme of its endpoints, which are `uds:` and the absolute path of a socket.
pub const SCHEME: &str = "uds";

/// Stream sockets with a path, `<directory>/<name>.sock`, of mode 0600.
///
/// Both ends ask the system for the user at the other end, and refuse another one whatever the modes of files allow.
/// A listener removes its socket file when it is dropped, if the file at the path is still its own. The file of a
/// process that was killed stays, and its place with it: use a name once, and sweep the directory.
///
/// # Platform-specific behavior
/// - The path of a socket has at most 107 bytes on Linux and 103 elsewhere: [`BindError::TooLong`].
/// - Linux tells a full backlog apart, and it is waited out. macOS and the BSDs refuse the connection:
///   [`ConnectError::Nobody`]. Backlogs are capped by the system: `net.core.somaxconn` (4096) on Linux, 128 on macOS.
/// - Elsewhere than on unix everything is [`Unsupported`](crate::Unsupported).
#[derive(Clone, Debug)]
pub struct Uds {
    backlog: u32,
}

impl Uds {
    /// With the largest backlog that common systems allow.
    pub fn new() -> Self {
        Uds { backlog: 4096 }
    }

    /// How many connections may wait to be accepted, roughly.
    #[must_use]
    pub fn with_backlog(mut self, backlog: u32) -> Self {
        self.backlog = backlog;
        self
    }
}

impl Default for Uds {
    fn default() -> Self {
        Uds::new()
    }
}

#[cfg(unix)]
impl Transport for Uds {
    type Listener = Listener;
    type Connection = Connection;

    fn scheme(&self) -> &str {
        SCHEME
    }

    async fn bind(&self, place: &Place) -> Result<Listener, BindError> {
        bind::bind(place, self.backlog)
    }

    async fn connect(&self, endpoint: &Endpoint) -> Result<Connection, ConnectError> {
        connect::connect(endpoint).await
    }
}

#[cfg(not(unix))]
impl Transport for Uds {
    type Listener = Listener;
    type Connection = Connection;

    fn scheme(&self) -> &str {
        SCHEME
    }

    async fn bind(&self, _: &Place) -> Result<Listener, BindError> {
        Err(crate::Unsupported { scheme: SCHEME }.into())
    }

    async fn connect(&self, _: &Endpoint) -> Result<Connection, ConnectError> {
        Err(crate::Unsupported { scheme: SCHEME }.into())
    }
}

/// The most bytes that the path of a socket may have; the system's field for it has one more, for the end of text.
#[cfg(unix)]
const PATH_LIMIT: usize = if cfg!(any(target_os = "linux", target_os = "android")) { 107 } else { 103 };
