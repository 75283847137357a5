//! Connections to a peer: the innermost services of its stack.

use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use ipchannel_codec::{Ended, Wire, WireError};
use ipchannel_core::frame::{Fact, Origin, Presence, Refusal};
use ipchannel_core::link::{BeginError, Link};
use ipchannel_core::{Member, PeerId};
use ipchannel_transport::{BoxConnection, ConnectError, Transport};
use tower_service::Service;

use crate::process::NodeRef;

/// Why there is no connection to a peer right now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error("the channel is closed")]
    Closed,
    #[error("nobody holds the id {0}")]
    Nobody(PeerId),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Begin(#[from] BeginError),
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("the connection was used")]
    Used,
}

/// Makes connections to whoever holds a seat.
#[derive(Clone)]
pub(crate) struct Dialler(pub(crate) NodeRef);

impl Service<PeerId> for Dialler {
    type Response = Connection;
    type Error = DialError;
    type Future = BoxFuture<'static, Result<Connection, DialError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, id: PeerId) -> Self::Future {
        let node = self.0.clone();
        async move {
            let this = node.node().ok_or(DialError::Closed)?;
            if this.state().roster.get(id).is_none() {
                this.check(id);
            }
            let holder = this.state().roster.get(id).cloned();
            let member = holder.ok_or(DialError::Nobody(id))?;
            match this.transport.connect(&member.endpoint).await {
                Ok(io) => Ok(Connection { node, link_to: Some((io, member)) }),
                Err(error) => {
                    // Whom the roster names may be gone, or has moved.
                    this.check(id);
                    Err(error.into())
                }
            }
        }
        .boxed()
    }
}

/// One connection to one process, good for one run of the link.
pub(crate) struct Connection {
    node: NodeRef,
    link_to: Option<(BoxConnection, Member)>,
}

impl Service<Link> for Connection {
    type Response = Ended;
    type Error = DialError;
    type Future = BoxFuture<'static, Result<Ended, DialError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(self.link_to.as_ref().map(|_| ()).ok_or(DialError::Used))
    }

    /// Runs the link over this connection, to the end of the connection.
    fn call(&mut self, link: Link) -> Self::Future {
        let (node, to) = (self.node.node(), self.link_to.take());
        async move {
            let (Some(node), Some((io, member))) = (node, to) else { return Err(DialError::Used) };
            let me = node.me().ok_or(DialError::Closed)?;
            let dialling = link.begin(Origin::Member(me.peer), node.name.as_str(), &member)?;
            let ended = node.wire.connect(io, dialling).await;
            if let Err(WireError::Refused(refusal)) = &ended {
                tracing::debug!(to = ?member.peer, %refusal, "a peer refused our connection");
                match refusal {
                    // As good as a goodbye, which it could not say to us before.
                    Refusal::Leaving => node.learn(Fact { member, presence: Presence::Left }),
                    // Another process answers there: the claim tells whether this one is gone.
                    Refusal::Destination => drop(node.check(member.id())),
                    // Our own claim tells.
                    Refusal::Superseded(_) | Refusal::Unknown => node.work.notify_one(),
                    _ => {}
                }
            }
            Ok(ended?)
        }
        .boxed()
    }
}
