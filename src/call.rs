//! A call, from the request to its reply.

use std::sync::Arc;

use ipchannel_core::{Envelope, Kind, Outcome, Payload, Reason, Target, Undelivered};

use crate::calls::Ended;
use crate::error::{Error, ErrorKind};
use crate::node::Node;
use crate::to::until;

impl Node {
    /// Sends a request, waits for room if it must, and waits for the reply.
    pub(crate) async fn call(self: &Arc<Self>, request: Envelope) -> Result<Payload, Error> {
        let deadline = request.deadline;
        let call = async {
            let (Target::Peer(to) | Target::Member(ipchannel_core::PeerRef { id: to, .. })) = request.target else {
                return Err(Error::new(ErrorKind::Config, "a call goes to one peer"));
            };
            let mut call = self.calls.open(to);
            let receipt = self.send_wait(Envelope { kind: Kind::Request(call.id), ..request }).await?;
            tokio::select! {
                // A reply says more than a receipt.
                biased;
                ended = &mut call.ended => return reply(self, ended.ok()),
                arrived = receipt => arrived?,
            }
            call.arrived();
            reply(self, (&mut call.ended).await.ok())
        };
        tokio::select! {
            biased;
            result = call => result,
            () = until(deadline) => Err(Error::new(ErrorKind::Timeout, "no answer came before the deadline")),
        }
    }
}

fn reply(node: &Node, ended: Option<Ended>) -> Result<Payload, Error> {
    match ended {
        Some(Ended::Replied(Outcome::Answered, payload)) => Ok(payload),
        Some(Ended::Replied(Outcome::Failed, payload)) => {
            let text = node.codecs.decode::<String>(&payload);
            Err(Error::new(ErrorKind::Remote, text.unwrap_or_else(|_| "the handler failed".to_owned())))
        }
        Some(Ended::Replied(Outcome::Unhandled, _)) => {
            Err(Error::new(ErrorKind::Unhandled, "the peer has nobody who answers this call"))
        }
        Some(Ended::PeerGone(peer)) => Err(Undelivered::Unknown(Reason::PeerGone(peer)).into()),
        None => Err(Error::closed()),
    }
}
