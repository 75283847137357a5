//! How values become payloads.

mod erased;
mod error;
mod guard;
mod json;
mod msgpack;
mod raw;
mod registry;

#[cfg(test)]
mod tests;

use ipchannel_core::CodecId;
use serde::Serialize;
use serde::de::DeserializeSeed;

use crate::BoxError;

pub use error::{DecodeError, EncodeError, RegisterError};
pub use guard::MAX_DEPTH;
pub use raw::raw;
pub use registry::Codecs;

/// Bytes as they are: made with [`raw`], read as `Vec<u8>`, `String` or any type that takes bytes.
pub const RAW: CodecId = CodecId(0);

/// MessagePack, the default.
///
/// Structs are maps from field names to values. That costs the names on the wire, and buys that processes built from
/// different versions of a program understand each other: a field may be added (with `#[serde(default)]`), removed or
/// moved. Tuples are arrays. `Some(None)` is read as `None`, as in JSON.
pub const MSGPACK: CodecId = CodecId(1);

/// JSON. Floats that are not finite are written as `null`.
pub const JSON: CodecId = CodecId(2);

/// A format of payloads.
///
/// # Contract
/// - [`id`](Self::id) and [`name`](Self::name) never change. Ids below 128 belong to this crate.
/// - [`decode`](Self::decode) reads what [`encode`](Self::encode) wrote, and nothing more: left-over bytes are an error.
/// - Malformed input is an error, never a panic, and never an allocation beyond what the input can hold. Nesting need
///   not be limited: [`Codecs`] does that for every codec.
///
/// # Example
/// JSON for people to read:
/// ```
/// use ipchannel_codec::{BoxError, Codec, Codecs};
/// use ipchannel_core::CodecId;
/// use serde::{Serialize, de::DeserializeSeed};
///
/// struct Pretty;
///
/// impl Codec for Pretty {
///     fn id(&self) -> CodecId {
///         CodecId(128)
///     }
///
///     fn name(&self) -> &'static str {
///         "pretty"
///     }
///
///     fn encode<T: Serialize + ?Sized>(&self, value: &T, out: &mut Vec<u8>) -> Result<(), BoxError> {
///         Ok(serde_json::to_writer_pretty(out, value)?)
///     }
///
///     fn decode<'de, S: DeserializeSeed<'de>>(&self, data: &'de [u8], seed: S) -> Result<S::Value, BoxError> {
///         let mut deserializer = serde_json::Deserializer::from_slice(data);
///         let value = seed.deserialize(&mut deserializer)?;
///         deserializer.end()?;
///         Ok(value)
///     }
/// }
///
/// # fn main() -> Result<(), BoxError> {
/// let codecs = Codecs::new().with(Pretty)?;
/// let payload = codecs.encode(CodecId(128), &("hello", 1))?;
/// assert_eq!(codecs.decode::<(String, u32)>(&payload)?, ("hello".to_owned(), 1));
/// # Ok(())
/// # }
/// ```
pub trait Codec: Send + Sync + 'static {
    /// Names the codec in each payload.
    fn id(&self) -> CodecId;

    /// Names the codec in configuration and errors.
    fn name(&self) -> &'static str;

    /// Appends the encoded value to `out`.
    ///
    /// # Errors
    /// The format cannot hold the value. What `out` has then does not matter.
    fn encode<T: Serialize + ?Sized>(&self, value: &T, out: &mut Vec<u8>) -> Result<(), BoxError>;

    /// Reads the value that `seed` asks for from all of `data`.
    ///
    /// # Errors
    /// The bytes are not such a value.
    fn decode<'de, S: DeserializeSeed<'de>>(&self, data: &'de [u8], seed: S) -> Result<S::Value, BoxError>;
}
