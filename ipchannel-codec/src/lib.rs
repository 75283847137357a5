//! Wires and codecs of [ipchannel].
//!
//! A [`Codec`] turns values into payloads, and [`Codecs`] knows them by id. A [`Wire`] runs one connection of a link over
//! any stream of bytes; [`Native`] is the default one. Users of a channel want the crate `ipchannel`; this one is for
//! those who write codecs and wires for it.
//!
//! [ipchannel]: https://docs.rs/ipchannel

#![cfg_attr(not(test), warn(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr))]

mod codec;
pub mod conformance;
pub mod native;
mod wire;

pub use codec::{Codec, Codecs, DecodeError, EncodeError, JSON, MAX_DEPTH, MSGPACK, RAW, RegisterError, raw};
pub use native::Native;
pub use wire::{BoxWire, Ended, Malformed, Policy, Wire, WireError};

/// Any error, as codecs return it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
