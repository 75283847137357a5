use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::cable::{Cable, Shared};

/// What goes wrong with a set of connections: those of an endpoint, or those that a process dials. Clones share it.
///
/// A connection belongs to one set of each kind, and suffers from both.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    refuse: bool,
    frozen: bool,
    delay: Duration,
    cables: Vec<Weak<Shared>>,
}

impl Faults {
    /// Whether to refuse what is dialled from now on, as if nobody listened. What stands is left alone.
    pub fn refuse(&self, refuse: bool) {
        self.state().refuse = refuse;
    }

    /// Stops the flow of bytes, in connections that stand and in new ones, as if a process were stopped: connecting
    /// and writing go on until the backlog and the buffers are full, but nothing arrives, not even an end.
    pub fn freeze(&self) {
        self.state().frozen = true;
    }

    /// Lets bytes flow again.
    pub fn thaw(&self) {
        self.state().frozen = false;
        for cable in self.cables() {
            cable.wake();
        }
    }

    /// How long bytes that are written from now on take to arrive. Zero is at once.
    pub fn delay(&self, delay: Duration) {
        self.state().delay = delay;
    }

    /// Cuts all connections of the set that stand. Returns how many there were.
    pub fn cut(&self) -> usize {
        let cables = self.cables();
        for cable in &cables {
            cable.cut();
        }
        cables.len()
    }

    /// The connections of the set that stand, oldest first.
    pub fn cables(&self) -> Vec<Cable> {
        self.state().cables.iter().filter_map(Weak::upgrade).map(Cable::from).filter(Cable::stands).collect()
    }

    pub(super) fn refuses(&self) -> bool {
        self.state().refuse
    }

    pub(super) fn is_frozen(&self) -> bool {
        self.state().frozen
    }

    pub(super) fn delays(&self) -> Duration {
        self.state().delay
    }

    pub(super) fn watch(&self, cable: &Arc<Shared>) {
        let mut state = self.state();
        state.cables.retain(|known| known.strong_count() > 0);
        state.cables.push(Arc::downgrade(cable));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
