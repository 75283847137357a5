//! Who is told that the inner service may be ready.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// The waker that the inner service is given: it rings for the first in the line, and for who waits for room.
///
/// It has a lock of its own, since a service may wake while it is being polled. One is enough, because
/// whoever is woken passes on for all; when the one that it rang for leaves instead, it rings for the next.
#[derive(Default)]
pub(super) struct Bell(Mutex<Ropes>);

#[derive(Default)]
struct Ropes {
    line: BTreeMap<u64, Waker>,
    room: Option<Waker>,
}

impl Bell {
    /// Wakes the first in the line and who waits for room.
    pub(super) fn ring(&self) {
        let mut ropes = self.ropes();
        let first = ropes.line.pop_first();
        let room = ropes.room.take();
        drop(ropes);
        first.map(|(_, waker)| waker).into_iter().chain(room).for_each(Waker::wake);
    }

    /// Whoever has this place wants to be woken.
    pub(super) fn wait(&self, place: u64, waker: &Waker) {
        let mut ropes = self.ropes();
        match ropes.line.get_mut(&place) {
            Some(known) => known.clone_from(waker),
            None => drop(ropes.line.insert(place, waker.clone())),
        }
    }

    /// The waker of this place, which is not rung for any more.
    pub(super) fn take(&self, place: u64) -> Option<Waker> {
        self.ropes().line.remove(&place)
    }

    pub(super) fn wait_for_room(&self, waker: &Waker) {
        self.ropes().room = Some(waker.clone());
    }

    pub(super) fn take_room(&self) -> Option<Waker> {
        self.ropes().room.take()
    }

    fn ropes(&self) -> MutexGuard<'_, Ropes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}
