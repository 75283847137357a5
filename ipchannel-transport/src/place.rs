use std::path::PathBuf;

use crate::error::BindError;

/// Where to listen: a transport makes its endpoint of it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Place {
    /// A directory that exists and that no other user can enter. A transport without files takes it as part of the name.
    pub directory: PathBuf,
    /// A short name, unique in the directory: ASCII letters, digits, `-`, `_` and `.`.
    pub name: String,
}

impl Place {
    /// The place of this name in this directory.
    pub fn new(directory: impl Into<PathBuf>, name: impl Into<String>) -> Self {
        Place { directory: directory.into(), name: name.into() }
    }

    /// Checks that the name can be part of a file name, a pipe name and an address. Transports call it first.
    ///
    /// # Errors
    /// [`BindError::Name`].
    pub fn check(&self) -> Result<(), BindError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !self.name.is_empty() && self.name.chars().all(fits) {
            Ok(())
        } else {
            Err(BindError::Name { name: self.name.clone() })
        }
    }

    /// The path of a file of this place: its name and a suffix in the directory, absolute, as text.
    ///
    /// # Errors
    /// [`BindError::Name`], [`BindError::NotText`], or [`BindError::Io`] where there is no working directory to start from.
    pub fn file(&self, suffix: &str) -> Result<String, BindError> {
        self.check()?;
        let path = self.directory.join(format!("{}{suffix}", self.name));
        let path =
            std::path::absolute(&path).map_err(|source| BindError::Io { at: path.display().to_string(), source })?;
        path.into_os_string().into_string().map_err(|path| BindError::NotText { path: path.into() })
    }
}
