use ipchannel_core::CodecId;
use rmp_serde::decode::Error;
use serde::de::DeserializeSeed;
use serde::{Deserialize, Serialize};

use super::{Codec, MSGPACK};
use crate::BoxError;

pub(super) struct MessagePack;

impl Codec for MessagePack {
    fn id(&self) -> CodecId {
        MSGPACK
    }

    fn name(&self) -> &'static str {
        "msgpack"
    }

    fn encode<T: Serialize + ?Sized>(&self, value: &T, out: &mut Vec<u8>) -> Result<(), BoxError> {
        Ok(rmp_serde::encode::write_named(out, value)?)
    }

    fn decode<'de, S: DeserializeSeed<'de>>(&self, data: &'de [u8], seed: S) -> Result<S::Value, BoxError> {
        let mut deserializer = rmp_serde::Deserializer::from_read_ref(data);
        let value = seed.deserialize(&mut deserializer)?;
        // The deserializer does not tell how far it read: only at the end is there no next marker.
        match u8::deserialize(&mut deserializer) {
            Err(Error::InvalidMarkerRead(_)) => Ok(value),
            _ => Err("bytes are left over after the value".into()),
        }
    }
}
