//! The name of a channel.

use std::env;
use std::fmt;
use std::sync::Arc;

use crate::error::{Error, ErrorKind};

/// The longest name, in bytes.
pub const MAX_NAME: usize = 1024;

/// A channel's name: processes that open the same one meet.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Name(Arc<str>);

impl Name {
    pub(crate) fn new(name: &str) -> Result<Self, Error> {
        let wrong = |what: &str| Err(Error::new(ErrorKind::Config, format!("a channel's name {what}")));
        match name {
            "" => wrong("must not be empty"),
            name if name.len() > MAX_NAME => wrong(&format!("must not be longer than {MAX_NAME} bytes")),
            name if name.contains('\0') => wrong("must not contain a NUL character"),
            name => Ok(Name(name.into())),
        }
    }

    /// The canonical path of the running executable: one name whichever way it was started.
    pub(crate) fn here() -> Result<Self, Error> {
        Self::new(&executable()?)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The canonical path of the running executable, as text; what is not UTF-8 in it is replaced.
pub(crate) fn executable() -> Result<String, Error> {
    let unknown = |error| Error::caused(ErrorKind::Io, "the path of the running executable cannot be found", error);
    let path = env::current_exe().map_err(unknown)?;
    // An executable that was replaced while it runs has no path that can be resolved; the one it had still names it.
    let path = path.canonicalize().unwrap_or(path);
    Ok(path.to_string_lossy().into_owned())
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_is_a_name_but_nothing_too_much_or_nul() {
        for good in ["jobs", "a b/ü", "/usr/bin/x", &"n".repeat(MAX_NAME)] {
            assert_eq!(Name::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "a\0b", &"n".repeat(MAX_NAME + 1)] {
            assert!(Name::new(bad).unwrap_err().to_string().starts_with("a channel's name must not"));
        }
    }

    #[test]
    fn the_name_of_here_is_the_canonical_path_of_this_program() {
        let path = env::current_exe().unwrap().canonicalize().unwrap();
        assert_eq!(Name::here().unwrap().as_str(), path.to_str().unwrap());
    }
}
