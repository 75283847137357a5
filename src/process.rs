//! The process as its links see it.

use std::collections::hash_map::Entry;
use std::sync::{Arc, Weak};
use std::time::Instant;

use ipchannel_core::frame::{Control, Fact, Origin, Presence, Refusal};
use ipchannel_core::link::{Delivery, Process};
use ipchannel_core::router::Members;
use ipchannel_core::{CallId, Envelope, Kind, Lineage, Outcome, PeerId, PeerRef, SendError, Target};
use ipchannel_election::machine::Heard;

use crate::inbox::{Answered, Replies};
use crate::node::Node;

/// The event of replies; they are known by their call and not by it.
const REPLY: &str = "reply";

/// The node, without keeping it alive: what it owns refers to it by this.
#[derive(Clone)]
pub(crate) struct NodeRef(pub(crate) Weak<Node>);

impl NodeRef {
    pub(crate) fn node(&self) -> Option<Arc<Node>> {
        self.0.upgrade()
    }
}

impl Process for NodeRef {
    fn me(&self) -> Option<PeerRef> {
        Some(self.node()?.state().me.as_ref()?.peer)
    }

    fn admit(&self, origin: Origin) -> Result<(), Refusal> {
        let node = self.node().ok_or(Refusal::Leaving)?;
        let Origin::Member(peer) = origin else { return Ok(()) };
        if node.state().roster.holder(peer).is_some() {
            return Ok(());
        }
        // Whoever holds the claim may send: also one that the roster has not heard of, or that has said goodbye and
        // is still handing over its last messages.
        match node.check(peer.id) {
            Some(claim) if claim.holder.peer == peer && claim.liveness.is_held() => Ok(()),
            Some(claim) if claim.holder.peer.incarnation > peer.incarnation => {
                Err(Refusal::Superseded(claim.holder.peer.incarnation))
            }
            _ => Err(Refusal::Unknown),
        }
    }

    fn connected(&self, peer: Origin, dialled: bool) {
        let (Some(node), Origin::Member(peer)) = (self.node(), peer) else { return };
        if dialled {
            node.introduce(peer);
        } else {
            *node.state().callers.entry(peer).or_default() += 1;
        }
    }

    fn control(&self, peer: Origin, control: Control) -> Option<Control> {
        let (node, Origin::Member(peer)) = (self.node()?, peer) else { return None };
        node.hear(peer, control)
    }

    fn deliver(&self, delivery: Delivery) {
        let Some(node) = self.node() else { return };
        match (delivery.envelope.kind, delivery.from) {
            (Kind::Reply(call, outcome), Origin::Member(from)) => {
                node.calls.reply(from.id, call, outcome, delivery.envelope.payload.clone());
            }
            (Kind::Reply(..), Origin::Guest(_)) => {}
            _ => node.inbox.deliver(delivery),
        }
    }

    fn leaving(&self, peer: Origin) {
        let (Some(node), Origin::Member(peer)) = (self.node(), peer) else { return };
        let member = node.state().roster.holder(peer).cloned();
        if let Some(member) = member {
            node.learn(Fact { member, presence: Presence::Left });
        }
    }

    fn disconnected(&self, peer: Origin, dialled: bool) {
        let (Some(node), Origin::Member(peer)) = (self.node(), peer) else { return };
        let mut state = node.state();
        if !dialled {
            if let Entry::Occupied(mut callers) = state.callers.entry(peer) {
                *callers.get_mut() -= 1;
                if *callers.get() == 0 {
                    callers.remove();
                }
            }
            state.election.handle_disconnected(tokio::time::Instant::now().into_std(), peer);
        }
        // It may have ended: its claim will tell.
        state.suspects.insert(peer.id);
        drop(state);
        node.work.notify_one();
    }
}

impl Node {
    /// A connection of ours to a peer stands: who hosts says so first.
    fn introduce(&self, peer: PeerRef) {
        let state = self.state();
        let Some((term, me)) = state.election.hosting().zip(state.me.as_ref()) else { return };
        let roster = Control::Roster { term, host: me.peer, facts: state.roster.facts().cloned().collect() };
        // Under the lock, as whatever is told after this.
        self.outgoing.tell(peer.id, roster);
    }

    fn hear(&self, peer: PeerRef, control: Control) -> Option<Control> {
        let now = tokio::time::Instant::now().into_std();
        let (term, host, facts) = match control {
            Control::Roster { term, host, facts } => (term, host, facts),
            Control::Beat { term, host } => (term, host, Vec::new()),
            Control::Superseded { term, .. } => {
                self.state().election.handle_superseded(now, term);
                self.work.notify_one();
                return None;
            }
        };
        // Nobody hosts in the name of another.
        let heard = if host == peer { self.state().election.handle_heard(now, term, host) } else { Heard::Ignored };
        self.work.notify_one();
        match heard {
            Heard::Accepted => {
                facts.into_iter().for_each(|fact| self.learn(fact));
                None
            }
            Heard::Superseded { term, host } => Some(Control::Superseded { term, host }),
            Heard::Ignored => None,
        }
    }
}

impl Members for NodeRef {
    fn me(&self) -> Option<PeerId> {
        Some(self.node()?.state().me.as_ref()?.id())
    }

    fn members(&self) -> Vec<(PeerId, Lineage)> {
        let Some(node) = self.node() else { return Vec::new() };
        let state = node.state();
        state.roster.members().map(|member| (member.id(), member.lineage.clone())).collect()
    }

    fn lineage(&self, seat: PeerId) -> Option<Lineage> {
        Some(self.node()?.state().roster.get(seat)?.lineage.clone())
    }
}

impl Replies for NodeRef {
    fn reply(&self, to: Origin, call: CallId, outcome: Outcome, answered: Answered, deadline: Option<Instant>) {
        let (Some(node), Origin::Member(peer)) = (self.node(), to) else { return };
        let payload = match answered {
            Ok(payload) => payload,
            Err(text) => match node.codecs.encode(node.codec, &text) {
                Ok(payload) => payload,
                Err(error) => return tracing::error!(%error, "a failure cannot be told to its caller"),
            },
        };
        let too_large = node.config.max_message;
        let mut reply = Envelope {
            kind: Kind::Reply(call, outcome),
            deadline,
            ..Envelope::new(Target::Member(peer), REPLY, payload)
        };
        if reply.size() > too_large {
            let text = format!("the answer has {} bytes, and the limit is {too_large}", reply.size());
            let Ok(payload) = node.codecs.encode(node.codec, &text) else { return };
            reply = Envelope { kind: Kind::Reply(call, Outcome::Failed), payload, ..reply };
        }
        if let Err((error, reply)) = node.router.try_send(reply) {
            if error != SendError::Full {
                return tracing::warn!(%error, "a reply was not sent");
            }
            let router = node.router.clone();
            // A reply is never dropped for want of room.
            node.tasks.spawn(async move {
                if let Err((error, _)) = router.send_wait(reply).await {
                    tracing::warn!(%error, "a reply was not sent");
                }
            });
        }
    }
}
