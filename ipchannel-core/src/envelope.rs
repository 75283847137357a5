//! What travels: an envelope holds a target, an event, headers and a payload.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::peer::{Lineage, PeerId, PeerRef};
use crate::receipt::Ticket;

/// To whom an envelope goes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Target {
    /// Whoever holds this seat.
    Peer(PeerId),
    /// This process and no other: if it is gone, the message fails.
    Member(PeerRef),
    /// Every member, the sender included.
    All,
    /// Every member but the sender.
    Others,
}

/// Names the codec of a payload, in one byte, so that peers with different defaults understand each other.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CodecId(pub u8);

/// A value as bytes, with the name of the codec that made them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Payload {
    /// Who can read the bytes.
    pub codec: CodecId,
    /// The encoded value.
    pub data: Bytes,
}

/// Small named values beside the payload, for layers to use: ordered, names may repeat.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Headers(Vec<(Arc<str>, Bytes)>);

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Headers(Vec::new())
    }

    /// The first value of this name.
    pub fn get(&self, name: &str) -> Option<&Bytes> {
        self.0.iter().find(|(n, _)| &**n == name).map(|(_, value)| value)
    }

    /// Adds a value; earlier ones of the same name stay.
    pub fn append(&mut self, name: impl Into<Arc<str>>, value: impl Into<Bytes>) {
        self.0.push((name.into(), value.into()));
    }

    /// Takes all values of this name away and returns the first.
    pub fn remove(&mut self, name: &str) -> Option<Bytes> {
        let first = self.get(name).cloned();
        self.0.retain(|(n, _)| &**n != name);
        first
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Bytes)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Names one call of one caller, so that its reply finds it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CallId(pub u64);

/// How a call ended on the other side.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// The payload is the answer.
    Answered,
    /// The handler failed; the payload says how, as text.
    Failed,
    /// Nobody there answers this event.
    Unhandled,
}

/// What an envelope is to its receiver. Only [`Kind::Message`] and [`Kind::Request`] reach handlers by their event.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// A message: one way.
    Message,
    /// Asks for a reply to this call.
    Request(CallId),
    /// Replies to this call.
    Reply(CallId, Outcome),
}

/// One message on its way to one peer, or to many before the fan-out.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// To whom.
    pub target: Target,
    /// What it is to the receiver.
    pub kind: Kind,
    /// The name handlers subscribe to.
    pub event: Arc<str>,
    /// Small values beside the payload.
    pub headers: Headers,
    /// The encoded value.
    pub payload: Payload,
    /// When it fails if it has not arrived; `None` waits for as long as the channel is open.
    pub deadline: Option<Instant>,
    /// Whose it is: the lineage that held the seat when the message was sent. `None`, where the seat was free, is
    /// whoever it is first written to.
    pub lineage: Option<Lineage>,
    /// Where its fate is written down; given by the router where the sender has not.
    pub ticket: Option<Ticket>,
}

impl Envelope {
    /// A message for `target`, without headers or a deadline.
    pub fn new(target: Target, event: impl Into<Arc<str>>, payload: Payload) -> Self {
        Envelope {
            target,
            kind: Kind::Message,
            event: event.into(),
            headers: Headers::new(),
            payload,
            deadline: None,
            lineage: None,
            ticket: None,
        }
    }

    /// What it counts against limits in bytes: event, payload and headers, each of these with 8 bytes for its lengths.
    pub fn size(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len() + 8).sum();
        self.event.len() + headers + self.payload.data.len()
    }
}
