//! Real processes on real channels: what the acceptance tests in `tests/` are made of.
//!
//! A [`Stage`] gives a test a channel of its own, in a directory of its own, and time for it. [`Peer`]s are processes that
//! join the channel by the library's public functions alone. They are told what to do in [`protocol`], and a [`Peer`]
//! keeps what they tell. [`history`] holds the messages against the promises.
//!
//! All tests are serial, across processes: each of them has the machine to itself, since some promises are times. Each
//! says its figures in a line that begins with `figures:`. The counts are small, so that all of it takes about a minute;
//! in full it takes a quarter of an hour:
//!
//! ```text
//! IPCHANNEL_FULL=1 cargo test -p ipchannel-testkit
//! ```
//!
//! `RUST_LOG=ipchannel=debug` shows more of the peers' logs where a test fails.

#![allow(clippy::unwrap_used, reason = "it is for tests: they may panic, and say why")]

pub mod figures;
pub mod history;
mod metronome;
mod peer;
pub mod protocol;
pub mod raw;
mod stage;

pub use metronome::Metronome;
pub use peer::{Mark, Peer};
pub use stage::Stage;
