use std::str;

use bytes::{Buf, Bytes};
use ipchannel_core::{Incarnation, PeerId, PeerRef};

use crate::wire::Malformed;

/// Takes fields off the front of a frame that somebody else wrote.
pub(super) struct Take<'a> {
    whole: &'a Bytes,
    rest: &'a [u8],
}

impl<'a> Take<'a> {
    pub(super) fn new(whole: &'a Bytes) -> Self {
        Take { whole, rest: whole }
    }

    pub(super) fn u8(&mut self) -> Result<u8, Malformed> {
        self.rest.try_get_u8().map_err(|_| Malformed::Short)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        self.rest.try_get_u32().map_err(|_| Malformed::Short)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Malformed> {
        self.rest.try_get_u64().map_err(|_| Malformed::Short)
    }

    fn sized(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.u32()? as usize;
        let (field, rest) = self.rest.split_at_checked(length).ok_or(Malformed::Short)?;
        self.rest = rest;
        Ok(field)
    }

    /// Text that is not checked yet.
    pub(super) fn unchecked_text(&mut self) -> Result<&'a [u8], Malformed> {
        self.sized()
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Malformed> {
        str::from_utf8(self.sized()?).map_err(|_| Malformed::Text)
    }

    /// A slice of the frame, not a copy.
    pub(super) fn bytes(&mut self) -> Result<Bytes, Malformed> {
        let field = self.sized()?;
        Ok(self.whole.slice_ref(field))
    }

    pub(super) fn peer(&mut self) -> Result<PeerRef, Malformed> {
        let id = PeerId::new(self.u32()?).ok_or(Malformed::Unknown { what: "peer id", value: 0 })?;
        Ok(PeerRef { id, incarnation: Incarnation(self.u64()?) })
    }

    /// Where the fields that were not taken begin.
    pub(super) fn position(&self) -> usize {
        self.whole.len() - self.rest.len()
    }

    /// Says that the last field was taken.
    pub(super) fn end(self) -> Result<(), Malformed> {
        match self.rest {
            [] => Ok(()),
            _ => Err(Malformed::Long),
        }
    }
}
