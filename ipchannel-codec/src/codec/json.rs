use ipchannel_core::CodecId;
use serde::Serialize;
use serde::de::DeserializeSeed;

use super::{Codec, JSON};
use crate::BoxError;

pub(super) struct Json;

impl Codec for Json {
    fn id(&self) -> CodecId {
        JSON
    }

    fn name(&self) -> &'static str {
        "json"
    }

    fn encode<T: Serialize + ?Sized>(&self, value: &T, out: &mut Vec<u8>) -> Result<(), BoxError> {
        Ok(serde_json::to_writer(out, value)?)
    }

    fn decode<'de, S: DeserializeSeed<'de>>(&self, data: &'de [u8], seed: S) -> Result<S::Value, BoxError> {
        let mut deserializer = serde_json::Deserializer::from_slice(data);
        let value = seed.deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(value)
    }
}
