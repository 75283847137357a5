//! Claims: the lasting locks that say who hosts and who holds which seat.
//!
//! Each claim on a [`Name`] has a number that grows: the term of a host, the incarnation of a seat. A claim is held for
//! as long as the process that took it lives, and nothing it has to do keeps it: the end of a process, however it comes,
//! frees its claims at once.
//!
//! [`FileClaims`] keeps them as locked files in the channel's [`Directory`](crate::Directory), [`MemoryClaims`] within
//! one process, for tests and simulations.

mod file;
mod memory;
mod rule;

use std::fmt;
use std::io;
use std::path::PathBuf;

use ipchannel_core::{Member, PeerId};

pub use file::FileClaims;
pub use memory::{MemoryClaims, Universe};

use crate::directory::DirectoryError;

/// What can be claimed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Name {
    /// To host the channel. The number of the claim is the term.
    Host,
    /// A seat. The number of the claim is the incarnation.
    Seat(PeerId),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::Host => f.write_str("host"),
            Name::Seat(id) => write!(f, "seat-{id}"),
        }
    }
}

/// Whether the process that took a claim still holds it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Liveness {
    /// It does.
    Held,
    /// It does not: anybody may take the next one.
    Free,
    /// Its process is gone and left a forked child that holds half of the lock: as good as free.
    Orphaned,
}

impl Liveness {
    /// Whether the process that took the claim lives.
    pub fn is_held(self) -> bool {
        self == Liveness::Held
    }
}

/// The claim that counts on a name, as it was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    /// What is claimed.
    pub name: Name,
    /// The term or the incarnation.
    pub number: u64,
    /// Who took it. When the claim is no longer held, this is the last one who did.
    pub holder: Member,
    /// Whether it is still held.
    pub liveness: Liveness,
}

/// What came of trying to take a claim.
#[derive(Debug)]
pub enum Taken {
    /// It is ours until the handle is dropped.
    Won(Box<dyn Held>),
    /// Somebody else holds it, or was faster. Look who.
    Lost,
}

impl Taken {
    /// The handle, if the claim was won.
    pub fn won(self) -> Option<Box<dyn Held>> {
        match self {
            Taken::Won(held) => Some(held),
            Taken::Lost => None,
        }
    }
}

/// Where one of our own claims stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Standing {
    /// It is the one that counts.
    Intact,
    /// It is the one that counts, but this higher number was taken before it was [restored](Held::restore): those who
    /// know of that one take ours for a thing of the past. [`Held::renew`] it.
    Contested(u64),
    /// The claim with this number counts instead: drop ours, since it will not come back.
    Superseded(u64),
    /// Nobody can see it: the place where claims are kept was emptied. [`Held::restore`] it.
    Gone,
}

