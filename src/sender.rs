//! Who sent a message, as its handler sees it.

use std::fmt;

use ipchannel_core::frame::Origin;
use ipchannel_core::{Headers, PeerId, PeerRef};

/// The id of a sender: a peer's, or none for a guest, which has no seat.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SenderId {
    /// A member, by its id.
    Peer(PeerId),
    /// A process that sends without being a member. It cannot be answered except by the reply to its call.
    Guest,
}

impl fmt::Display for SenderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SenderId::Peer(id) => id.fmt(f),
            SenderId::Guest => f.write_str("guest"),
        }
    }
}

impl PartialEq<u32> for SenderId {
    fn eq(&self, other: &u32) -> bool {
        matches!(self, SenderId::Peer(id) if id == other)
    }
}

/// Who sent a message, and what came with it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Sender {
    /// Its id.
    pub id: SenderId,
    /// Which process exactly: `channel.to(&sender)` reaches it and no successor. `None` for a guest.
    pub peer: Option<PeerRef>,
    /// Whether a process that crashed in this seat may have had the message before.
    pub redelivered: bool,
    /// What layers put beside the payload.
    pub headers: Headers,
}

impl Sender {
    pub(crate) fn new(origin: Origin, redelivered: bool, headers: Headers) -> Self {
        let (id, peer) = match origin {
            Origin::Member(peer) => (SenderId::Peer(peer.id), Some(peer)),
            Origin::Guest(_) => (SenderId::Guest, None),
        };
        Sender { id, peer, redelivered, headers }
    }
}

pub(crate) fn sender_id(origin: Origin) -> SenderId {
    match origin {
        Origin::Member(peer) => SenderId::Peer(peer.id),
        Origin::Guest(_) => SenderId::Guest,
    }
}
