//! The driver of this process's membership: takes a seat, follows or becomes the host, and mends what breaks.

use std::sync::Arc;
use std::time::Duration;

use ipchannel_codec::Wire;
use ipchannel_core::frame::{Control, Fact, Origin, Presence};
use ipchannel_core::link::Probe;
use ipchannel_core::{Incarnation, Member, PeerRef, Term};
use ipchannel_election::claims::{Claim, ClaimError, Name, Standing, Taken};
use ipchannel_election::machine::{Action, HostView};
use ipchannel_transport::{Place, Transport};
use tokio::time::Instant;

use crate::event::{Disconnected, Event};
use crate::listening::Listening;
use crate::node::{Node, Phase, State};
use crate::seat::Seats;

/// How long to wait before claims that could not be read are tried again.
const RETRY: Duration = Duration::from_millis(100);

/// For how many beats the way in is looked after once the directory was deleted: who deletes it may not be done yet.
const WATCHFUL: u32 = 10;

/// How many beats lie between two sweeps of what dead processes left.
const SWEEP: u32 = 30;

pub(crate) struct Membership {
    node: Arc<Node>,
    seats: Seats,
    listening: Listening,
    checked: Instant,
    beats: u32,
    watchful: u32,
}

impl Membership {
    /// Goes on until the channel ends, or until the identity it must have turns out to be held.
    pub(crate) async fn run(node: Arc<Node>, seats: Seats, place: Place) {
        let listening = Listening::open(&node, place).await;
        let mut this = Membership { node, seats, listening, checked: Instant::now(), beats: 0, watchful: 0 };
        if this.take_seat().await {
            this.go_on().await;
        }
    }

    async fn go_on(&mut self) {
        loop {
            self.act();
            self.announce_connected();
            let node = self.node.clone();
            let timeout = node.state().election.poll_timeout();
            tokio::select! {
                () = node.work.notified() => {}
                () = crate::to::until(timeout) => {
                    let now = Instant::now().into_std();
                    node.state().election.handle_timeout(now);
                }
            }
            self.check_suspects();
            // No timer of its own: the beats of the host wake it often enough.
            if self.checked.elapsed() >= node.config.beat {
                self.checked = Instant::now();
                if !self.mend().await {
                    return;
                }
            }
        }
    }

    /// `false`: there is none to be had.
    async fn take_seat(&mut self) -> bool {
        let Some((member, held)) = self.seats.take(&self.node, self.listening.endpoint()).await else { return false };
        tracing::info!(id = %member.id(), incarnation = member.peer.incarnation.0, "took a seat");
        {
            let mut state = self.node.state();
            state.me = Some(member.clone());
            state.seat = Some(held);
        }
        self.sit(member);
        true
    }

    /// Begins, or begins anew, as this member.
    fn sit(&self, member: Member) {
        let (me, now) = (member.peer, Instant::now().into_std());
        // What was sent and received under another id or incarnation is nothing that peers could go on from.
        self.node.inlets.restart();
        self.node.outgoing.restart();
        self.node.learn(Fact { member, presence: Presence::Here });
        self.learn_all();
        let mut state = self.node.state();
        let rank = state.roster.rank(me.id, None);
        state.election.handle_seated(now, me, rank);
    }

    /// Who holds a seat is here, whether or not the host knows it yet.
    fn learn_all(&self) {
        match self.node.claims.look_all() {
            Ok(claims) => {
                let seats = claims.into_iter().filter(|claim| matches!(claim.name, Name::Seat(_)));
                seats.for_each(|claim| self.node.learn_claim(claim));
            }
            Err(error) => self.node.trouble(&error),
        }
    }

    fn announce_connected(&self) {
        let (host, me) = {
            let state = self.node.state();
            (state.election.host(), state.me.as_ref().map(Member::id))
        };
        let (Some(_), Some(id)) = (host, me) else { return };
        let connected = Phase::Connected(id);
        if self.node.phase.send_if_modified(|phase| {
            *phase == Phase::Joining && {
                *phase = connected;
                true
            }
        }) {
            self.node.router.open();
            self.node.events.send(Event::Connected { id });
        }
    }

