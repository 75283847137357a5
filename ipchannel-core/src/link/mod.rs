//! One direction of messages between two peers.
//!
//! A [`Link`] is the sending end, for one seat; [`Inlets`] are the receiving ends, for all that send to this process. A
//! wire carries frames between a [`Dial`] at one end and an [`Accept`] at the other, and the [`Session`]s they become.
//! What is right to send and to accept is decided by two pure machines, [`Sender`] and [`Receiver`].

mod controls;
mod handle;
mod inlet;
mod inlets;
mod load;
mod outlet;
mod probe;
mod receiver;
mod replay;
mod sender;
mod wakers;

use std::task::{Context, Poll};
use std::time::Instant;

use crate::frame::{Control, Frame, Hello, Origin, Refusal, Welcome};
use crate::peer::PeerRef;

pub use handle::Link;
pub use inlet::{Delivery, Inlet, Permit};
pub use inlets::Inlets;
pub use outlet::{Dialling, Outlet};
pub use probe::{Probe, Probed};
pub use receiver::{ConnectionId, Receiver};
pub use sender::{BeginError, Policy, Sender};

/// The other end broke the rules of the protocol; its connection must end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// A number that was not to be next: one is missing between them.
    #[error("message {got} came where {expected} was next")]
    Gap {
        /// What should have come.
        expected: u64,
        /// What came.
        got: u64,
    },
    /// More than the credit that was given.
    #[error("more was sent than there was credit for")]
    Credit,
    /// An acknowledgement of what was never sent.
    #[error("a message was acknowledged that was never sent")]
    Acknowledged,
    /// An acknowledgement of less than before.
    #[error("an acknowledgement was taken back")]
    Rewound,
    /// A word that only the other end may say.
    #[error("a word that this end of a link does not hear")]
    Direction,
}

/// Where a [`Session`] puts the frames that are to be written.
pub trait FrameSink {
    /// Takes a frame. `false` asks for no more for now.
    fn put(&mut self, frame: &Frame) -> bool;
}

/// One connection of a link after hello and welcome, seen from one end: what a wire reads goes in, what it is to write comes out.
///
/// Dropping it tells the link that the connection has ended.
pub trait Session: Send + Sync {
    /// Takes a frame that was read.
    ///
    /// What it makes the link say is not announced to the waker of [`poll_transmit`](Self::poll_transmit): poll after
    /// each batch of frames.
    ///
    /// # Errors
    /// The other end broke the rules: end the connection.
    fn handle_frame(&self, now: Instant, frame: Frame) -> Result<(), Violation>;

    /// Puts what is to be written into `sink`, oldest first, until it asks for no more.
    ///
    /// `Ready(true)`: something was put; call again. `Ready(false)`: nothing more will come and this end wants the
    /// connection closed, after what was put is written. `Pending`: nothing to write; the waker is told when there is.
    fn poll_transmit(&self, cx: &mut Context<'_>, now: Instant, sink: &mut dyn FrameSink) -> Poll<bool>;
}

/// The dialling end of a connection, before it was welcomed.
pub trait Dial: Send {
    /// What it becomes.
    type Session: Session;

    /// What to say first.
    fn hello(&self) -> Hello;

    /// Takes the answer.
    ///
    /// # Errors
    /// The answer breaks the rules: end the connection.
    fn welcomed(self, now: Instant, welcome: Welcome) -> Result<Self::Session, Violation>;
}

/// The accepting end of a connection, before it heard a hello.
pub trait Accept: Send + Sync {
    /// What it becomes.
    type Session: Session;

    /// Judges a hello.
    ///
    /// # Errors
    /// Why it is refused: say so to the other end, and end the connection.
    fn accept(&self, now: Instant, hello: &Hello) -> Result<(Self::Session, Welcome), Refusal>;
}

/// The process at this end of its links: what they ask of it and tell it. Calls are short and never block.
pub trait Process: Send + Sync + 'static {
    /// Who this process is. `None`: it holds no seat yet, and refuses every hello.
    fn me(&self) -> Option<PeerRef>;

    /// Whether this origin may send to us: a sender that the roster does not know is checked against its claim.
    ///
    /// # Errors
    /// Why it may not.
    fn admit(&self, origin: Origin) -> Result<(), Refusal>;

    /// A connection with this peer stands, and nothing was said on it yet. `dialled` by us, or by the peer.
    ///
    /// [`disconnected`](Self::disconnected) follows exactly once. When a connection takes the place of another, the
    /// new one may be told before the end of the old.
    fn connected(&self, peer: Origin, dialled: bool);

    /// The peer said something about the channel. The answer, if any, goes back on the same connection.
    fn control(&self, peer: Origin, control: Control) -> Option<Control>;

    /// A message arrived. Messages of one origin come one at a time and in order.
    ///
    /// It is acknowledged after this: keep it, or drop it to say that it is handled.
    fn deliver(&self, delivery: Delivery);

    /// The peer said that it leaves the channel.
    fn leaving(&self, peer: Origin);

    /// A connection with this peer ended.
    fn disconnected(&self, peer: Origin, dialled: bool);
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod simulation_tests;
