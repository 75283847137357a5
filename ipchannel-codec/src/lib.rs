//! Wires and codecs of [ipchannel].
//!
//! A [`Codec`] turns values into payloads, and [`Codecs`] knows them by id. Users of a channel want the crate `ipchannel`; this one is for
//! those who write codecs for it.
//!
//! [ipchannel]: https://docs.rs/ipchannel

mod codec;

pub use codec::{Codec, Codecs, DecodeError, EncodeError, JSON, MAX_DEPTH, MSGPACK, RAW, RegisterError, raw};

/// Any error, as codecs return it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
