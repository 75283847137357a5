//! The way in: accepts connections and runs the receiving ends of their links.

use std::sync::Arc;
use std::time::Duration;

use ipchannel_codec::{Ended, Wire, WireError};
use ipchannel_core::Endpoint;
use ipchannel_transport::{BoxConnection, BoxListener, ConnectError, Listener, Place, Transport};
use tokio_util::sync::CancellationToken;

use crate::node::Node;

/// How long to wait before binding again after that failed.
const RETRY: Duration = Duration::from_millis(100);

/// Where this process listens. The place is its own for as long as the channel is open.
pub(crate) struct Listening {
    place: Place,
    endpoint: Endpoint,
    accepting: Accepting,
}

impl Listening {
    /// Listens, and goes on trying while it cannot.
    pub(crate) async fn open(node: &Arc<Node>, place: Place) -> Listening {
        loop {
            match node.transport.bind(&place).await {
                Ok(listener) => {
                    let endpoint = listener.endpoint().clone();
                    let accepting = Accepting::start(node, listener);
                    return Listening { place, endpoint, accepting };
                }
                Err(error) => {
                    node.trouble(&error);
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether nothing is accepted any more.
    pub(crate) fn is_broken(&self) -> bool {
        self.accepting.ended.is_cancelled()
    }

    /// Listens anew at the same place if nobody can reach us there any more: it was deleted, or the listener broke.
    pub(crate) async fn mend(&mut self, node: &Arc<Node>) {
        let reached = node.transport.connect(&self.endpoint).await;
        if !matches!(reached, Err(ConnectError::Nobody { .. })) {
            return;
        }
        match node.transport.bind(&self.place).await {
            Ok(listener) => self.accepting = Accepting::start(node, listener),
            Err(error) => node.trouble(&error),
        }
    }
}

/// The accepting of one listener; dropped, it ends.
struct Accepting {
    stop: CancellationToken,
    ended: CancellationToken,
}

impl Accepting {
    fn start(node: &Arc<Node>, listener: BoxListener) -> Self {
        let (stop, ended) = (CancellationToken::new(), CancellationToken::new());
        let (stopped, this, end) = (stop.clone(), node.clone(), ended.clone().drop_guard());
        node.tasks.spawn(async move {
            let _end = end;
            stopped.run_until_cancelled(accept(this, listener)).await;
        });
        Accepting { stop, ended }
    }
}

impl Drop for Accepting {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Accepts until the listener breaks.
async fn accept(node: Arc<Node>, mut listener: BoxListener) {
    loop {
        match listener.accept().await {
            Ok(io) => serve(&node, io),
            Err(error) => return node.trouble(&error),
        }
    }
}

/// Runs one connection that was accepted, in a task of its own.
fn serve(node: &Arc<Node>, io: BoxConnection) {
    let Ok(permit) = node.connections.clone().try_acquire_owned() else {
        // Closed at once: whoever dialled tries again after a while.
        tracing::warn!(limit = node.config.max_connections, "too many connections; one more was turned away");
        return;
    };
    let this = node.clone();
    let run = async move {
        let _permit = permit;
        match this.wire.accept(io, &this.inlets).await {
            Ok(Ended::Refused(refusal)) => tracing::debug!(%refusal, "refused a connection"),
            Ok(_) => {}
            Err(WireError::Io(error)) => tracing::debug!(%error, "a connection ended"),
            Err(error) => tracing::warn!(%error, "a connection broke the rules and was ended"),
        }
    };
    node.tasks.spawn(node.served.track_future(run));
}
