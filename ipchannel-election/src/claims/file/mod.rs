//! Claims as locked files `name.N` in the private directory.
//!
//! A claim's file is written and locked under a temporary name, then linked to its own: whoever loses the race finds the
//! name taken. Who wins it looks again, and gives up if a higher number is there: it was slow, and others have come
//! and gone. Claims of the past stay for that reason; see [`rule`].
//!
//! Files in the directory: `host.N` and `seat-<id>.N`, claims; `*.life`, see [`life`]; `*.tmp`, files being written.

mod held;
mod life;
mod publish;
mod record;
mod scan;
mod sweep;

#[cfg_attr(unix, path = "locks_unix.rs")]
#[cfg_attr(windows, path = "locks_windows.rs")]
mod locks;

use std::sync::Arc;

use ipchannel_core::Member;

use super::{Claim, ClaimError, Claims, Name, Taken, rule};
use crate::directory::Directory;
use held::FileHeld;
use publish::Published;
use scan::Scan;

/// Claims as locked files in a [`Directory`].
///
/// # Platform-specific behaviour
/// - Unix: a claim is an flock and a record lock, so that a forked child which outlives its parent does not keep it:
///   the claim is then [orphaned](super::Liveness::Orphaned). Both work on local file systems; on a network file system nothing is
///   promised.
/// - Windows: a claim is one lock, on a file beside the one that says whose it is. There are no orphans.
#[derive(Clone, Debug)]
pub struct FileClaims {
    directory: Arc<Directory>,
}

impl FileClaims {
    /// The claims in this directory.
    pub fn new(directory: Arc<Directory>) -> Self {
        FileClaims { directory }
    }
}

impl Claims for FileClaims {
    fn look(&self, name: Name) -> Result<Option<Claim>, ClaimError> {
        self.directory.with(|open| Scan::new(open)?.look(name))
    }

    fn look_all(&self) -> Result<Vec<Claim>, ClaimError> {
        self.directory.with(|open| {
            let scan = Scan::new(open)?;
            scan.names().filter_map(|name| scan.look(name).transpose()).collect()
        })
    }

    fn take(&self, name: Name, depose: Option<u64>, holder: &dyn Fn(u64) -> Member) -> Result<Taken, ClaimError> {
        let deposed = depose.filter(|_| name == Name::Host);
        self.directory.with(|open| {
            let scan = Scan::new(open)?;
            if let Some(number) = scan.counting(name)?
                && deposed != Some(number)
                && scan.is_held(name, number)?
            {
                return Ok(Taken::Lost);
            }
            let number = rule::next(open.born(), scan.numbers(name));
            let published = Published::publish(&open.folder, &record::file_name(name, number), holder(number))
                .map_err(scan::io_error(&open.folder))?;
            let Some(published) = published else { return Ok(Taken::Lost) };
            if Scan::new(open)?.counting(name)? != Some(number) {
                return Ok(Taken::Lost);
            }
            Ok(Taken::Won(Box::new(FileHeld::new(self.directory.clone(), name, number, published))))
        })
    }

    fn sweep(&self) -> Result<(), ClaimError> {
        self.directory.with(sweep::sweep)
    }
}

#[cfg(test)]
mod tests;
