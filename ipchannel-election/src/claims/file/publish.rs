//! How a claim's file comes to be: at once, complete and locked.

use std::fs::File;
use std::io::{self, Write};

use ipchannel_core::Member;

use super::life::Life;
use super::locks;
use super::record::Record;
use crate::directory::Folder;

/// A claim of this process for as long as it is not dropped.
///
/// Dropping closes files and removes none: the claim's own file keeps numbers growing, and the same drop may run in a
/// forked child, whose parent still holds the claim.
#[derive(Debug)]
pub(super) struct Published {
    life: Life,
    _sealed: File,
}

impl Published {
    /// Publishes a claim under this file name. `None`: there is one.
    pub(super) fn publish(folder: &Folder, file_name: &str, holder: Member) -> io::Result<Option<Published>> {
        let life = Life::begin(folder)?;
        let (temporary, mut file) = create_sealed(folder)?;
        let record = Record { holder, life: life.token().to_owned() };
        let linked = file.write_all(record.to_text().as_bytes()).and_then(|()| folder.link(&temporary, file_name));
        // Where this fails a sweep will do it.
        let _ = folder.remove(&temporary);
        match linked {
            Ok(()) => Ok(Some(Published { life, _sealed: file })),
            Err(error) => {
                let _ = folder.remove(&life.file_name());
                if error.kind() == io::ErrorKind::AlreadyExists { Ok(None) } else { Err(error) }
            }
        }
    }

    /// What this claim's record calls the life of its holder.
    pub(super) fn token(&self) -> &str {
        self.life.token()
    }

    #[cfg(all(test, unix))]
    pub(super) fn sealed(&self) -> &File {
        &self._sealed
    }
}

fn create_sealed(folder: &Folder) -> io::Result<(String, File)> {
    loop {
        let (temporary, file) = folder.create_temporary()?;
        // A sweep may have come between, if we were stopped for long; now that it is locked none will.
        if locks::try_seal(&file)? && folder.age(&temporary)?.is_some() {
            return Ok((temporary, file));
        }
    }
}
