//! Connections within one process, with faults on demand: for tests and simulations.

mod cable;
mod connection;
mod faults;
mod pipe;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipchannel_core::Endpoint;
use tokio::sync::mpsc;

pub use self::cable::Cable;
pub use self::connection::Connection;
pub use self::faults::Faults;

use crate::PATIENCE;
use crate::error::{AcceptError, BindError, ConnectError};
use crate::place::Place;
use crate::transport::Transport;

/// The scheme of its endpoints, which are `memory:` and a path that need not exist.
pub const SCHEME: &str = "memory";

/// A universe of its own: listeners and diallers of different universes never meet. Clones share one.
///
/// Each clone made by [`process`](Self::process) plays a process of the universe, so that a test can bring
/// [`Faults`] over all that one process dials, and over all that is dialled at its endpoints.
///
/// Time is tokio's, so delays keep to a paused clock.
#[derive(Clone, Debug)]
pub struct Memory {
    universe: Arc<Universe>,
    dialled: Faults,
}

#[derive(Debug)]
struct Universe {
    /// Bytes that may be under way in one direction of a connection.
    buffer: usize,
    /// Connections that may wait to be accepted at one endpoint.
    backlog: usize,
    endpoints: Mutex<HashMap<String, Entry>>,
}

/// What is known of an endpoint. It stays when the listener goes, since faults belong to the endpoint.
#[derive(Debug, Default)]
struct Entry {
    door: Option<mpsc::Sender<Connection>>,
    faults: Faults,
}

impl Memory {
    /// A new universe, with limits like those of the system: 64 KiB under way each way, 128 connections waiting.
    pub fn new() -> Self {
        Memory::with_limits(64 * 1024, 128)
    }

    /// A new universe with buffers of so many bytes and backlogs of so many connections, each at least 1.
    pub fn with_limits(buffer: usize, backlog: usize) -> Self {
        let universe = Universe { buffer: buffer.max(1), backlog: backlog.max(1), endpoints: Mutex::default() };
        Memory { universe: Arc::new(universe), dialled: Faults::default() }
    }

    /// Another process of the same universe: it meets the same listeners, with [`dialled`](Self::dialled) faults of its own.
    #[must_use]
    pub fn process(&self) -> Self {
        Memory { universe: self.universe.clone(), dialled: Faults::default() }
    }

    /// The faults of all connections that this process dials.
    pub fn dialled(&self) -> Faults {
        self.dialled.clone()
    }

    /// The faults of all connections that anybody dials at this endpoint, before, while and after somebody listens there.
    pub fn faults(&self, endpoint: &Endpoint) -> Faults {
        self.universe.endpoints().entry(endpoint.address().to_owned()).or_default().faults.clone()
    }
}

impl Default for Memory {
    fn default() -> Self {
        Memory::new()
    }
}

impl Universe {
    fn endpoints(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.endpoints.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for Memory {
    type Listener = Listener;
    type Connection = Connection;

    fn scheme(&self) -> &str {
        SCHEME
    }

    async fn bind(&self, place: &Place) -> Result<Listener, BindError> {
        let address = place.file("")?;
        let endpoint = Endpoint::new(SCHEME, &address);
        let mut endpoints = self.universe.endpoints();
        let entry = endpoints.entry(address).or_default();
        if entry.door.is_some() {
            return Err(BindError::InUse(endpoint));
        }
        let (door, waiting) = mpsc::channel(self.universe.backlog);
        entry.door = Some(door);
        Ok(Listener { universe: self.universe.clone(), endpoint, waiting })
    }

    async fn connect(&self, endpoint: &Endpoint) -> Result<Connection, ConnectError> {
        if endpoint.scheme() != SCHEME {
            return Err(ConnectError::Endpoint(endpoint.clone()));
        }
        let nobody =
            || ConnectError::Nobody { endpoint: endpoint.clone(), source: io::ErrorKind::ConnectionRefused.into() };
        let (door, faults) = match self.universe.endpoints().get(endpoint.address()) {
            Some(Entry { door: Some(door), faults }) => (door.clone(), faults.clone()),
            _ => return Err(nobody()),
        };
        if faults.refuses() || self.dialled.refuses() {
            return Err(nobody());
        }
        let waited = tokio::time::timeout(PATIENCE, door.reserve()).await;
        let room = waited.map_err(|_| ConnectError::Busy(endpoint.clone()))?.map_err(|_| nobody())?;
        let (here, there) = Cable::lay(self.universe.buffer, [faults, self.dialled()]);
        room.send(there);
        Ok(here)
    }
}

/// Accepts connections at an endpoint of a universe.
#[derive(Debug)]
pub struct Listener {
    universe: Arc<Universe>,
    endpoint: Endpoint,
    waiting: mpsc::Receiver<Connection>,
}

impl crate::Listener for Listener {
    type Connection = Connection;

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    async fn accept(&mut self) -> Result<Connection, AcceptError> {
        self.waiting.recv().await.ok_or_else(|| AcceptError::Broken {
            endpoint: self.endpoint.clone(),
            source: io::ErrorKind::NotConnected.into(),
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(entry) = self.universe.endpoints().get_mut(self.endpoint.address()) {
            entry.door = None;
        }
    }
}

#[cfg(test)]
mod tests;
