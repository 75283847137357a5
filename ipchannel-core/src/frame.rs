//! What two ends of a link say to each other. How that is written as bytes is a wire's affair.

use std::time::Duration;

use crate::envelope::Envelope;
use crate::peer::{Incarnation, Member, PeerRef, Term};

/// The version of the protocol these words belong to. Ends of different versions refuse each other.
pub const PROTOCOL_VERSION: u16 = 1;

/// The number of a message on a link: 1, 2, 3 and so on, in the order in which they are written.
///
/// A [`Welcome`] settles which numbers are used: what is beyond its cursor did not arrive and never will, since whatever
/// an earlier connection still carries is without effect. So those numbers are given anew, and an expired message
/// leaves no hole.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Seq(pub u64);

impl Seq {
    /// The next number.
    #[must_use]
    pub const fn next(self) -> Self {
        Seq(self.0 + 1)
    }
}

/// Who opens a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Origin {
    /// A member of the channel.
    Member(PeerRef),
    /// A process without a seat, which tells its connections apart by a random number.
    Guest(u64),
}

/// Why a connection is opened.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Purpose {
    /// To carry messages. The highest attempt of an origin wins over its older connections.
    Link,
    /// To see whether the process answers; replaces no connection, and carries nothing after the welcome.
    Probe,
}

/// The first words on a connection, from the end that dialled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hello {
    /// The version of the protocol.
    pub version: u16,
    /// The channel's name.
    pub channel: String,
    /// Who speaks.
    pub from: Origin,
    /// Whom it wants to speak to: anybody else refuses. Endpoints are re-used, and a replay must never reach a stranger.
    pub to: PeerRef,
    /// Grows with each connection the origin opens to this destination.
    pub attempt: u64,
    /// Why it is opened.
    pub purpose: Purpose,
}

/// How much the sender may have under way beyond the cursor that was said with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Credit {
    /// Messages.
    pub messages: u32,
    /// Bytes, as [`Envelope::size`] counts them. One message is allowed whatever its size when nothing is under way.
    pub bytes: u64,
}

/// The answer to a [`Hello`] that was accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Welcome {
    /// The highest number that is here already: the sender goes on after it.
    pub cursor: Seq,
    /// How much may follow.
    pub credit: Credit,
}

/// Why a [`Hello`] was not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum Refusal {
    /// The two ends speak different versions of the protocol.
    #[error("the peer speaks another version of the protocol")]
    Version,
    /// The process belongs to another channel.
    #[error("the peer belongs to another channel")]
    Channel,
    /// The hello was for another process.
    #[error("another process answers at this endpoint")]
    Destination,
    /// No claim backs the origin.
    #[error("the peer finds no claim for us")]
    Unknown,
    /// A newer incarnation of the origin is known.
    #[error("the peer knows a newer holder of our id (incarnation {})", .0.0)]
    Superseded(Incarnation),
    /// A newer connection of the same origin is known.
    #[error("a newer connection has taken the place of this one")]
    Attempt,
    /// The process is about to leave the channel.
    #[error("the peer is leaving the channel")]
    Leaving,
    /// The process has too many connections.
    #[error("the peer has too many connections")]
    Busy,
}

/// Whether a member is here, as far as the one who says so knows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Presence {
    /// It holds its seat.
    Here,
    /// It closed the channel.
    Left,
    /// It ended without closing the channel.
    Died,
}

/// One line of a roster: a member and whether it is here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fact {
    /// Who.
    pub member: Member,
    /// Whether it is here.
    pub presence: Presence,
}

/// What peers tell each other about the channel itself. Not numbered, not replayed: each is a whole truth that the
/// next one replaces, and a new connection begins with all of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Control {
    /// "I host, in this term, and this is what I know": first on each connection of a host, then whenever it changes.
    Roster {
        /// The term of the host.
        term: Term,
        /// The host.
        host: PeerRef,
        /// What it knows, or what is new since it last spoke on this connection.
        facts: Vec<Fact>,
    },
    /// "I still host."
    Beat {
        /// The term of the host.
        term: Term,
        /// The host.
        host: PeerRef,
    },
    /// "You do not host: a higher term is known", the answer to a [`Control::Roster`] or [`Control::Beat`] of the past.
    Superseded {
        /// The highest term known.
        term: Term,
        /// Who hosts in it.
        host: PeerRef,
    },
}

/// A numbered message on a link.
#[derive(Clone, Debug)]
pub struct Data {
    /// Its number.
    pub seq: Seq,
    /// Whether a process that crashed may have had it before.
    pub redelivered: bool,
    /// How long it is of use, counted from now; clocks are not compared between processes.
    pub ttl: Option<Duration>,
    /// The message. Its target, deadline and ticket stay at home.
    pub envelope: Envelope,
}

/// One word on a link, after hello and welcome.
#[derive(Clone, Debug)]
pub enum Frame {
    /// Sender to receiver: a message.
    Data(Data),
    /// Receiver to sender: everything up to the cursor is here; this much may follow.
    Ack(Welcome),
    /// Either way: about the channel.
    Control(Control),
    /// Either way: I am leaving the channel. From the receiver it holds the last number that it took.
    Bye(Seq),
}
