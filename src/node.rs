//! One process on one channel: what all its tasks share, and what it knows.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipchannel_codec::{BoxWire, Codecs};
use ipchannel_core::frame::{Control, Fact, Presence};
use ipchannel_core::layer::RetryBudget;
use ipchannel_core::link::Inlets;
use ipchannel_core::router::{Broadcast, Delivery, Router};
use ipchannel_core::{Change, CodecId, Envelope, Member, PeerId, PeerRef, Receipt, Roster, SendError, Term};
use ipchannel_election::claims::{Claim, Claims, Held, Name as ClaimName};
use ipchannel_election::machine::Election;
use ipchannel_transport::BoxTransport;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::calls::Calls;
use crate::config::Config;
use crate::error::{Error, ErrorKind, with_causes};
use crate::event::{Event, EventSender};
use crate::inbox::Inbox;
use crate::name::Name;
use crate::outgoing::Outgoing;
use crate::tasks::Tasks;

/// Everything the tasks of one channel share.
pub(crate) struct Node {
    pub(crate) name: Name,
    pub(crate) config: Config,
    pub(crate) codecs: Arc<Codecs>,
    pub(crate) codec: CodecId,
    pub(crate) wire: BoxWire,
    pub(crate) transport: BoxTransport,
    pub(crate) claims: Arc<dyn Claims>,
    pub(crate) tasks: Tasks,
    pub(crate) events: EventSender,
    pub(crate) inbox: Inbox,
    pub(crate) calls: Calls,
    /// How many calls may be made again: for all peers together.
    pub(crate) retries: RetryBudget,
    pub(crate) inlets: Inlets,
    pub(crate) router: Router,
    pub(crate) outgoing: Arc<Outgoing>,
    /// How many more connections may be served.
    pub(crate) connections: Arc<Semaphore>,
    /// The connections that are served: to be waited for at the end.
    pub(crate) served: TaskTracker,
    /// Whether the end has begun.
    pub(crate) closing: AtomicBool,
    pub(crate) phase: watch::Sender<Phase>,
    /// Told when the membership driver has something to do.
    pub(crate) work: Notify,
    pub(crate) state: Mutex<State>,
}

/// How far a channel has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    Joining,
    Connected(PeerId),
    IdentityHeld(String),
    Closed,
}

/// What this process knows of itself and the others.
pub(crate) struct State {
    pub(crate) me: Option<Member>,
    pub(crate) roster: Roster,
    pub(crate) election: Election,
    /// Our claims. The seat is the last thing to be given up.
    pub(crate) seat: Option<Box<dyn Held>>,
    pub(crate) hosting: Option<Box<dyn Held>>,
    /// Seats whose claims are to be looked at.
    pub(crate) suspects: BTreeSet<PeerId>,
    /// How many connections each process has to us.
    pub(crate) callers: HashMap<PeerRef, usize>,
}

impl Node {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn me(&self) -> Option<Member> {
        self.state().me.clone()
    }

    pub(crate) fn id(&self) -> Option<PeerId> {
        match *self.phase.borrow() {
            Phase::Connected(id) => Some(id),
            _ => None,
        }
    }

    pub(crate) async fn ready(&self) -> Result<PeerId, Error> {
        let mut phase = self.phase.subscribe();
        let phase = phase.wait_for(|phase| *phase != Phase::Joining).await.map_err(|_| Error::closed())?;
        match &*phase {
            Phase::Connected(id) => Ok(*id),
            Phase::IdentityHeld(text) => Err(Error::new(ErrorKind::Identity, text)),
            Phase::Joining | Phase::Closed => Err(Error::closed()),
        }
    }

    pub(crate) fn host(&self) -> Option<(PeerId, Term)> {
        self.state().election.host().map(|(term, host)| (host.id, term))
    }

    pub(crate) fn members(&self) -> Vec<Member> {
        self.state().roster.members().cloned().collect()
    }

    pub(crate) fn check_size(&self, envelope: &Envelope) -> Result<(), Error> {
        let (size, limit) = (envelope.size(), self.config.max_message);
        if size > limit { Err(SendError::TooLarge { size, limit }.into()) } else { Ok(()) }
    }

    /// What is sent once the end has begun would keep the end from coming. Only handlers may still send: what they were
    /// called with came before.
    fn check_open(&self) -> Result<(), Error> {
        let closing = self.closing.load(Ordering::Acquire) && !crate::inbox::inside_handler();
        if closing { Err(Error::closed()) } else { Ok(()) }
    }

    /// Sends to one peer, without waiting.
    pub(crate) fn try_send(&self, envelope: Envelope) -> Result<Receipt, Error> {
        self.check_open()?;
        match self.router.try_send(envelope) {
            Ok(Delivery::One(receipt)) => Ok(receipt),
            Ok(Delivery::Many(_)) => unreachable!("a message to one peer has one receipt"),
            Err((error, _)) => Err(error.into()),
        }
    }

