use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use ipchannel_core::{CodecId, Payload};
use serde::Serialize;
use serde::de::{DeserializeOwned, DeserializeSeed};

use super::erased::Erased;
use super::guard::Guarded;
use super::json::Json;
use super::msgpack::MessagePack;
use super::raw::Raw;
use super::{Codec, DecodeError, EncodeError, JSON, MSGPACK, RAW, RegisterError};
use crate::BoxError;

/// The lowest id that a codec of users may have.
const FIRST_CUSTOM: CodecId = CodecId(128);

/// The codecs that a process has: [`RAW`], [`MSGPACK`], [`JSON`], and what is added. A clone is cheap.
#[derive(Clone, Default)]
pub struct Codecs {
    custom: Arc<BTreeMap<u8, Arc<dyn Erased>>>,
}

impl Codecs {
    /// The built-in codecs.
    pub fn new() -> Self {
        Self::default()
    }

    /// These codecs and one more.
    ///
    /// # Errors
    /// Its id is reserved or taken, or its name is.
    pub fn with(mut self, codec: impl Codec) -> Result<Self, RegisterError> {
        let (id, name) = (codec.id(), codec.name());
        if id.0 < FIRST_CUSTOM.0 {
            return Err(RegisterError::Reserved(id));
        }
        if self.custom.contains_key(&id.0) {
            return Err(RegisterError::IdTaken(id));
        }
        if self.id(name).is_some() {
            return Err(RegisterError::NameTaken(name));
        }
        Arc::make_mut(&mut self.custom).insert(id.0, Arc::new(codec));
        Ok(self)
    }

    /// The id of the codec with this name: `raw`, `msgpack`, `json`, or that of one that was added.
    pub fn id(&self, name: &str) -> Option<CodecId> {
        match name {
            "raw" => Some(RAW),
            "msgpack" => Some(MSGPACK),
            "json" => Some(JSON),
            _ => self.custom.iter().find(|(_, codec)| codec.erased_name() == name).map(|(id, _)| CodecId(*id)),
        }
    }

    /// Encodes any value that serde can.
    ///
    /// # Errors
    /// See [`EncodeError`].
    pub fn encode<T: Serialize + ?Sized>(&self, codec: CodecId, value: &T) -> Result<Payload, EncodeError> {
        let mut out = Vec::new();
        let failed = |codec| move |source| EncodeError::Value { codec, source };
        match codec {
            RAW => return Err(EncodeError::Raw),
            MSGPACK => MessagePack.encode(value, &mut out).map_err(failed("msgpack"))?,
            JSON => Json.encode(value, &mut out).map_err(failed("json"))?,
            id => {
                let codec = self.custom.get(&id.0).ok_or(EncodeError::UnknownCodec(id))?;
                codec.erased_encode(&value, &mut out).map_err(failed(codec.erased_name()))?;
            }
        }
        Ok(Payload { codec, data: Bytes::from(out) })
    }

    /// Decodes a payload of any codec that this process has.
    ///
    /// A hostile payload costs an error. It cannot overflow the stack, and what it makes the type allocate is bounded by
    /// a small multiple of its size.
    ///
    /// # Errors
    /// See [`DecodeError`].
    pub fn decode<T: DeserializeOwned>(&self, payload: &Payload) -> Result<T, DecodeError> {
        let exceeded = Cell::new(false);
        let seed = Guarded::new(PhantomData::<T>, &exceeded);
        let failed = |codec, source| match exceeded.get() {
            true => DecodeError::TooDeep,
            false => DecodeError::Malformed { codec, source },
        };
        let data = &payload.data;
        match payload.codec {
            RAW => seed.deserialize(Raw(data)).map_err(|error| failed("raw", error.into())),
            MSGPACK => MessagePack.decode(data, seed).map_err(|error| failed("msgpack", error)),
            JSON => Json.decode(data, seed).map_err(|error| failed("json", error)),
            id => {
                let codec = self.custom.get(&id.0).ok_or(DecodeError::UnknownCodec(id))?;
                decode_custom(&**codec, data, seed).map_err(|error| failed(codec.erased_name(), error))
            }
        }
    }
}

fn decode_custom<T: DeserializeOwned>(
    codec: &dyn Erased,
    data: &[u8],
    seed: Guarded<'_, PhantomData<T>>,
) -> Result<T, BoxError> {
    let (mut seed, mut value) = (Some(seed), None);
    codec.erased_decode(data, &mut |deserializer| {
        if let Some(seed) = seed.take() {
            value = Some(seed.deserialize(deserializer)?);
        }
        Ok(())
    })?;
    value.ok_or_else(|| "the codec read no value".into())
}

impl fmt::Debug for Codecs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = ["raw", "msgpack", "json"].into_iter().chain(self.custom.values().map(|codec| codec.erased_name()));
        f.debug_set().entries(names).finish()
    }
}
