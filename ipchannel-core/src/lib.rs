//! Vocabulary, link machine, router and tower layers of [ipchannel].
//!
//! This crate knows no socket, no file and no serialization format. Users of a channel want the crate `ipchannel`; this
//! one is for those who write transports, wires, codecs and layers for it.
//!
//! [ipchannel]: https://docs.rs/ipchannel

#![cfg_attr(not(test), warn(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr))]

mod envelope;
mod error;
pub mod frame;
pub mod layer;
pub mod link;
mod peer;
mod receipt;
mod roster;
pub mod router;

pub use envelope::{CallId, CodecId, Envelope, Headers, Kind, Outcome, Payload, Target};
pub use error::{Reason, SendError, Undelivered};
pub use peer::{Endpoint, Identity, Incarnation, Lineage, Member, PeerId, PeerRef, Term};
pub use receipt::{Ledger, Limits, Receipt, Ticket};
pub use roster::{Change, Roster};