    /// Sends to one peer, and waits for room.
    pub(crate) async fn send_wait(&self, envelope: Envelope) -> Result<Receipt, Error> {
        self.check_open()?;
        match self.router.send_wait(envelope).await {
            Ok(Delivery::One(receipt)) => Ok(receipt),
            Ok(Delivery::Many(_)) => unreachable!("a message to one peer has one receipt"),
            Err((error, _)) => Err(error.into()),
        }
    }

    /// Sends to many, without waiting.
    pub(crate) fn broadcast(&self, envelope: Envelope) -> Result<Broadcast, Error> {
        self.check_open()?;
        match self.router.try_send(envelope) {
            Ok(Delivery::Many(broadcast)) => Ok(broadcast),
            Ok(Delivery::One(_)) => unreachable!("a message to many has many receipts"),
            Err((error, _)) => Err(error.into()),
        }
    }

    /// Opens a connection to this peer and keeps it, as the host does to all.
    pub(crate) fn keep_connected(&self, id: PeerId) {
        if self.router.outbox(id).is_some() {
            self.outgoing.pin(id);
        }
    }

    /// Whether this process has a connection to us.
    pub(crate) fn hears(&self, peer: PeerRef) -> bool {
        self.state().callers.contains_key(&peer)
    }

    /// Takes in what was said or seen about a seat, and does what follows from it.
    pub(crate) fn learn(&self, fact: Fact) {
        let mut state = self.state();
        // Nobody tells us about our own seat: our claim does.
        let own = |me: &Member| me.id() == fact.member.id();
        if state.me.as_ref().is_some_and(|me| own(me) && (me.peer, Presence::Here) != (fact.member.peer, fact.presence))
        {
            return;
        }
        let Some(change) = state.roster.merge(fact) else { return };
        self.follow_up(state, change);
    }

    /// The claim on a seat shows who holds it.
    pub(crate) fn learn_claim(&self, claim: Claim) {
        let presence = if claim.liveness.is_held() { Presence::Here } else { Presence::Died };
        self.learn(Fact { member: claim.holder, presence });
    }

    /// Looks at the claim on a seat: the claims are the truth.
    pub(crate) fn check(&self, id: PeerId) -> Option<Claim> {
        match self.claims.look(ClaimName::Seat(id)) {
            Ok(claim) => {
                // Where there is none it was never claimed, or the directory was deleted: nothing follows from that.
                claim.iter().cloned().for_each(|claim| self.learn_claim(claim));
                claim
            }
            Err(error) => {
                self.trouble(&error);
                None
            }
        }
    }

    fn follow_up(&self, mut state: MutexGuard<'_, State>, change: Change) {
        let now = Instant::now().into_std();
        let host = state.election.host().map(|(_, host)| host);
        if let Some(me) = state.me.as_ref().map(Member::id) {
            let rank = state.roster.rank(me, host);
            state.election.handle_rank(rank);
        }
        let (gone, joined) = match &change {
            Change::Joined(member) => (None, Some(member)),
            Change::Left(member, _) => (Some(member), None),
            Change::Replaced { old, new } => (Some(old), Some(new)),
        };
        if let Some(gone) = gone {
            state.election.handle_disconnected(now, gone.peer);
        }
        let news = [gone, joined].into_iter().flatten().filter_map(|member| state.roster.fact(member.id()).cloned());
        let push = state.election.hosting().zip(state.me.as_ref()).map(|(term, me)| Control::Roster {
            term,
            host: me.peer,
            facts: news.collect(),
        });
        // All of it under the lock: nobody is told what was before after what is now, and nothing goes to a successor
        // before its predecessor is known to be gone.
        if let Some(push) = push {
            self.outgoing.tell_all(&push);
        }
        if let Some(gone) = gone {
            self.outgoing.gone(gone.peer);
            self.calls.gone(gone.id());
        }
        let ourselves = joined.is_some_and(|joined| state.me.as_ref().is_some_and(|me| me.peer == joined.peer));
        let newcomer = joined.map(Member::id).filter(|_| !ourselves);
        if let Some(id) = newcomer {
            self.outgoing.joined(id);
        }
        let hosting = state.election.hosting().is_some();
        if !ourselves {
            events(change).into_iter().for_each(|event| self.events.send(event));
        }
        drop(state);
        self.work.notify_one();
        if let Some(id) = newcomer.filter(|_| hosting) {
            self.keep_connected(id);
        }
    }

    /// Something went wrong that will be tried again.
    pub(crate) fn trouble(&self, error: &dyn std::error::Error) {
        let text = with_causes(error);
        tracing::warn!(error = %text, "the channel has trouble");
        self.events.send(Event::Trouble { error: text.into() });
    }
}

fn events(change: Change) -> Vec<Event> {
    match change {
        Change::Joined(member) => vec![Event::Joined(member)],
        Change::Left(member, presence) => vec![Event::Left { member, presence }],
        Change::Replaced { old, new } => {
            vec![Event::Left { member: old, presence: Presence::Died }, Event::Joined(new)]
        }
    }
}
