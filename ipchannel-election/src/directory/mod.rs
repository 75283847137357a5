//! The private directory of a channel.

mod error;
mod path;
mod stamp;

#[cfg_attr(unix, path = "folder_unix.rs")]
#[cfg_attr(windows, path = "folder_windows.rs")]
mod folder;

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

pub use error::DirectoryError;
pub(crate) use folder::Folder;
use stamp::Stamp;

/// How often an operation is tried anew when the directory is deleted under it.
const ATTEMPTS: u32 = 16;

/// How names end that are of no use to anybody but the process that is about to link or remove them.
pub(crate) const TEMPORARY: &str = ".tmp";

/// The directory of one channel, private to one user: claims and sockets live in it.
///
/// It is made when the first process opens it, and made anew, by whoever notices first, when it is deleted under live
/// processes; their locks and connections outlive that. It stays when the last process ends, until the system clears
/// its temporary files.
///
/// # Platform-specific behaviour
/// - Unix: both the directory and the one above it must belong to the effective user and be closed to all others (mode
///   0700). That is checked through open descriptors which never follow a symbolic link, and claims are opened
///   relative to them. A shared lock keeps systemd-tmpfiles from cleaning the directory while a process is there.
/// - Windows: the directory inherits the access rights of the user's local application data. A directory of your own
///   must be as private: that is not checked.
#[derive(Debug)]
pub struct Directory {
    home: PathBuf,
    path: PathBuf,
    channel: String,
    current: Mutex<Arc<Open>>,
}

/// The directory as it was opened or made.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) folder: Folder,
    stamp: Stamp,
}

impl Open {
    /// The same for everybody who has this directory open, and higher than in those before it: microseconds since 1970
    /// when it was made.
    pub(crate) fn born(&self) -> u64 {
        self.stamp.born
    }

    fn is_intact(&self) -> bool {
        self.folder.is_intact() && Stamp::read(&self.folder).is_ok_and(|stamp| stamp.as_ref() == Some(&self.stamp))
    }
}

impl Directory {
    /// Opens the directory of this channel, and makes it if need be.
    ///
    /// Without a `home` it lies in one that every process of the user finds without asking the environment, which
    /// differs between logins, cron and process managers: `/tmp/ipchannel-<uid>`; on macOS the same within the user's
    /// temporary directory, which is asked of the system (a `TMPDIR` of one's own comes first, and splits the channel);
    /// on Windows `ipchannel` in the user's local application data. The one above a `home` must exist.
    ///
    /// # Errors
    /// See [`DirectoryError`]. Nothing was changed that belongs to somebody else.
    pub fn open(home: Option<&Path>, channel: &str) -> Result<Self, DirectoryError> {
        let home = match home {
            // Absolute, since the process may go elsewhere; and with no slash at the end, which would follow a link.
            Some(home) => std::path::absolute(home).map_err(DirectoryError::io(home))?.components().collect(),
            None => folder::default_home()?,
        };
        let path = home.join(path::folder_name(channel));
        let current = Mutex::new(Arc::new(Self::make(&home, &path, channel)?));
        Ok(Directory { home, path, channel: channel.to_owned(), current })
    }

    /// Where it is. Sockets are put here; their names are the transport's affair, but end in `.sock`, so that those
    /// of dead processes can be swept.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the path still leads to the directory that was opened.
    pub fn is_intact(&self) -> bool {
        self.latest().is_intact()
    }

    /// Makes the directory anew, or opens what another process made in its place; does nothing if it is intact. Says
    /// whether it was not. What lay in it, like sockets, is gone.
    ///
    /// # Errors
    /// As of [`open`](Self::open).
    pub fn reopen(&self) -> Result<bool, DirectoryError> {
        let before = self.latest();
        Ok(!Arc::ptr_eq(&before, &self.intact()?))
    }

    /// Runs `f` on the directory, made anew where it was lost, and again if it is lost meanwhile.
    pub(crate) fn with<T, E>(&self, mut f: impl FnMut(&Arc<Open>) -> Result<T, E>) -> Result<T, E>
    where
        E: From<DirectoryError>,
    {
        let mut attempt = 1;
        loop {
            let open = self.intact()?;
            match f(&open) {
                Err(_) if attempt < ATTEMPTS && !open.is_intact() => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    fn latest(&self) -> Arc<Open> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn intact(&self) -> Result<Arc<Open>, DirectoryError> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if !current.is_intact() {
            *current = Arc::new(Self::make(&self.home, &self.path, &self.channel)?);
        }
        Ok(current.clone())
    }

    fn make(home: &Path, path: &Path, channel: &str) -> Result<Open, DirectoryError> {
        let mut attempt = 1;
        loop {
            let made = Folder::open(home, path).and_then(|folder| {
                let stamp = Stamp::agree(&folder, channel)?;
                Ok(Open { folder, stamp })
            });
            match made {
                Err(error) if attempt < ATTEMPTS && error.is_not_found() => attempt += 1,
                outcome => return outcome,
            }
        }
    }
}

impl Folder {
    /// Makes a file of a new name, to be linked to its lasting one when it is complete.
    pub(crate) fn create_temporary(&self) -> io::Result<(String, File)> {
        loop {
            let name = format!("{}{TEMPORARY}", token());
            match self.create(&name) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                file => return Ok((name, file?)),
            }
        }
    }
}

/// 64 bits from the system's randomness, as text; no seed that a program sets makes them repeat.
pub(crate) fn token() -> String {
    format!("{:016x}", RandomState::new().hash_one(0))
}

#[cfg(test)]
mod tests;
