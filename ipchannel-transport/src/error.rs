use std::io;
use std::path::PathBuf;

use ipchannel_core::Endpoint;

use crate::registry::UnknownScheme;

/// The platform has no such transport.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("there is no transport `{scheme}` on {}: choose another", std::env::consts::OS)]
pub struct Unsupported {
    /// Its scheme.
    pub scheme: &'static str,
}

/// Why a transport does not listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Somebody listens there, or has left something behind there. Nothing was touched.
    #[error("{0} is taken: choose another name")]
    InUse(Endpoint),
    /// The name cannot be part of an endpoint.
    #[error("the name {name:?} does not fit into an endpoint: use ASCII letters, digits, `-`, `_` and `.`")]
    Name {
        /// The name.
        name: String,
    },
    /// The path of the socket is longer than the system allows.
    #[error(
        "the socket path {path} has {} bytes and {} allows {limit}: use a shorter directory or name",
        .path.len(), std::env::consts::OS
    )]
    TooLong {
        /// The path.
        path: String,
        /// The most it may have, in bytes.
        limit: usize,
    },
    /// The path is not UTF-8, and an endpoint is text.
    #[error("the path {} is not UTF-8: use another directory", .path.display())]
    NotText {
        /// The path.
        path: PathBuf,
    },
    /// The system said no.
    #[error("cannot listen at {at}")]
    Io {
        /// Where.
        at: String,
        /// What it said.
        source: io::Error,
    },
    /// The platform has no such transport.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Nobody listens there: the process has ended or has not begun. Trying again may help.
    #[error("nobody listens at {endpoint}")]
    Nobody {
        /// Where.
        endpoint: Endpoint,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody listens there, but has not accepted for some time and has no room for more. Trying again may help.
    #[error("{0} is busy: too many connections wait there to be accepted")]
    Busy(Endpoint),
    /// Who listens there is another user, or only another user may ask.
    #[error("{endpoint} belongs to another user: only processes of one user speak to each other")]
    OtherUser {
        /// Where.
        endpoint: Endpoint,
        /// Which user, where that is known.
        uid: Option<u32>,
        /// What the system said, where it said no.
        source: Option<io::Error>,
    },
    /// It is no endpoint of this transport.
    #[error("{0} is not an endpoint of this transport")]
    Endpoint(Endpoint),
    /// The system said no.
    #[error("cannot connect to {endpoint}")]
    Io {
        /// Where.
        endpoint: Endpoint,
        /// What it said.
        source: io::Error,
    },
    /// No transport of this scheme is registered.
    #[error(transparent)]
    UnknownScheme(#[from] UnknownScheme),
    /// The platform has no such transport.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
}

/// Why a listener accepts nothing more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// The listener broke.
    #[error("the listener at {endpoint} broke: drop it and bind again")]
    Broken {
        /// Where it listened.
        endpoint: Endpoint,
        /// What the system said.
        source: io::Error,
    },
}
