//! From targets to peers: the outbox of each peer, and the stack behind it.

mod driver;
mod expiry;
mod mailbox;
mod outbox;
mod stack;
#[cfg(test)]
mod testing;

pub use driver::OutboxDriver;
pub use outbox::Outbox;
pub use stack::{PeerService, peer_stack};
