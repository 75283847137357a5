//! Who hosts an [ipchannel] and who holds which id: claims and the private directory they live in, and the election.
//!
//! A channel has no server. Its members agree by *claims*, lasting locks on names: whoever holds the claim `host` is
//! the host, and whoever holds a seat's claim has that seat's id. See [`claims`]. What a member does about them is
//! decided by two pure machines: [`seat`] chooses an id, [`machine`] elects the host.
//!
//! [ipchannel]: https://docs.rs/ipchannel

#![cfg_attr(not(test), warn(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr))]

pub mod claims;
mod directory;
pub mod machine;
pub mod seat;
mod text;

pub use directory::{Directory, DirectoryError};
