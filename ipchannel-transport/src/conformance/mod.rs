//! The contract of [`Transport`], as a suite that any implementation can be held to.
//!
//! ```
//! use ipchannel_transport::{conformance::Suite, memory::Memory};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! Suite::new(Memory::new(), "/a/directory/that/exists/for/transports/with/files").run().await;
//! # }
//! ```
//!
//! What only a second user could show, that others are turned away at both ends, is not in it: test that besides.

mod bytes;
mod cancel;
mod endpoints;
mod support;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::place::Place;
use crate::transport::Transport;

/// A transport on trial.
#[derive(Debug)]
pub struct Suite<T> {
    transport: T,
    directory: PathBuf,
    seed: u64,
    names: AtomicU32,
}

/// Far beyond what any check takes: it only keeps a hanging transport from hanging the test.
const WATCHDOG: Duration = Duration::from_secs(120);

impl<T: Transport> Suite<T> {
    /// A trial of `transport` with listeners in `directory`, which is to be private, with a short path, and the suite's alone.
    /// Its random choices differ from run to run.
    pub fn new(transport: T, directory: impl Into<PathBuf>) -> Self {
        Suite { transport, directory: directory.into(), seed: fastrand::u64(..), names: AtomicU32::new(0) }
    }

    /// Repeats the random choices of a run that failed: its panic names the seed.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Runs all checks, one after the other. It needs a tokio runtime with IO and time, of either flavour.
    ///
    /// # Panics
    /// At the first breach of the contract, saying which.
    pub async fn run(&self) {
        self.check("bytes go both ways at once, unchanged", self.bytes_go_both_ways()).await;
        self.check("vectored writes keep their order", self.vectored_writes_keep_their_order()).await;
        self.check("a writer waits for its reader", self.a_writer_waits_for_its_reader()).await;
        self.check("a drop ends the other side after what was written", self.a_drop_ends_the_other_side()).await;
        self.check("a drop wakes a reader", self.a_drop_wakes_a_reader()).await;
        self.check("writing to a closed end fails", self.writing_to_a_closed_end_fails()).await;
        self.check("both ends know whose they are", self.both_ends_know_whose_they_are()).await;

        self.check("a bind is exclusive and steals nothing", self.a_bind_is_exclusive()).await;
        self.check("one of many binds at once wins", self.one_of_many_binds_wins()).await;
        self.check("names that do not fit are refused", self.names_that_do_not_fit_are_refused()).await;
        self.check("listeners are apart", self.listeners_are_apart()).await;
        self.check("connecting to nobody says so", self.connecting_to_nobody_says_so()).await;
        self.check("foreign endpoints are refused", self.foreign_endpoints_are_refused()).await;
        self.check("a place can be used again", self.a_place_can_be_used_again()).await;
        self.check("connections outlive their listener", self.connections_outlive_their_listener()).await;
        self.check("a dropped listener ends what waits", self.a_dropped_listener_ends_what_waits()).await;
        self.check("many connections are served at once", self.many_connections_are_served_at_once()).await;
        self.check("a burst of connects is accepted in time", self.a_burst_is_accepted()).await;
        self.check("diallers that vanish harm nobody", self.diallers_that_vanish_harm_nobody()).await;

        self.check("a cancelled accept loses nothing", self.a_cancelled_accept_loses_nothing()).await;
        self.check("a cancelled connect harms nobody", self.a_cancelled_connect_harms_nobody()).await;
        self.check("cancelled reads and writes move nothing", self.cancelled_io_moves_nothing()).await;
    }

    async fn check(&self, name: &str, check: impl Future<Output = ()>) {
        tracing::debug!(check = name, "begins");
        let context = support::Context { check: name, scheme: self.transport.scheme(), seed: self.seed };
        let done = tokio::time::timeout(WATCHDOG, check).await;
        assert!(done.is_ok(), "it hangs");
        context.passed();
    }

    /// A place that no other check uses.
    fn place(&self) -> Place {
        Place::new(&self.directory, format!("c{}", self.names.fetch_add(1, Ordering::Relaxed)))
    }

    fn random(&self) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.seed)
    }
}
