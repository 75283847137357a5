//! A directory on Windows: by its path, within what only the user may write.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::error::DirectoryError;

#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

pub(super) fn default_home() -> Result<PathBuf, DirectoryError> {
    let base = std::env::var_os("LOCALAPPDATA").ok_or(DirectoryError::Homeless)?;
    Ok(PathBuf::from(base).join("ipchannel"))
}

impl Folder {
    /// Opens `path`, directly below `home`; makes the two if they are missing.
    pub(super) fn open(home: &Path, path: &Path) -> Result<Self, DirectoryError> {
        for path in [home, path] {
            match fs::create_dir(path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(DirectoryError::io(path)(error));
                }
                _ => {}
            }
            if !fs::symlink_metadata(path).map_err(DirectoryError::io(path))?.is_dir() {
                return Err(DirectoryError::NotADirectory { path: path.to_owned() });
            }
        }
        Ok(Folder { path: path.to_owned() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the path leads here; the stamp tells one directory from another.
    pub(super) fn is_intact(&self) -> bool {
        self.path.is_dir()
    }

    /// All names in it that are valid text; ours are.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// Makes a file that was not there.
    pub(crate) fn create(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).open(self.path.join(name))
    }

    /// Opens a file for reading and locking.
    pub(crate) fn open_file(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open(self.path.join(name))
    }

    /// Gives a file a second name, unless that is taken.
    pub(crate) fn link(&self, name: &str, second: &str) -> io::Result<()> {
        fs::hard_link(self.path.join(name), self.path.join(second))
    }

    /// Takes a name away; it may be gone already.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        }
    }

    /// How long ago the file was last written; `None` if it is not there. Zero if the clock went back.
    #[expect(clippy::disallowed_methods, reason = "files are dated by the wall clock")]
    pub(crate) fn age(&self, name: &str) -> io::Result<Option<Duration>> {
        match fs::symlink_metadata(self.path.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            metadata => Ok(Some(SystemTime::now().duration_since(metadata?.modified()?).unwrap_or_default())),
        }
    }
}
