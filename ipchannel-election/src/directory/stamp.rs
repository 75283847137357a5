//! The file that says whose directory this is and when it was made.

use std::io::{self, Read, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use super::error::DirectoryError;
use super::folder::Folder;
use crate::text;

const FILE: &str = "channel";
const FIRST_LINE: &str = "ipchannel directory 1";

/// Written once, by whoever makes the directory, and never changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Stamp {
    pub(super) channel: String,
    pub(super) born: u64,
}

impl Stamp {
    /// The stamp of this directory; of several who make one, the first does.
    pub(super) fn agree(folder: &Folder, channel: &str) -> Result<Stamp, DirectoryError> {
        let io_error = DirectoryError::io(folder.path());
        let unreadable = || DirectoryError::Unreadable { path: folder.path().to_owned() };
        let found = match Stamp::read(folder).map_err(&io_error)? {
            Some(stamp) => stamp,
            None => {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "the one thing that outlives a lost directory is the clock"
                )]
                let born = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
                let ours = Stamp { channel: channel.to_owned(), born: u64::try_from(born).unwrap_or(u64::MAX / 2) };
                ours.publish(folder).map_err(&io_error)?;
                Stamp::read(folder).map_err(&io_error)?.ok_or_else(unreadable)?
            }
        };
        if found.channel != channel {
            return Err(DirectoryError::OtherChannel { path: folder.path().to_owned(), other: found.channel });
        }
        Ok(found)
    }

    pub(super) fn read(folder: &Folder) -> io::Result<Option<Stamp>> {
        let mut content = String::new();
        match folder.open_file(FILE) {
            Ok(mut file) => file.read_to_string(&mut content)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Stamp::parse(&content))
    }

    fn publish(&self, folder: &Folder) -> io::Result<()> {
        let (temporary, mut file) = folder.create_temporary()?;
        let channel = text::escape(&self.channel);
        // On disk before it has its name: a power cut must not leave a directory that nobody can read.
        let outcome = write!(file, "{FIRST_LINE}\nborn {}\nchannel {channel}\n", self.born)
            .and_then(|()| file.sync_all())
            .and_then(|()| folder.link(&temporary, FILE));
        // Where this fails a sweep will do it.
        let _ = folder.remove(&temporary);
        match outcome {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    fn parse(content: &str) -> Option<Stamp> {
        let fields = text::fields(content, FIRST_LINE)?;
        Some(Stamp { channel: text::unescape(fields.get("channel")?), born: fields.get("born")?.parse().ok()? })
    }
}
