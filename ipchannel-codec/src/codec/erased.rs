//! The object-safe twin of [`Codec`]: codecs of users are kept behind it, and never see it.

use serde::de::{DeserializeSeed, Deserializer, Error as _};

use super::Codec;
use crate::BoxError;

/// Reads a value from a deserializer and keeps it.
pub(super) type Read<'a> = dyn FnMut(&mut dyn erased_serde::Deserializer<'_>) -> Result<(), erased_serde::Error> + 'a;

pub(super) trait Erased: Send + Sync {
    fn erased_name(&self) -> &'static str;
    fn erased_encode(&self, value: &dyn erased_serde::Serialize, out: &mut Vec<u8>) -> Result<(), BoxError>;
    fn erased_decode(&self, data: &[u8], read: &mut Read<'_>) -> Result<(), BoxError>;
}

impl<C: Codec> Erased for C {
    fn erased_name(&self) -> &'static str {
        self.name()
    }

    fn erased_encode(&self, value: &dyn erased_serde::Serialize, out: &mut Vec<u8>) -> Result<(), BoxError> {
        self.encode(value, out)
    }

    fn erased_decode(&self, data: &[u8], read: &mut Read<'_>) -> Result<(), BoxError> {
        self.decode(data, Seed(read))
    }
}

struct Seed<'a, 'r>(&'a mut Read<'r>);

impl<'de> DeserializeSeed<'de> for Seed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        (self.0)(&mut <dyn erased_serde::Deserializer<'_>>::erase(deserializer)).map_err(D::Error::custom)
    }
}
