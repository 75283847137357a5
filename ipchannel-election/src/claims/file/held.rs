use std::fmt;
use std::sync::Arc;

use ipchannel_core::Member;

use super::publish::Published;
use super::record;
use super::scan::{Scan, io_error};
use crate::claims::{ClaimError, Held, Name, Standing, rule};
use crate::directory::{Directory, Open};

/// A claim of this process.
pub(super) struct FileHeld {
    directory: Arc<Directory>,
    name: Name,
    number: u64,
    published: Published,
}

impl FileHeld {
    pub(super) fn new(directory: Arc<Directory>, name: Name, number: u64, published: Published) -> Self {
        FileHeld { directory, name, number, published }
    }

    fn standing_in(&self, open: &Arc<Open>) -> Result<Standing, ClaimError> {
        let scan = Scan::new(open)?;
        let record = scan.find(self.name, self.number)?.and_then(|found| found.record);
        if record.is_none_or(|record| record.life != self.published.token()) {
            return Ok(Standing::Gone);
        }
        Ok(rule::standing(self.number, scan.counting(self.name)?, scan.numbers(self.name)))
    }
}

impl Held for FileHeld {
    fn name(&self) -> Name {
        self.name
    }

    fn number(&self) -> u64 {
        self.number
    }

    fn standing(&self) -> Result<Standing, ClaimError> {
        self.directory.with(|open| self.standing_in(open))
    }

    fn restore(&mut self, holder: &Member) -> Result<Standing, ClaimError> {
        let directory = self.directory.clone();
        directory.with(|open| {
            if self.standing_in(open)? == Standing::Gone {
                let file_name = record::file_name(self.name, self.number);
                let published =
                    Published::publish(&open.folder, &file_name, holder.clone()).map_err(io_error(&open.folder))?;
                match published {
                    Some(published) => self.published = published,
                    None => return Ok(Standing::Superseded(self.number)),
                }
            }
            self.standing_in(open)
        })
    }

    fn renew(&mut self, holder: &dyn Fn(u64) -> Member) -> Result<Standing, ClaimError> {
        let directory = self.directory.clone();
        directory.with(|open| {
            let standing = self.standing_in(open)?;
            if !matches!(standing, Standing::Intact | Standing::Contested(_)) {
                return Ok(standing);
            }
            let number = rule::next(open.born(), Scan::new(open)?.numbers(self.name));
            let file_name = record::file_name(self.name, number);
            let published =
                Published::publish(&open.folder, &file_name, holder(number)).map_err(io_error(&open.folder))?;
            // Where there is one somebody was faster, and found ours held: that one will be given up.
            if let Some(published) = published {
                (self.number, self.published) = (number, published);
            }
            self.standing_in(open)
        })
    }
}

impl fmt::Debug for FileHeld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileHeld({}.{})", self.name, self.number)
    }
}
