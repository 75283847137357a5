//! Requests that wait for their replies.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipchannel_core::{CallId, Outcome, Payload, PeerId};
use tokio::sync::oneshot;

/// How a call ended.
#[derive(Debug)]
pub(crate) enum Ended {
    Replied(Outcome, Payload),
    /// The process that had the request is gone; whether it did what was asked is not known.
    PeerGone(PeerId),
}

/// The calls of one channel that are under way. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Calls(Arc<Shared>);

#[derive(Default)]
struct Shared {
    last: AtomicU64,
    waiting: Mutex<HashMap<CallId, Waiting>>,
}

struct Waiting {
    to: PeerId,
    /// Whether the peer has the request: then its end is the end of the call.
    arrived: bool,
    reply: oneshot::Sender<Ended>,
}

/// One call under way. Dropping it gives it up: a late reply is ignored.
pub(crate) struct Call {
    calls: Calls,
    pub(crate) id: CallId,
    pub(crate) ended: oneshot::Receiver<Ended>,
}

impl Calls {
    pub(crate) fn open(&self, to: PeerId) -> Call {
        let id = CallId(self.0.last.fetch_add(1, Ordering::Relaxed) + 1);
        let (reply, ended) = oneshot::channel();
        self.waiting().insert(id, Waiting { to, arrived: false, reply });
        Call { calls: self.clone(), id, ended }
    }

    /// A reply came. It must come from whom we asked: nobody answers for another.
    pub(crate) fn reply(&self, from: PeerId, id: CallId, outcome: Outcome, payload: Payload) {
        let mut waiting = self.waiting();
        match waiting.remove(&id) {
            Some(call) if call.to == from => drop(call.reply.send(Ended::Replied(outcome, payload))),
            Some(call) => {
                tracing::warn!(%from, asked = %call.to, "a reply from a peer that was not asked is ignored");
                waiting.insert(id, call);
            }
            None => tracing::debug!(%from, "a reply came after its call was given up"),
        }
    }

    /// The holder of this seat is gone: what it was asked it will not answer.
    pub(crate) fn gone(&self, peer: PeerId) {
        for (_, call) in self.waiting().extract_if(|_, call| call.to == peer && call.arrived) {
            let _ = call.reply.send(Ended::PeerGone(peer));
        }
    }

    /// The channel is closed: nobody will hear a reply.
    pub(crate) fn clear(&self) {
        self.waiting().clear();
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<CallId, Waiting>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call {
    /// The peer has the request.
    pub(crate) fn arrived(&self) {
        if let Some(call) = self.calls.waiting().get_mut(&self.id) {
            call.arrived = true;
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.calls.waiting().remove(&self.id);
    }
}

#[cfg(test)]
#[path = "calls_tests.rs"]
mod tests;
