//! An open directory on unix: every name in it is reached through its descriptor.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::error::DirectoryError;

#[derive(Debug)]
pub(crate) struct Folder {
    fd: OwnedFd,
    path: PathBuf,
}

pub(super) fn default_home() -> Result<PathBuf, DirectoryError> {
    let base = if cfg!(target_os = "macos") { std::env::temp_dir() } else { PathBuf::from("/tmp") };
    Ok(base.join(format!("ipchannel-{}", rustix::process::geteuid().as_raw())))
}

impl Folder {
    /// Opens `path`, directly below `home`; makes the two if they are missing.
    pub(super) fn open(home: &Path, path: &Path) -> Result<Self, DirectoryError> {
        let above = open_private(rustix::fs::CWD, home.as_os_str(), home)?;
        let name = path.strip_prefix(home).unwrap_or(path);
        let fd = open_private(&above, name.as_os_str(), path)?;
        // While systemd-tmpfiles cleans the directory it holds the lock itself; then it is not ours to wait for.
        let _ = rustix::fs::flock(&fd, FlockOperation::NonBlockingLockShared);
        Ok(Folder { fd, path: path.to_owned() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the path leads here.
    pub(super) fn is_intact(&self) -> bool {
        let (Ok(here), Ok(there)) = (rustix::fs::fstat(&self.fd), rustix::fs::lstat(&self.path)) else {
            return false;
        };
        (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)
    }

    /// All names in it that are valid text; ours are.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.fd)? {
            if let Ok(name) = entry?.file_name().to_str() {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// Makes a file that was not there.
    pub(crate) fn create(&self, name: &str) -> io::Result<File> {
        self.open_with(name, OFlags::CREATE | OFlags::EXCL)
    }

    /// Opens a file for reading and locking.
    pub(crate) fn open_file(&self, name: &str) -> io::Result<File> {
        self.open_with(name, OFlags::empty())
    }

    /// Gives a file a second name, unless that is taken.
    pub(crate) fn link(&self, name: &str, second: &str) -> io::Result<()> {
        Ok(rustix::fs::linkat(&self.fd, name, &self.fd, second, AtFlags::empty())?)
    }

    /// Takes a name away; it may be gone already.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.fd, name, AtFlags::empty()) {
            Err(Errno::NOENT) => Ok(()),
            outcome => Ok(outcome?),
        }
    }

    /// How long ago the file was last written; `None` if it is not there. Zero if the clock went back.
    #[expect(clippy::disallowed_methods, reason = "files are dated by the wall clock")]
    pub(crate) fn age(&self, name: &str) -> io::Result<Option<Duration>> {
        let stat = match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(None),
            stat => stat?,
        };
        let written = UNIX_EPOCH + Duration::from_secs(u64::try_from(stat.st_mtime).unwrap_or(0));
        Ok(Some(SystemTime::now().duration_since(written).unwrap_or_default()))
    }

    fn open_with(&self, name: &str, flags: OFlags) -> io::Result<File> {
        let flags = flags | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(&self.fd, name, flags, Mode::RUSR | Mode::WUSR)?))
    }
}

/// Makes the directory if it is missing, and opens it if it is ours alone. Nothing is changed in one that is there.
fn open_private(above: impl std::os::fd::AsFd, name: &std::ffi::OsStr, path: &Path) -> Result<OwnedFd, DirectoryError> {
    let io_error = |errno: Errno| DirectoryError::io(path)(errno.into());
    match rustix::fs::mkdirat(above.as_fd(), name, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(io_error(errno)),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = match rustix::fs::openat(above.as_fd(), name, flags, Mode::empty()) {
        Ok(fd) => fd,
        // Some systems say ELOOP of a link, others ENOTDIR or EMLINK.
        Err(Errno::LOOP | Errno::NOTDIR | Errno::MLINK) => {
            return Err(DirectoryError::NotADirectory { path: path.to_owned() });
        }
        // What may not even be opened is somebody else's: say whose.
        Err(Errno::ACCESS) => {
            let stat = rustix::fs::statat(above.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW).map_err(io_error)?;
            check(&stat, path)?;
            return Err(io_error(Errno::ACCESS));
        }
        Err(errno) => return Err(io_error(errno)),
    };
    check(&rustix::fs::fstat(&fd).map_err(io_error)?, path)?;
    Ok(fd)
}

fn check(stat: &Stat, path: &Path) -> Result<(), DirectoryError> {
    let path = || path.to_owned();
    let user = rustix::process::geteuid().as_raw();
    if !FileType::from_raw_mode(stat.st_mode).is_dir() {
        return Err(DirectoryError::NotADirectory { path: path() });
    }
    if stat.st_uid != user {
        return Err(DirectoryError::Owner { path: path(), owner: stat.st_uid, user });
    }
    #[allow(clippy::useless_conversion, reason = "16 bits on some systems")]
    let mode = u32::from(stat.st_mode) & 0o777;
    if mode & 0o077 != 0 {
        return Err(DirectoryError::Mode { path: path(), mode });
    }
    Ok(())
}
