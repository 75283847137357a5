//! The way out: one task for each seat that anything was ever sent to, with its outbox, its stack, its link and its connections.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use ipchannel_core::frame::Control;
use ipchannel_core::layer::{Backoff, Nudge, ReconnectLayer};
use ipchannel_core::link::{self, Link};
use ipchannel_core::router::{Outbox, peer_stack};
use ipchannel_core::{Envelope, Ledger, PeerId, PeerRef, Undelivered};
use tokio_util::task::TaskTracker;
use tower::ServiceExt;
use tower::layer::Layer;
use tower::layer::util::Identity;
use tower_service::Service;

use crate::config::Config;
use crate::dial::{DialError, Dialler};
use crate::process::NodeRef;
use crate::tasks::Tasks;

/// How long to wait between attempts to connect: news of the peer cuts it short.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(250));

/// The peers of one channel, by seat.
pub(crate) struct Outgoing {
    node: NodeRef,
    tasks: Tasks,
    ledger: ipchannel_core::Limits,
    link: link::Policy,
    peers: Mutex<HashMap<PeerId, Peer>>,
    /// The connections that stand, and the outboxes that are not done: to be waited for at the end.
    connections: TaskTracker,
    outboxes: TaskTracker,
    /// What the outboxes handed back.
    left: Arc<Mutex<Vec<(Envelope, Undelivered)>>>,
}

struct Peer {
    link: Link,
    nudge: Nudge,
    ledger: Ledger,
    drive: Drive,
}

/// The future of a peer's task, shared so that the end of the channel can run it one last time.
type Drive = Arc<Mutex<BoxFuture<'static, ()>>>;

impl Outgoing {
    pub(crate) fn new(node: NodeRef, tasks: Tasks, config: &Config) -> Self {
        let link = link::Policy { idle: config.idle };
        Outgoing {
            node,
            tasks,
            ledger: config.outgoing,
            link,
            peers: Mutex::default(),
            connections: TaskTracker::new(),
            outboxes: TaskTracker::new(),
            left: Arc::default(),
        }
    }

    /// Makes the way to a seat and starts its task.
    pub(crate) fn open(&self, id: PeerId) -> Outbox {
        let ledger = Ledger::new(self.ledger);
        let link = Link::new(Arc::new(self.node.clone()), self.link, ledger.clone());
        let stack = peer_stack(link.clone(), Identity::new(), self.ledger.messages);
        let (outbox, driver) = Outbox::new(stack, ledger.clone());
        let nudge = Nudge::new();
        let left = self.left.clone();
        let outbox_done = self.outboxes.track_future(driver.map(move |rest| lock(&left).extend(rest)));
        let connections = connect(self.node.clone(), id, link.clone(), nudge.clone(), self.connections.clone());
        let timers = link.clone();
        // One task for all three: what the first hands on, the second sees in the same turn.
        let task = async move { futures_util::join!(outbox_done, connections, async move { timers.timers().await }) };
        let drive = Arc::new(Mutex::new(task.map(drop).boxed()));
        self.peers().insert(id, Peer { link, nudge, ledger, drive: drive.clone() });
        self.tasks.spawn(poll_fn(move |cx| lock(&drive).as_mut().poll(cx)));
        outbox
    }

    /// Says something about the channel to a peer, if there is a way to it.
    pub(crate) fn tell(&self, id: PeerId, control: Control) {
        self.with(id, |peer| peer.link.control(control));
    }

    /// Says it to all that a connection is kept to.
    pub(crate) fn tell_all(&self, control: &Control) {
        for peer in self.peers().values().filter(|peer| peer.link.is_connected()) {
            peer.link.control(control.clone());
        }
    }

    /// A process is gone.
    pub(crate) fn gone(&self, gone: PeerRef) {
        let now = tokio::time::Instant::now().into_std();
        self.with(gone.id, |peer| {
            peer.link.pin(false);
            peer.link.gone(now, gone.incarnation);
        });
    }

    /// Somebody holds this seat now: whatever waits for it need wait no longer.
    pub(crate) fn joined(&self, id: PeerId) {
        self.with(id, |peer| peer.nudge.try_now());
    }

    pub(crate) fn greet(&self, id: PeerId) {
        self.with(id, |peer| peer.link.greet());
    }

    pub(crate) fn pin(&self, id: PeerId) {
        self.with(id, |peer| peer.link.pin(true));
    }

    pub(crate) fn unpin_all(&self) {
        self.peers().values().for_each(|peer| peer.link.pin(false));
    }

    /// We have another id now: connects anew under that.
    pub(crate) fn restart(&self) {
        self.peers().values().for_each(|peer| peer.link.restart());
    }

    /// Waits until nothing is under way to anybody.
    pub(crate) async fn flushed(&self) {
        let ledgers: Vec<Ledger> = self.peers().values().map(|peer| peer.ledger.clone()).collect();
        for ledger in ledgers {
            ledger.settled().await;
        }
    }

    /// Says goodbye to every peer, once all is settled.
    pub(crate) fn shutdown(&self) {
        self.peers().values().for_each(|peer| peer.link.shutdown());
    }

    /// Waits until no connection stands.
    pub(crate) async fn disconnected(&self) {
        self.connections.close();
        self.connections.wait().await;
    }

    /// Takes back what no link has accepted. Only after the router has given up.
    pub(crate) async fn take_unsent(&self) -> Vec<(Envelope, Undelivered)> {
        self.outboxes.close();
        self.outboxes.wait().await;
        std::mem::take(&mut *lock(&self.left))
    }

    /// Takes back what is not acknowledged.
    pub(crate) fn take_unacknowledged(&self) -> Vec<(Envelope, Undelivered)> {
        self.peers().values().flat_map(|peer| peer.link.drain()).collect()
    }

    /// Writes what can be written without waiting, and counts what is not acknowledged.
    pub(crate) fn write_once(&self) -> usize {
        let peers: Vec<_> = self.peers().values().map(|peer| (peer.drive.clone(), peer.ledger.clone())).collect();
        let mut unsettled = 0;
        for (drive, ledger) in peers {
            // Taken when this very task is what ends the channel.
            if let Ok(mut drive) = drive.try_lock() {
                let _ = drive.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            }
            unsettled += ledger.unsettled();
        }
        unsettled
    }

    /// Forgets all peers, and with them their futures.
    pub(crate) fn clear(&self) {
        let peers = std::mem::take(&mut *self.peers());
        drop(peers);
    }

    fn with(&self, id: PeerId, f: impl FnOnce(&Peer)) {
        if let Some(peer) = self.peers().get(&id) {
            f(peer);
        }
    }

    fn peers(&self) -> MutexGuard<'_, HashMap<PeerId, Peer>> {
        lock(&self.peers)
    }
}

/// Connects the link whenever it has a reason to be connected.
async fn connect(node: NodeRef, id: PeerId, link: Link, nudge: Nudge, connections: TaskTracker) {
    let backoff = Backoff::new(BACKOFF.0, BACKOFF.1);
    let mut connection = ReconnectLayer::new(id, backoff, |error: &DialError| matches!(error, DialError::Closed))
        .nudged_by(&nudge)
        .layer(Dialler(node));
    loop {
        link.wanted().await;
        let Ok(ready) = ServiceExt::<Link>::ready(&mut connection).await else { return };
        if let Err(error) = connections.track_future(ready.call(link.clone())).await {
            tracing::debug!(%error, peer = %id, "a connection ended");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
