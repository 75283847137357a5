//! What a test and its peers say to each other: one line of JSON each.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What a peer is told to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Command {
    /// Opens the channel.
    Open(Settings),
    /// Sends numbered messages.
    Send(Sending),
    /// Ends all sending that is under way.
    Halt,
    /// Reads what arrives, or stops reading.
    Read {
        /// Whether to read.
        on: bool,
    },
    /// Calls a peer.
    Call {
        /// Whom.
        to: u32,
        /// What: see the peer's answers.
        event: String,
        /// With which value.
        value: u64,
        /// How long to wait.
        deadline_ms: u64,
    },
    /// Asks for [`Report::State`].
    State,
    /// Closes the channel.
    Close,
    /// Drops the channel without closing it.
    Drop,
    /// Ends the process as `std::process::exit` does.
    Exit {
        /// With this code.
        code: i32,
    },
    /// Ends the process by returning from `main`.
    Return,
}

/// How to open a channel. What is `None` is as the library has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// The channel's name.
    pub name: String,
    /// Where the private directories are.
    pub directory: PathBuf,
    /// The identity the process must have.
    pub identity: Option<String>,
    /// How long to wait for it.
    pub identity_deadline_ms: Option<u64>,
    /// How many messages may be under way to a peer.
    pub outgoing: Option<usize>,
    /// How many messages of a peer may be unread.
    pub incoming: Option<usize>,
    /// After how long without a message a connection is closed.
    pub idle_ms: Option<u64>,
    /// How long closing may take.
    pub close_deadline_ms: Option<u64>,
}

/// Whom messages are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum To {
    /// One peer.
    Peer(u32),
    /// All, the sender too.
    All,
    /// All but the sender.
    Others,
}

/// Messages numbered `first`, `first + 1` and so on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sending {
    /// To whom.
    pub to: To,
    /// Tells them from the messages of other commands.
    pub series: u32,
    /// The first number.
    pub first: u64,
    /// How many; `None`: until [`Command::Halt`].
    pub count: Option<u64>,
    /// The time from one to the next; 0: as fast as there is room.
    pub every_us: u64,
    /// How many bytes each has beside its number.
    pub padding: usize,
    /// The deadline of each.
    pub deadline_ms: u64,
}

/// What a peer tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "told", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are those of the channel's events")]
pub enum Report {
    Connected {
        id: u32,
    },
    Disconnected {
        reason: String,
    },
    HostChanged {
        host: u32,
        term: u64,
    },
    HostGained {
        term: u64,
    },
    HostLost {
        term: u64,
    },
    Joined {
        id: u32,
        incarnation: u64,
    },
    Left {
        id: u32,
        incarnation: u64,
        died: bool,
    },
    Unhandled {
        event: String,
    },
    HandlerFailed {
        event: String,
        error: String,
    },
    Trouble {
        error: String,
    },
    Missed {
        events: u64,
    },
    /// Opening or joining failed.
    Failed {
        identity_held: bool,
        error: String,
    },
    /// Messages arrived, each after the one before.
    Received(Run<Source>),
    /// The fate of messages is known.
    Settled(Run<Fate>),
    /// A sending has ended.
    Sent {
        to: To,
        series: u32,
        last: u64,
    },
    /// What a sending sent has all settled.
    AllSettled {
        to: To,
        series: u32,
    },
    Called {
        event: String,
        value: u64,
        result: Result<u64, CallError>,
    },
    State(State),
    Closed {
        undelivered: usize,
    },
}

/// Consecutive numbers that have something in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run<T> {
    /// What they have in common.
    pub of: T,
    /// The first of them.
    pub first: u64,
    /// The last of them.
    pub last: u64,
}

/// Where messages come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Source {
    /// The sender.
    pub from: u32,
    /// Which life of it.
    pub incarnation: u64,
    /// Which series.
    pub series: u32,
    /// Whether a process that crashed may have had them.
    pub redelivered: bool,
}

/// What became of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fate {
    /// Whom they were for.
    pub to: u32,
    /// Which series.
    pub series: u32,
    /// What became of them.
    pub outcome: Outcome,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are those of the library")]
pub enum Outcome {
    Delivered,
    NotDelivered(Why),
    Unknown(Why),
}

/// Why a message did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are those of the library")]
pub enum Why {
    Deadline,
    PeerReplaced,
    PeerGone,
    Closed,
    NotAccepted,
    Layer,
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are those of the library")]
pub enum CallError {
    Timeout,
    Unhandled,
    Remote(String),
    Unreachable,
    Closed,
    Other(String),
}

/// How a peer is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Its id.
    pub id: Option<u32>,
    /// Who hosts, in which term.
    pub host: Option<(u32, u64)>,
    /// Who is here.
    pub members: Vec<Seat>,
    /// How many tasks its runtime has.
    pub tasks: usize,
    /// How many descriptors it has open.
    pub descriptors: usize,
}

/// A member as a peer sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// Its id.
    pub id: u32,
    /// Which life of it.
    pub incarnation: u64,
    /// Where it listens.
    pub endpoint: String,
}

/// A report and when it was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    /// Microseconds of the machine's monotonic clock.
    pub at: u64,
    /// What was told.
    #[serde(flatten)]
    pub report: Report,
}

impl Command {
    /// To be sent `count` times, as fast as there is room.
    pub fn send(to: To, count: u64) -> Sending {
        Sending { to, series: 0, first: 1, count: Some(count), every_us: 0, padding: 0, deadline_ms: 30_000 }
    }
}

impl fmt::Display for Stamped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>12} {:?}", self.at, self.report)
    }
}

/// Microseconds of the machine's monotonic clock: the same in all processes.
pub fn now() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000 + now.tv_nsec as u64 / 1000
}
