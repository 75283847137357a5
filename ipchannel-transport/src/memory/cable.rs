use std::sync::Arc;
use std::time::Duration;

use super::connection::Connection;
use super::faults::Faults;
use super::pipe::Pipe;

/// One connection, seen from outside: to do harm to it.
#[derive(Clone, Debug)]
pub struct Cable(Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) there: Pipe,
    pub(super) back: Pipe,
    faults: [Faults; 2],
}

impl Shared {
    pub(super) fn is_frozen(&self) -> bool {
        self.faults.iter().any(Faults::is_frozen)
    }

    pub(super) fn delay(&self) -> Duration {
        self.faults.iter().map(Faults::delays).max().unwrap_or_default()
    }
}

impl Cable {
    /// The dialling and the accepting end of a new one.
    pub(super) fn lay(buffer: usize, faults: [Faults; 2]) -> (Connection, Connection) {
        let shared = Arc::new(Shared { there: Pipe::new(buffer), back: Pipe::new(buffer), faults });
        for faults in &shared.faults {
            faults.watch(&shared);
        }
        (Connection::dialled(shared.clone()), Connection::accepted(shared))
    }

    /// Cuts it: what is under way is lost, and both ends read and write errors from now on.
    pub fn cut(&self) {
        self.0.there.cut();
        self.0.back.cut();
    }

    /// Whether neither end was dropped and nobody has cut it.
    pub fn stands(&self) -> bool {
        self.0.there.stands()
    }

    pub(super) fn wake(&self) {
        self.0.there.wake();
        self.0.back.wake();
    }
}

impl From<Arc<Shared>> for Cable {
    fn from(shared: Arc<Shared>) -> Self {
        Cable(shared)
    }
}
