//! Who hosts an [ipchannel] and who holds which id: claims and the private directory they live in.
//!
//! A channel has no server. Its members agree by *claims*, lasting locks on names: whoever holds the claim `host` is
//! the host, and whoever holds a seat's claim has that seat's id. See [`claims`].
//!
//! [ipchannel]: https://docs.rs/ipchannel

pub mod claims;
mod directory;
mod text;

pub use directory::{Directory, DirectoryError};
