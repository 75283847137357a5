use ipchannel_core::CodecId;

use super::MAX_DEPTH;
use crate::BoxError;

/// Why a value did not become a payload.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// No codec has this id.
    #[error("no codec has the id {}: register it with `Codecs::with`", .0.0)]
    UnknownCodec(CodecId),
    /// [`RAW`](crate::RAW) holds bytes, not values.
    #[error("raw payloads hold bytes, not values: make one with `raw`")]
    Raw,
    /// The codec cannot hold the value.
    #[error("{codec} cannot hold the value")]
    Value {
        /// The name of the codec.
        codec: &'static str,
        /// What it does not like.
        source: BoxError,
    },
}

/// Why a payload did not become a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// No codec has this id.
    #[error("the payload is encoded with codec {}, which this process lacks: register it with `Codecs::with`", .0.0)]
    UnknownCodec(CodecId),
    /// The bytes are not what the codec writes for such a value.
    #[error("the payload is not {codec} of the type that was asked for")]
    Malformed {
        /// The name of the codec.
        codec: &'static str,
        /// What it does not like.
        source: BoxError,
    },
    /// Values are nested deeper than [`MAX_DEPTH`].
    #[error("the payload is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
}

/// Why a codec was not registered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// Ids below 128 belong to this crate.
    #[error("codec ids below 128 are reserved: choose another than {}", .0.0)]
    Reserved(CodecId),
    /// Another codec has this id.
    #[error("another codec has the id {}: choose another", .0.0)]
    IdTaken(CodecId),
    /// Another codec has this name.
    #[error("another codec has the name `{0}`: choose another")]
    NameTaken(&'static str),
}