    /// Does what the election asks for.
    fn act(&mut self) {
        loop {
            let action = self.node.state().election.poll_action();
            let Some(action) = action else { return };
            tracing::trace!(?action, "election");
            match action {
                Action::Look => self.look(),
                Action::Take { depose } => self.take(depose),
                Action::Probe { host } => self.probe(host),
                Action::Announce { term } => self.announce(term),
                Action::Beat { term } => self.beat(term),
                Action::Follow { term, host } => self.follow(term, host),
                Action::Lost { term } => self.lost(term),
            }
        }
    }

    fn look(&self) {
        self.restore_hosting();
        match self.node.claims.look(Name::Host) {
            Ok(claim) => {
                let now = Instant::now().into_std();
                self.node.state().election.handle_look(now, claim.as_ref().map(view));
            }
            Err(error) => self.look_later(error),
        }
    }

    /// A look that failed is no outcome: looks again until one succeeds, while everything else goes on.
    fn look_later(&self, error: ClaimError) {
        self.node.trouble(&error);
        let node = self.node.clone();
        self.node.tasks.spawn(async move {
            let claim = loop {
                tokio::time::sleep(RETRY).await;
                if let Ok(claim) = node.claims.look(Name::Host) {
                    break claim;
                }
            };
            node.state().election.handle_look(Instant::now().into_std(), claim.as_ref().map(view));
            node.work.notify_one();
        });
    }

    fn take(&self, depose: Option<Term>) {
        let Some(me) = self.node.me() else { return };
        let taken = self.node.claims.take(Name::Host, depose.map(|term| term.0), &|_| me.clone());
        let held = match taken {
            Ok(Taken::Won(held)) => Some(held),
            Ok(Taken::Lost) => None,
            Err(error) => {
                self.node.trouble(&error);
                None
            }
        };
        let term = held.as_ref().map(|held| Term(held.number()));
        let mut state = self.node.state();
        state.hosting = held;
        state.election.handle_take(Instant::now().into_std(), term);
    }

    /// Dials the host anew: a live one answers.
    fn probe(&self, host: PeerRef) {
        let node = self.node.clone();
        self.node.tasks.spawn(async move {
            let answer = tokio::time::timeout(node.config.host_limit, answers(&node, host)).await;
            let now = Instant::now().into_std();
            let mut state = node.state();
            match answer {
                Ok(true) => state.election.handle_alive(now, host),
                _ => state.election.handle_disconnected(now, host),
            }
            drop(state);
            node.work.notify_one();
        });
    }

    fn announce(&self, term: Term) {
        self.learn_all();
        let Some(me) = self.node.me() else { return };
        tracing::info!(%term, id = %me.id(), "hosting");
        self.node.events.send(Event::HostGained { term });
        self.node.events.send(Event::HostChanged { host: me.id(), term });
        for member in self.node.members() {
            if member.peer != me.peer {
                self.node.keep_connected(member.id());
            }
        }
        let facts = self.node.state().roster.facts().cloned().collect();
        self.node.outgoing.tell_all(&Control::Roster { term, host: me.peer, facts });
    }

    fn beat(&mut self, term: Term) {
        let Some(me) = self.node.me() else { return };
        self.node.outgoing.tell_all(&Control::Beat { term, host: me.peer });
        self.beats += 1;
        if self.beats.is_multiple_of(SWEEP)
            && let Err(error) = self.node.claims.sweep()
        {
            self.node.trouble(&error);
        }
    }

    fn follow(&self, term: Term, host: PeerRef) {
        self.node.outgoing.unpin_all();
        self.node.events.send(Event::HostChanged { host: host.id, term });
        // A host that took over has been told of us, or sees our claim. One that we found may not know us yet.
        if *self.node.phase.borrow() == Phase::Joining {
            self.greet(host);
        }
    }

    /// Makes sure that the host knows us.
    fn greet(&self, host: PeerRef) {
        self.node.check(host.id);
        if !self.node.hears(host) && self.node.router.outbox(host.id).is_some() {
            self.node.outgoing.greet(host.id);
        }
    }

