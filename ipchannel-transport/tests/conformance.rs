//! The suite that is exported, on the transports that are here.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use ipchannel_transport::conformance::Suite;
use ipchannel_transport::memory::Memory;
use ipchannel_transport::{BoxTransport, Transport};

async fn trial(transport: impl Transport) {
    let directory = tempfile::tempdir().unwrap();
    Suite::new(transport, directory.path()).run().await;
}

#[tokio::test]
async fn memory_conforms() {
    trial(Memory::new()).await;
}

#[tokio::test]
async fn memory_conforms_with_small_limits() {
    trial(Memory::with_limits(64, 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_conforms_boxed() {
    trial(BoxTransport::new(Memory::with_limits(4096, 8))).await;
}

#[tokio::test]
async fn memory_conforms_with_a_delay() {
    let memory = Memory::new();
    memory.dialled().delay(Duration::from_millis(1));
    trial(memory).await;
}

#[cfg(unix)]
mod uds {
    use super::*;
    use ipchannel_transport::uds::Uds;

    #[tokio::test]
    async fn uds_conforms() {
        trial(Uds::new()).await;
    }

    #[tokio::test]
    async fn uds_conforms_with_a_small_backlog() {
        trial(Uds::new().with_backlog(2)).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn uds_conforms_boxed() {
        trial(BoxTransport::new(Uds::new())).await;
    }
}