/// The claims of one channel, as one process sees them.
///
/// # Contract
/// - Of all who take a name at the same time, at most one wins. If nobody holds it, and nobody dies on the way, one
///   does.
/// - A claim can be seen only complete and held: there is no moment at which a live holder looks dead.
/// - It is free as soon as its process has ended, in whatever way, or has dropped its handle.
/// - Numbers on a name grow with each claim, and go on growing when the place where claims are kept was emptied and
///   made anew.
/// - The claim that *counts* on a name is the one with the highest number. One exception: a claim on a seat that was
///   [restored](Held::restore) after such a loss counts, while it is held, before those that were taken since, since
///   an older holder keeps its id; of two of them it is the lower number. For the host the higher term wins, always.
/// - No decision rests on process ids.
///
/// Calls do not wait for anybody, and may be made from asynchronous code: they take microseconds, or with hundreds of
/// members a few milliseconds.
///
/// # Example
/// ```
/// use ipchannel_core::{Endpoint, Incarnation, Lineage, Member, PeerId, PeerRef};
/// use ipchannel_election::claims::{ClaimError, Claims, Held, Name};
///
/// /// Takes the seat if it is free.
/// fn sit(claims: &dyn Claims, id: PeerId, endpoint: &Endpoint) -> Result<Option<Box<dyn Held>>, ClaimError> {
///     let taken = claims.take(Name::Seat(id), None, &|number| Member {
///         peer: PeerRef { id, incarnation: Incarnation(number) },
///         lineage: Lineage::of_executable("/usr/bin/worker"),
///         identity: None,
///         endpoint: endpoint.clone(),
///         pid: std::process::id(),
///     })?;
///     Ok(taken.won())
/// }
///
/// let channel = ipchannel_election::claims::Universe::new();
/// let (first, second) = (channel.process(), channel.process());
/// let endpoint = Endpoint::new("memory", "worker");
/// let held = sit(&first, PeerId::FIRST, &endpoint)?;
/// assert!(held.is_some() && sit(&second, PeerId::FIRST, &endpoint)?.is_none());
/// drop(held);
/// assert!(sit(&second, PeerId::FIRST, &endpoint)?.is_some());
/// # Ok::<(), ClaimError>(())
/// ```
pub trait Claims: Send + Sync + 'static {
    /// The claim that counts on this name, held or not; `None` if it was never claimed.
    ///
    /// # Errors
    /// The place where claims are kept cannot be read.
    fn look(&self, name: Name) -> Result<Option<Claim>, ClaimError>;

    /// The claim that counts on each name that was ever claimed, in the order of names: host, then seats.
    ///
    /// # Errors
    /// The place where claims are kept cannot be read.
    fn look_all(&self) -> Result<Vec<Claim>, ClaimError>;

    /// Takes the next claim on this name, with the record that `holder` makes for its number. That may be asked more
    /// than once, and must not use the claims itself.
    ///
    /// A held claim is not taken, with one exception: that of a host whose number is `depose`. A seat is never taken
    /// from a process that lives.
    ///
    /// # Errors
    /// The place where claims are kept cannot be written.
    fn take(&self, name: Name, depose: Option<u64>, holder: &dyn Fn(u64) -> Member) -> Result<Taken, ClaimError>;

    /// Clears away what dead processes left: all but the last 16 claims of each name, and files that no live process
    /// has a use for. Never anything that is held. The host calls it now and then.
    ///
    /// # Errors
    /// The place where claims are kept cannot be read or written.
    fn sweep(&self) -> Result<(), ClaimError>;
}

/// A claim of this process. Dropping it frees the claim.
pub trait Held: fmt::Debug + Send + Sync {
    /// What is claimed.
    fn name(&self) -> Name;

    /// The term or the incarnation.
    fn number(&self) -> u64;

    /// Whether the claim still counts. Ask now and then: being deposed makes no sound.
    ///
    /// # Errors
    /// The place where claims are kept cannot be read.
    fn standing(&self) -> Result<Standing, ClaimError>;

    /// Publishes the claim anew if it is [gone](Standing::Gone), under the same number, so that id and incarnation stay
    /// what they were. Says where it stands afterwards.
    ///
    /// `holder` is what it says from now on; its endpoint may have changed.
    ///
    /// # Errors
    /// The place where claims are kept cannot be written.
    fn restore(&mut self, holder: &Member) -> Result<Standing, ClaimError>;

    /// Goes on under the next number, without letting go of the name in between, if the claim counts. Says where it
    /// stands afterwards.
    ///
    /// # Errors
    /// The place where claims are kept cannot be read or written.
    fn renew(&mut self, holder: &dyn Fn(u64) -> Member) -> Result<Standing, ClaimError>;
}

/// Why claims cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// The private directory cannot be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The system refused an operation on a claim's files.
    #[error("cannot use the claims in {}: check its file system, its space and the limit of open files", path.display())]
    Io {
        /// The directory they are in.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A process holds a claim that we cannot read.
    #[error("the claim {} is held by another version of ipchannel: end its process first", path.display())]
    Unreadable {
        /// Its file.
        path: PathBuf,
    },
}