    fn lost(&self, term: Term) {
        let held = self.node.state().hosting.take_if(|held| held.number() == term.0);
        drop(held);
        self.node.outgoing.unpin_all();
        tracing::info!(%term, "hosting no longer");
        self.node.events.send(Event::HostLost { term });
    }

    /// A connection with them ended, or they were not where they should be.
    fn check_suspects(&self) {
        loop {
            let Some(id) = self.node.state().suspects.pop_first() else { return };
            self.node.check(id);
        }
    }

    /// Looks after what a deletion of the directory takes away, and after a host that does not know us. `false`: there is
    /// no seat to be had any more.
    async fn mend(&mut self) -> bool {
        let standing = self.node.state().seat.as_ref().map(|seat| seat.standing());
        match standing {
            Some(Ok(Standing::Gone)) => {
                self.restore_seat();
                self.watchful = WATCHFUL;
            }
            Some(Ok(Standing::Contested(_))) => self.renew_seat(),
            Some(Ok(Standing::Superseded(_))) => return self.lose_seat().await,
            Some(Ok(Standing::Intact)) | None => {}
            Some(Err(error)) => self.node.trouble(&error),
        }
        if self.watchful > 0 || self.listening.is_broken() {
            self.watchful = self.watchful.saturating_sub(1);
            self.listening.mend(&self.node).await;
        }
        let host = self.node.state().election.host();
        if let Some((_, host)) = host.filter(|(_, host)| self.node.me().is_some_and(|me| me.peer != *host)) {
            self.greet(host);
        }
        true
    }

    fn restore_seat(&mut self) {
        let restored = {
            let mut state = self.node.state();
            let Some(me) = state.me.clone() else { return };
            state.seat.as_mut().map(|seat| seat.restore(&me))
        };
        match restored {
            Some(Err(error)) => self.node.trouble(&error),
            _ => tracing::warn!("the directory of the channel was deleted; it was made anew"),
        }
    }

    fn restore_hosting(&self) {
        let mut state = self.node.state();
        let Some(me) = state.me.clone() else { return };
        if let Some(held) = &mut state.hosting
            && matches!(held.standing(), Ok(Standing::Gone))
            && let Err(error) = held.restore(&me)
        {
            drop(state);
            self.node.trouble(&error);
        }
    }

    /// Our seat was taken by another process while the directory was gone. We are older and keep it; but those who have
    /// met the other take our incarnation for the past.
    fn renew_seat(&self) {
        let mut state = self.node.state();
        let State { me: Some(me), seat: Some(seat), .. } = &mut *state else { return };
        let renewed = |number| Member { peer: PeerRef { incarnation: Incarnation(number), ..me.peer }, ..me.clone() };
        if let Err(error) = seat.renew(&renewed) {
            drop(state);
            return self.node.trouble(&error);
        }
        *me = renewed(seat.number());
        let member = me.clone();
        drop(state);
        self.sit(member);
    }

    /// An older process holds our id: only possible after the directory was deleted.
    async fn lose_seat(&mut self) -> bool {
        let (lost, held) = {
            let mut state = self.node.state();
            state.election.handle_leave();
            (state.me.take(), state.seat.take())
        };
        self.act();
        self.node.phase.send_replace(Phase::Joining);
        if let Some(me) = &lost {
            tracing::warn!(id = %me.id(), "another process holds our id; taking the next free one");
            self.node.events.send(Event::Disconnected { reason: Disconnected::IdLost { id: me.id() } });
            self.node.check(me.id());
        }
        let seated = self.take_seat().await;
        // Only now: until there is another claim that names it, this one keeps our socket from being swept.
        drop(held);
        seated
    }
}

fn view(claim: &Claim) -> HostView {
    HostView { term: Term(claim.number), host: claim.holder.peer, alive: claim.liveness.is_held() }
}

/// Whether this process answers a fresh dial.
async fn answers(node: &Node, peer: PeerRef) -> bool {
    let known: Option<Member> = node.state().roster.holder(peer).cloned();
    let (Some(member), Some(me)) = (known, node.me()) else { return false };
    let Ok(io) = node.transport.connect(&member.endpoint).await else { return false };
    let probe = Probe::new(Origin::Member(me.peer), node.name.as_str(), peer);
    node.wire.connect(io, probe).await.is_ok()
}
