//! Who is on a channel: seats, the processes that hold them, and what makes two processes the same.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

/// The id of a seat on a channel: 1, 2, 3 and so on, the lowest free number when it was taken.
///
/// An id names a *seat*, not a process: when a process crashes and comes back it has the same id, and
/// a [`PeerRef`] tells its two lives apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(NonZeroU32);

impl PeerId {
    /// The first seat.
    pub const FIRST: PeerId = PeerId(NonZeroU32::MIN);

    /// The id with this number, or `None` for 0, which no peer has.
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(PeerId(number)),
            None => None,
        }
    }

    /// The number itself, 1 or more.
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    /// The next higher id; saturates at the highest there is.
    #[must_use]
    pub const fn next(self) -> Self {
        PeerId(self.0.saturating_add(1))
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "peer {}", self.0)
    }
}

impl PartialEq<u32> for PeerId {
    fn eq(&self, other: &u32) -> bool {
        self.get() == *other
    }
}

/// Which life of a seat this is: it grows each time the seat is claimed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Incarnation(pub u64);

/// The generation of the host claim: it grows each time the host changes, and never goes back.
///
/// Whoever hosts may use it as a fencing token: of two processes that think they host, the one with the
/// higher term does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Term(pub u64);

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One process in one seat: an id and the incarnation that holds it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerRef {
    /// The seat.
    pub id: PeerId,
    /// Which life of the seat.
    pub incarnation: Incarnation,
}

impl fmt::Debug for PeerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "peer {} (incarnation {})", self.id, self.incarnation.0)
    }
}

/// A name given to a process so that it gets its own seat back, whoever else restarts at the same time.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Identity(Arc<str>);

impl Identity {
    /// An identity of this name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Identity(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What makes the next holder of a seat the successor of the last: the same identity or, where neither
/// has one, the same executable.
///
/// What a crashed process had not acknowledged goes to its successor, and never to a stranger.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Lineage(Arc<str>);

impl Lineage {
    /// The lineage of a process with an identity.
    pub fn of_identity(identity: &Identity) -> Self {
        Lineage(format!("identity:{identity}").into())
    }

    /// The lineage of a process without one: the canonical path of its executable.
    pub fn of_executable(path: &str) -> Self {
        Lineage(format!("executable:{path}").into())
    }

    /// The lineage as it was written down with [`as_str`](Self::as_str).
    pub fn from_text(text: impl Into<Arc<str>>) -> Self {
        Lineage(text.into())
    }

    /// The lineage as text, to be written down.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where a peer can be reached, as `scheme:address`, for example `uds:/tmp/ipchannel-0/4f/1a2b.sock`.
///
/// The scheme names the transport; what follows is that transport's own affair.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Endpoint(Arc<str>);

impl Endpoint {
    /// An endpoint of this scheme and address.
    pub fn new(scheme: &str, address: &str) -> Self {
        Endpoint(format!("{scheme}:{address}").into())
    }

    /// The endpoint written as `scheme:address`, or `None` where there is no scheme.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, _) = text.split_once(':')?;
        (!scheme.is_empty()).then(|| Endpoint(text.into()))
    }

    /// The transport's name.
    pub fn scheme(&self) -> &str {
        self.0.split_once(':').map_or("", |(scheme, _)| scheme)
    }

    /// What follows the scheme.
    pub fn address(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, address)| address)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A member of a channel: who it is and where it can be reached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// The seat and its incarnation.
    pub peer: PeerRef,
    /// Whose successors may take over what it had not acknowledged.
    pub lineage: Lineage,
    /// The identity, if it has one.
    pub identity: Option<Identity>,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Its process id: for people to read. Nothing is decided by it, since it differs between pid namespaces.
    pub pid: u32,
}

impl Member {
    /// The id of the seat it holds.
    pub fn id(&self) -> PeerId {
        self.peer.id
    }
}
