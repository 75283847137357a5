//! One reading of the directory, and the claims found by it.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Arc;

use super::record::{self, Record};
use super::{life, locks};
use crate::claims::{Claim, ClaimError, Liveness, Name, rule};
use crate::directory::{Folder, Open};

/// The names of all files at one moment. Claims themselves are read when asked for.
pub(super) struct Scan {
    open: Arc<Open>,
    claims: BTreeMap<Name, Vec<u64>>,
    others: Vec<String>,
}

/// A claim's file.
pub(super) struct Found {
    /// `None` if it cannot be read, which is no matter as long as nobody holds it: the system crashed as it was written.
    pub(super) record: Option<Record>,
    pub(super) liveness: Liveness,
}

impl Scan {
    pub(super) fn new(open: &Arc<Open>) -> Result<Self, ClaimError> {
        let mut claims: BTreeMap<Name, Vec<u64>> = BTreeMap::new();
        let mut others = Vec::new();
        for file in open.folder.names().map_err(io_error(&open.folder))? {
            match record::parse_file_name(&file) {
                Some((name, number)) => claims.entry(name).or_default().push(number),
                None => others.push(file),
            }
        }
        Ok(Scan { open: open.clone(), claims, others })
    }

    pub(super) fn names(&self) -> impl Iterator<Item = Name> {
        self.claims.keys().copied()
    }

    pub(super) fn numbers(&self, name: Name) -> &[u64] {
        self.claims.get(&name).map_or(&[], Vec::as_slice)
    }

    /// The files that are no claims.
    pub(super) fn others(&self) -> &[String] {
        &self.others
    }

    pub(super) fn counting(&self, name: Name) -> Result<Option<u64>, ClaimError> {
        rule::counting(name, self.open.born(), self.numbers(name), |number| self.is_held(name, number))
    }

    pub(super) fn is_held(&self, name: Name, number: u64) -> Result<bool, ClaimError> {
        Ok(self.find(name, number)?.is_some_and(|found| found.liveness.is_held()))
    }

    pub(super) fn look(&self, name: Name) -> Result<Option<Claim>, ClaimError> {
        let Some(number) = self.counting(name)? else { return Ok(None) };
        let Some(Found { record: Some(record), liveness }) = self.find(name, number)? else { return Ok(None) };
        Ok(Some(Claim { name, number, holder: record.holder, liveness }))
    }

    /// A claim as it is now; `None` if its file was swept meanwhile.
    pub(super) fn find(&self, name: Name, number: u64) -> Result<Option<Found>, ClaimError> {
        let folder = &self.open.folder;
        let file_name = record::file_name(name, number);
        let found = read(folder, &file_name).map_err(io_error(folder))?;
        if found.as_ref().is_some_and(|found| found.record.is_none() && found.liveness != Liveness::Free) {
            return Err(ClaimError::Unreadable { path: folder.path().join(file_name) });
        }
        Ok(found)
    }
}

fn read(folder: &Folder, file_name: &str) -> io::Result<Option<Found>> {
    let mut file = match folder.open_file(file_name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut content = Vec::new();
    file.read_to_end(&mut content)?;
    let record = Record::parse(&String::from_utf8_lossy(&content));
    let liveness = if !locks::is_sealed(&file)? {
        Liveness::Free
    } else {
        match &record {
            Some(record) if !life::goes_on(folder, &record.life)? => locks::ABANDONED,
            _ => Liveness::Held,
        }
    };
    Ok(Some(Found { record, liveness }))
}

pub(super) fn io_error(folder: &Folder) -> impl Fn(io::Error) -> ClaimError {
    |source| ClaimError::Io { path: folder.path().to_owned(), source }
}
