//! What the stage and its workers say to each other: one JSON value per line, over the workers' stdin and stdout.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Something a worker saw or did.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// When, by the clock that all processes of a machine share.
    pub at: Micros,
    pub what: What,
}

/// Microseconds since 1970.
pub(crate) type Micros = u64;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum What {
    Connected {
        id: u32,
    },
    HostChanged {
        host: u32,
        term: u64,
    },
    Left {
        id: u32,
    },
    /// One of the messages that people read.
    Heard {
        from: String,
        event: String,
        text: String,
    },
    /// One of the numbered messages.
    Counted {
        /// The process that sent it, as the stage numbers them.
        from: usize,
        number: u64,
        redelivered: bool,
    },
    /// How many numbers to this peer are acknowledged so far.
    Acknowledged {
        to: u32,
        numbers: u64,
    },
    /// Everything that was sent to this peer is settled.
    Settled {
        to: u32,
        sent: u64,
        failures: Vec<String>,
    },
    /// About to close, still under this id.
    Closing {
        id: Option<u32>,
    },
    Closed {
        undelivered: usize,
    },
    Trouble(String),
}

/// What a worker is to do.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Command {
    /// Play the part of your id, once four are here.
    Play,
    /// Send a number to every other, one per millisecond.
    Count,
    /// Tell how much of that is acknowledged by this peer.
    Acknowledged { by: u32 },
    /// Count no further, and tell when all is settled.
    Stop,
    /// Leave the channel and end.
    Close,
}

pub(crate) fn now() -> Micros {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Tells the stage. If it is gone, the end of stdin says so.
pub(crate) fn report(what: What) {
    if let Ok(line) = serde_json::to_string(&Report { at: now(), what }) {
        let _ = writeln!(std::io::stdout(), "{line}");
    }
}
