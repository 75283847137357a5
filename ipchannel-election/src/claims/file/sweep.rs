//! Clearing away what dead processes left.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::scan::{Scan, io_error};
use super::{life, locks, record};
use crate::claims::{ClaimError, rule};
use crate::directory::{Folder, Open, TEMPORARY};

/// A file that is younger may be about to be of use. A life needs no such grace: its lock tells.
const GRACE: Duration = Duration::from_secs(60);

/// How transports end the names of their sockets.
const SOCKET: &str = ".sock";

pub(super) fn sweep(open: &Arc<Open>) -> Result<(), ClaimError> {
    let folder = &open.folder;
    let scan = Scan::new(open)?;
    for name in scan.names() {
        for number in rule::stale(scan.numbers(name)) {
            if !scan.is_held(name, number)? {
                folder.remove(&record::file_name(name, number)).map_err(io_error(folder))?;
            }
        }
    }
    let used = sockets_in_use(&scan)?;
    for file in scan.others() {
        sweep_file(folder, file, &used).map_err(io_error(folder))?;
    }
    Ok(())
}

/// The names of the files that held claims give as endpoints, also claims that do not count: their holders may not know yet.
fn sockets_in_use(scan: &Scan) -> Result<BTreeSet<String>, ClaimError> {
    let mut used = BTreeSet::new();
    for name in scan.names() {
        for &number in scan.numbers(name) {
            let Some(found) = scan.find(name, number)? else { continue };
            if let Some(record) = found.record
                && found.liveness.is_held()
                && let Some(file) = Path::new(record.holder.endpoint.address()).file_name()
            {
                used.insert(file.to_string_lossy().into_owned());
            }
        }
    }
    Ok(used)
}

fn sweep_file(folder: &Folder, file: &str, used: &BTreeSet<String>) -> std::io::Result<()> {
    let is_old = || Ok::<_, std::io::Error>(folder.age(file)?.is_some_and(|age| age >= GRACE));
    if let Some(token) = file.strip_suffix(life::SUFFIX) {
        life::sweep(folder, token)?;
    } else if file.ends_with(TEMPORARY) {
        if is_old()? && locks::try_seal(&folder.open_file(file)?)? {
            folder.remove(file)?;
        }
    } else if file.ends_with(SOCKET) && !used.contains(file) && is_old()? {
        folder.remove(file)?;
    }
    Ok(())
}
