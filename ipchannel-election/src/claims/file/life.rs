//! The life of a claim's holder: an empty file that the process, and no child of it, keeps locked.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::locks;
use crate::directory::{Folder, token};

/// How the names of these files end.
pub(super) const SUFFIX: &str = ".life";

/// The lives of this process, each with the process that began it: a forked child inherits the set, and not the locks.
///
/// A record lock is gone as soon as its process closes any descriptor of the file, even one opened only to look; and a
/// process never finds its own lock in its way. So lives that are in here are not looked at. It is per process because
/// the locks are.
static OURS: Mutex<BTreeSet<(u32, String)>> = Mutex::new(BTreeSet::new());

/// A life of this process; dropping it ends it.
#[derive(Debug)]
pub(super) struct Life {
    token: String,
    file: Option<File>,
}

impl Life {
    /// Begins a life with a new name.
    pub(super) fn begin(folder: &Folder) -> io::Result<Life> {
        loop {
            let mut life = Life { token: token(), file: None };
            // Before there is a file that another thread could look at.
            ours().insert(life.key());
            match folder.create(&life.file_name()) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                file => life.file = Some(file?),
            }
            let locked = life.file.as_ref().map_or(Ok(false), locks::try_live)?;
            // A sweep may have come between; now that it is locked none will.
            if locked && folder.age(&life.file_name())?.is_some() {
                return Ok(life);
            }
        }
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    pub(super) fn file_name(&self) -> String {
        format!("{}{SUFFIX}", self.token)
    }

    fn key(&self) -> (u32, String) {
        (std::process::id(), self.token.clone())
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        drop(self.file.take());
        ours().remove(&self.key());
    }
}

/// Whether the process that began this life lives and has not ended it.
pub(super) fn goes_on(folder: &Folder, token: &str) -> io::Result<bool> {
    if is_ours(token) {
        return Ok(true);
    }
    match folder.open_file(&format!("{token}{SUFFIX}")) {
        Ok(file) => locks::lives(&file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes the file of a life that is over.
pub(super) fn sweep(folder: &Folder, token: &str) -> io::Result<()> {
    if is_ours(token) {
        return Ok(());
    }
    let name = format!("{token}{SUFFIX}");
    match folder.open_file(&name) {
        // Locked while it is removed, so that nobody begins this life meanwhile.
        Ok(file) if locks::try_live(&file)? => folder.remove(&name),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn is_ours(token: &str) -> bool {
    ours().contains(&(std::process::id(), token.to_owned()))
}

fn ours() -> MutexGuard<'static, BTreeSet<(u32, String)>> {
    OURS.lock().unwrap_or_else(PoisonError::into_inner)
}
