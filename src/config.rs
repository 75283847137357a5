//! The knobs of a channel, as plain data.

use std::path::PathBuf;
use std::time::Duration;

use ipchannel_core::{Identity, Limits};

/// Everything about a channel that can be set, with its default. Durations are real time; sizes count event, headers and
/// payload.
///
/// ```
/// use std::time::Duration;
/// let config = ipchannel::Config { deadline: Duration::from_secs(30), ..Default::default() };
/// # let _ = config;
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    /// How long a message may take from `send` to the receiving process before it fails: 5 s.
    pub deadline: Duration,
    /// How long [`close`](crate::Channel::close) waits for what is under way: 5 s.
    pub close_deadline: Duration,
    /// What may be accepted for one peer and not yet be delivered or failed: 65,536 messages, 64 MiB.
    pub outgoing: Limits,
    /// What one peer may have sent that our handlers and streams have not yet consumed: 65,536 messages, 64 MiB.
    pub incoming: Limits,
    /// The largest message: 16 MiB. The same in all processes of a channel, or the smaller one ends connections.
    pub max_message: usize,
    /// How many connections are served at once: 4,096. One more is refused, and tries again.
    pub max_connections: usize,
    /// After how long without a message a connection is closed; it is opened again when needed: 30 s.
    pub idle: Duration,
    /// How often the host says that it lives: 1 s.
    pub beat: Duration,
    /// After how long a silence the host is taken for frozen and replaced: 3 s.
    pub host_limit: Duration,
    /// The identity this process must have: it waits for its seat and fails when somebody else keeps it. `None`: the one
    /// of the environment (`IPCHANNEL_IDENTITY`, PM2) if it is free, else none.
    pub identity: Option<Identity>,
    /// How long to wait for the seat of a required identity: 10 s.
    pub identity_deadline: Duration,
    /// Where the private directories of all channels are. `None`: `IPCHANNEL_DIR`, else `/tmp/ipchannel-<uid>`.
    ///
    /// It is made if it is missing; the directory above it must be there. One that is there already must be ours and closed to
    /// others (mode 0700). Keep it short: the path of a unix socket has little more than 100 bytes.
    pub directory: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Config {
            deadline: Duration::from_secs(5),
            close_deadline: Duration::from_secs(5),
            outgoing: Limits { messages: 65_536, bytes: 64 * MIB },
            incoming: Limits { messages: 65_536, bytes: 64 * MIB },
            max_message: 16 * MIB,
            max_connections: 4096,
            idle: Duration::from_secs(30),
            beat: Duration::from_secs(1),
            host_limit: Duration::from_secs(3),
            identity: None,
            identity_deadline: Duration::from_secs(10),
            directory: None,
        }
    }
}
