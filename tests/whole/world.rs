//! Channels of many processes within one, over memory: deterministic on a paused clock.

use std::time::Duration;

use ipchannel::{Channel, Config};
use ipchannel_election::claims::{MemoryClaims, Universe};
use ipchannel_transport::memory::Memory;

/// The machine they all run on.
pub(crate) struct World {
    pub(crate) claims: Universe,
    transport: Memory,
}

/// One process: what it does to the channel when it crashes.
pub(crate) struct Process {
    pub(crate) channel: Channel,
    pub(crate) transport: Memory,
    claims: MemoryClaims,
}

impl World {
    pub(crate) fn new() -> Self {
        World { claims: Universe::new(), transport: Memory::new() }
    }

    /// A process that opens the channel.
    pub(crate) fn start(&self) -> Process {
        self.start_with(Config::default())
    }

    pub(crate) fn start_with(&self, config: Config) -> Process {
        let (transport, claims) = (self.transport.process(), self.claims.process());
        let builder = Channel::builder("world").unwrap().config(config).ignore_environment();
        let channel = builder.transport(transport.clone()).claims(claims.clone()).open().unwrap();
        Process { channel, transport, claims }
    }

    /// So many processes, each connected before the next one starts.
    pub(crate) async fn start_in_turn<const N: usize>(&self) -> [Process; N] {
        let processes = std::array::from_fn(|_| self.start());
        for process in &processes {
            process.channel.ready().await.unwrap();
        }
        processes
    }
}

impl Process {
    pub(crate) fn id(&self) -> u32 {
        self.channel.id().expect("connected").get()
    }

    /// Ends as by SIGKILL: nothing more is said, and its locks are free.
    pub(crate) fn crash(self) {
        self.transport.dialled().cut();
        self.claims.crash();
        drop(self.channel);
    }
}

/// Longer than anything takes; on a paused clock it costs nothing.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// Waits until `is` holds, which something that is under way brings about.
pub(crate) async fn until(what: &str, is: impl Fn() -> bool) {
    let poll = async {
        while !is() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(LONG, poll).await.unwrap_or_else(|_| panic!("never: {what}"));
}
