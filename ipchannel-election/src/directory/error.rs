use std::io;
use std::path::{Path, PathBuf};

/// Why the private directory of a channel cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// It belongs to another user, who may have put it there on purpose.
    #[error("{} belongs to user {owner} and not to us (user {user}): have it removed, or set IPCHANNEL_DIR", path.display())]
    Owner {
        /// Which directory.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        user: u32,
    },
    /// Others can get in, so what lies in it cannot be trusted.
    #[error("{} is open to other users (mode {mode:03o}): remove it, or make it private with chmod 700", path.display())]
    Mode {
        /// Which directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A symbolic link or a file lies in its place.
    #[error("{} is a link or a file and not a directory: have it removed, or set IPCHANNEL_DIR", path.display())]
    NotADirectory {
        /// Its place.
        path: PathBuf,
    },
    /// Another channel lives there: the short hashes of the two names are the same.
    #[error("{} is the directory of the channel {other:?}: choose another name for one of the two", path.display())]
    OtherChannel {
        /// Which directory.
        path: PathBuf,
        /// The channel that was there first.
        other: String,
    },
    /// Another version of this library made it.
    #[error("{} was made by another version of ipchannel: end its processes and remove it", path.display())]
    Unreadable {
        /// Which directory.
        path: PathBuf,
    },
    /// The system does not say where the user's directories are.
    #[error("the user's directories are unknown: set IPCHANNEL_DIR")]
    Homeless,
    /// The system refused an operation on it.
    #[error("cannot open or make {}: check the directory above it, or set IPCHANNEL_DIR", path.display())]
    Io {
        /// Which directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl DirectoryError {
    pub(super) fn io(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| DirectoryError::Io { path: path.to_owned(), source }
    }

    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, DirectoryError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}
