//! A call, from the request to its reply.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use ipchannel_core::layer::{Backoff, RetryLayer};
use ipchannel_core::{Envelope, Kind, Outcome, Payload, PeerRef, Reason, Target, Undelivered};
use tower::layer::Layer;
use tower::util::ServiceExt;
use tower_service::Service;

use crate::calls::Ended;
use crate::error::{Error, ErrorKind};
use crate::node::Node;
use crate::to::until;

impl Node {
    /// Sends a request, waits for room if it must, and waits for the reply.
    pub(crate) async fn call(self: &Arc<Self>, request: Envelope) -> Result<Payload, Error> {
        let retry = RetryLayer::new(turned_away, Backoff::default(), self.retries.clone());
        retry.layer(Caller(self.clone())).oneshot(request).await
    }

    async fn call_once(self: Arc<Self>, request: Envelope) -> Result<Payload, Error> {
        let deadline = request.deadline;
        let call = async {
            let (Target::Peer(to) | Target::Member(PeerRef { id: to, .. })) = request.target else {
                return Err(Error::new(ErrorKind::Config, "a call goes to one peer"));
            };
            let mut call = self.calls.open(to);
            let receipt = self.send_wait(Envelope { kind: Kind::Request(call.id), ..request }).await?;
            tokio::select! {
                // A reply says more than a receipt.
                biased;
                ended = &mut call.ended => return self.replied(ended.ok()),
                arrived = receipt => arrived?,
            }
            call.arrived();
            self.replied((&mut call.ended).await.ok())
        };
        tokio::select! {
            biased;
            result = call => result,
            () = until(deadline) => Err(Error::new(ErrorKind::Timeout, "no answer came before the deadline")),
        }
    }

    fn replied(&self, ended: Option<Ended>) -> Result<Payload, Error> {
        match ended {
            Some(Ended::Replied(Outcome::Answered, payload)) => Ok(payload),
            Some(Ended::Replied(Outcome::Failed, payload)) => {
                let text = self.codecs.decode::<String>(&payload);
                Err(Error::new(ErrorKind::Remote, text.unwrap_or_else(|_| "the handler failed".to_owned())))
            }
            Some(Ended::Replied(Outcome::Unhandled, _)) => {
                Err(Error::new(ErrorKind::Unhandled, "the peer has nobody who answers this call"))
            }
            Some(Ended::PeerGone(peer)) => Err(Undelivered::Unknown(Reason::PeerGone(peer)).into()),
            None => Err(Error::closed()),
        }
    }
}

/// Only what a layer turned away is called again: it certainly did not arrive, and may the next time. A process that
/// was replaced by another program must not have its requests answered by that.
fn turned_away(_: &Envelope, error: &Error) -> bool {
    matches!(error.undelivered(), Some(Undelivered::NotDelivered(Reason::Layer(_))))
}

/// Calls once.
#[derive(Clone)]
struct Caller(Arc<Node>);

impl Service<Envelope> for Caller {
    type Response = Payload;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Payload, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Envelope) -> Self::Future {
        self.0.clone().call_once(request).boxed()
    }
}
