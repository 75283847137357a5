//! One sender and one receiver, joined by connections that are slow, break and are replaced, while both processes crash,
//! leave and come back: by the thousand seeds, on a virtual clock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use fastrand::Rng;
use tower_service::Service;

use super::fixture::{Flag, Frames, Kept, Told, ledger, lineage, member, message, number_of};
use super::{Accept, Dial, Dialling, Inlet, Inlets, Link, Outlet, Policy, Session};
use crate::envelope::{Envelope, Target};
use crate::error::{Reason, Undelivered};
use crate::frame::{Frame, Origin, Refusal, Welcome};
use crate::peer::{Lineage, Member};
use crate::receipt::{Ledger, Limits, Receipt};

const CHANNEL: &str = "simulated";

/// What is known of one message.
struct Sent {
    envelope: Envelope,
    receipt: Receipt,
    outcome: Option<Result<(), Undelivered>>,
    /// To which lives of the receiver it was written, and which of them had it.
    written: BTreeSet<u64>,
    had: BTreeSet<u64>,
}

enum Near {
    Dialling(Dialling, Welcome),
    Stands(Outlet),
    Ended,
}

/// A connection. Each end may go before the other, which then still reads what is under way.
struct Connection {
    life: u64,
    near: Near,
    far: Option<Inlet>,
    out: VecDeque<Frame>,
    back: VecDeque<Frame>,
    near_parked: Option<Arc<Flag>>,
    far_parked: Option<Arc<Flag>>,
}

struct World {
    rng: Rng,
    now: Instant,
    sender: Member,
    sending: Arc<Kept>,
    ledger: Ledger,
    link: Link,
    receiver: Member,
    receiving: Arc<Kept>,
    inlets: Inlets,
    limits: Limits,
    /// The receiver has said goodbye.
    left: bool,
    connections: Vec<Connection>,
    sent: BTreeMap<u64, Sent>,
    /// The last message that each life of the receiver had.
    last: BTreeMap<u64, u64>,
    lineages: BTreeMap<u64, Lineage>,
    ready_parked: Option<Arc<Flag>>,
}

impl World {
    fn new(seed: u64) -> World {
        let mut rng = Rng::with_seed(seed);
        let (sender, receiver) = (member(1, 1, "sender"), member(2, 1, "a"));
        let (sending, receiving) = (Kept::new(sender.peer), Kept::new(receiver.peer));
        let limits = Limits { messages: rng.usize(1..20), bytes: rng.usize(1..400) };
        let ledger = ledger();
        World {
            link: Link::new(sending.clone(), Policy::default(), ledger.clone()),
            inlets: Inlets::new(receiving.clone(), CHANNEL, limits),
            lineages: BTreeMap::from([(1, receiver.lineage.clone())]),
            now: Instant::now(),
            left: false,
            connections: Vec::new(),
            sent: BTreeMap::new(),
            last: BTreeMap::new(),
            ready_parked: None,
            rng,
            sender,
            sending,
            ledger,
            receiver,
            receiving,
            limits,
        }
    }

    fn step(&mut self) {
        match self.rng.u32(0..200) {
            0..50 => self.send(),
            50..90 => self.with_connection(World::pump_out),
            90..110 => self.with_connection(World::pump_back),
            110..150 => self.consume(),
            150..170 => self.connect(),
            170..178 => self.with_connection(World::cut),
            178..190 => {
                let by = Duration::from_millis(self.rng.u64(0..50));
                self.advance(by);
            }
            190 => self.advance(Duration::from_secs(31)),
            191 => self.restart_receiver(),
            192..194 => self.leave(),
            194 if self.rng.bool() => self.restart_sender(),
            195 => self.link.greet(),
            196 => self.link.pin(self.rng.bool()),
            _ => {}
        }
    }

    fn send(&mut self) {
        let (flag, waker) = Flag::new();
        let ready = self.link.poll_ready(&mut Context::from_waker(&waker));
        if let Some(parked) = self.ready_parked.take() {
            assert!(ready.is_pending() || parked.is_set(), "nobody said that the link is ready");
        }
        if ready.is_pending() {
            self.ready_parked = Some(flag);
            if self.rng.u32(0..10) > 0 {
                return;
            }
        }
        let number = self.sent.len() as u64;
        let mut envelope = message(number, self.rng.usize(8..150));
        if self.rng.bool() {
            envelope.lineage = Some(self.receiver.lineage.clone());
        }
        if self.rng.u32(0..3) == 0 {
            envelope.target = Target::Member(self.receiver.peer);
        }
        if self.rng.bool() {
            envelope.deadline = Some(self.now + Duration::from_millis(self.rng.u64(0..200)));
        }
        let Ok(ticket) = self.ledger.try_open(envelope.size()) else { return };
        envelope.ticket = Some(ticket);
        let receipt = tokio_test::task::spawn(self.link.call(envelope.clone()));
        let receipt = receipt.into_inner().into_inner().unwrap();
        let (written, had) = (BTreeSet::new(), BTreeSet::new());
        self.sent.insert(number, Sent { envelope, receipt, outcome: None, written, had });
    }

    fn with_connection(&mut self, act: impl Fn(&mut World, &mut Connection)) {
        if self.connections.is_empty() {
            return;
        }
        let mut connection = self.connections.swap_remove(self.rng.usize(0..self.connections.len()));
        act(self, &mut connection);
        if !matches!(connection.near, Near::Ended) || connection.far.is_some() {
            self.connections.push(connection);
        }
    }

    /// The sender writes, and the receiver reads, a few frames.
    fn pump_out(&mut self, connection: &mut Connection) {
        if self.rng.bool() {
            connection.near = match std::mem::replace(&mut connection.near, Near::Ended) {
                Near::Dialling(dialling, welcome) => Near::Stands(dialling.welcomed(self.now, welcome).unwrap()),
                near => near,
            };
        }
        if let Near::Stands(outlet) = &connection.near {
            let mut sink = Frames { frames: VecDeque::new(), room: self.rng.usize(1..8) };
            let polled = poll(outlet, &mut connection.near_parked, self.now, &mut sink);
            for frame in &sink.frames {
                self.see_written(frame, connection.life);
            }
            connection.out.append(&mut sink.frames);
            if polled == Poll::Ready(false) {
                connection.near = Near::Ended;
            }
        }
        for _ in 0..self.rng.usize(0..8) {
            let Some(frame) = connection.out.pop_front() else { break };
            let Some(inlet) = &connection.far else { continue };
            inlet.handle_frame(self.now, frame).unwrap();
            connection.far_parked = None;
            self.see_inbox();
        }
        if matches!(connection.near, Near::Ended) && connection.out.is_empty() {
            connection.far = None;
        }
    }

    /// The receiver writes, and the sender reads, a few frames.
    fn pump_back(&mut self, connection: &mut Connection) {
        if let Some(inlet) = &connection.far {
            let mut sink = Frames { frames: VecDeque::new(), room: self.rng.usize(1..4) };
            let polled = poll(inlet, &mut connection.far_parked, self.now, &mut sink);
            connection.back.append(&mut sink.frames);
            if polled == Poll::Ready(false) {
                connection.far = None;
            }
        }
        for _ in 0..self.rng.usize(0..4) {
            let Near::Stands(outlet) = &connection.near else { break };
            let Some(frame) = connection.back.pop_front() else { break };
            outlet.handle_frame(self.now, frame).unwrap();
            connection.near_parked = None;
        }
        if connection.far.is_none() && connection.back.is_empty() {
            connection.near = Near::Ended;
        }
    }

    /// What is under way in one direction or both is lost.
    fn cut(&mut self, connection: &mut Connection) {
        if self.rng.bool() {
            connection.near = Near::Ended;
            connection.out.truncate(self.rng.usize(0..10));
        }
        if self.rng.bool() {
            connection.far = None;
            connection.back.truncate(self.rng.usize(0..4));
        }
    }

    fn connect(&mut self) {
        let me = Origin::Member(self.sender.peer);
        let Ok(dialling) = self.link.begin(me, CHANNEL, &self.receiver) else {
            assert!(self.left, "only one that left is refused by the link itself");
            return;
        };
        let (inlet, welcome) = match self.inlets.accept(self.now, &dialling.hello()) {
            Ok(accepted) => accepted,
            Err(refusal) => {
                assert!(self.left && refusal == Refusal::Leaving, "{refusal}");
                return;
            }
        };
        self.connections.push(Connection {
            life: self.receiver.peer.incarnation.0,
            near: if self.rng.u32(0..10) == 0 { Near::Ended } else { Near::Dialling(dialling, welcome) },
            far: Some(inlet),
            out: VecDeque::new(),
            back: VecDeque::new(),
            near_parked: None,
            far_parked: None,
        });
    }

    fn consume(&mut self) {
        for _ in 0..self.rng.usize(0..4) {
            drop(self.receiving.take_delivery());
        }
    }

    fn advance(&mut self, by: Duration) {
        self.now += by;
        self.link.handle_timeout(self.now);
    }

    fn leave(&mut self) {
        self.left = true;
        self.inlets.leave();
    }

    /// The receiver crashes, or has left, and another process takes its seat.
    fn restart_receiver(&mut self) {
        for connection in &mut self.connections {
            connection.far = None;
        }
        let before = self.receiver.peer.incarnation;
        let program = ["a", "a", "a", "b"][self.rng.usize(0..4)];
        self.receiver = member(2, before.0 + 1, program);
        self.lineages.insert(before.0 + 1, lineage(program));
        self.receiving = Kept::new(self.receiver.peer);
        self.inlets = Inlets::new(self.receiving.clone(), CHANNEL, self.limits);
        self.left = false;
        if self.rng.bool() {
            self.link.gone(self.now, before);
        }
    }

    /// The sender crashes and comes back; what it had is over.
    fn restart_sender(&mut self) {
        self.link.drain();
        for connection in &mut self.connections {
            connection.near = Near::Ended;
        }
        self.see_outcomes();
        assert_eq!(self.ledger.unsettled(), 0);
        self.see_balance();
        self.sender.peer.incarnation.0 += 1;
        self.sending = Kept::new(self.sender.peer);
        self.ledger = ledger();
        self.link = Link::new(self.sending.clone(), Policy::default(), self.ledger.clone());
        self.ready_parked = None;
    }

    fn see_written(&mut self, frame: &Frame, life: u64) {
        let Frame::Data(data) = frame else { return };
        let sent = self.sent.get_mut(&number_of(&data.envelope)).unwrap();
        let lineage = &self.lineages[&life];
        assert!(sent.envelope.lineage.as_ref().is_none_or(|owner| owner == lineage), "written to a stranger");
        assert!(sent.written.iter().all(|life| self.lineages[life] == *lineage), "written to a stranger");
        if let Target::Member(peer) = sent.envelope.target {
            assert_eq!(peer.incarnation.0, life, "written to another life");
        }
        let earlier = sent.written.iter().any(|written| *written < life);
        assert!(!data.redelivered || earlier, "marked as redelivered without a crash");
        assert!(!matches!(data.ttl, Some(Duration::ZERO)), "written though it has expired");
        sent.written.insert(life);
    }

    fn see_inbox(&mut self) {
        let life = self.receiver.peer.incarnation.0;
        let inbox = self.receiving.inbox.lock().unwrap();
        let size = |delivery: &super::Delivery| delivery.envelope.size();
        let bytes: usize = inbox.iter().map(size).sum();
        assert!(inbox.len() <= self.limits.messages, "more messages than the inbox holds");
        assert!(bytes < self.limits.bytes + inbox.back().map_or(1, size).max(1), "more bytes than the inbox holds");
        let Some(delivery) = inbox.back() else { return };
        let number = number_of(&delivery.envelope);
        let last = self.last.insert(life, number);
        if last == Some(number) {
            return; // no new one
        }
        assert!(last.is_none_or(|last| last < number), "out of order, or twice");
        let sent = self.sent.get_mut(&number).unwrap();
        assert!(sent.had.is_empty() || delivery.redelivered, "a crash made a duplicate that is not marked");
        sent.had.insert(life);
    }

    fn see_outcomes(&mut self) {
        for sent in self.sent.values_mut().filter(|sent| sent.outcome.is_none()) {
            let mut receipt = tokio_test::task::spawn(&mut sent.receipt);
            if let Poll::Ready(outcome) = receipt.poll() {
                drop(receipt);
                sent.outcome = Some(outcome);
            }
        }
        for (number, sent) in &self.sent {
            match &sent.outcome {
                None => {}
                Some(Ok(())) => assert!(!sent.had.is_empty(), "{number} is acknowledged and was never there"),
                Some(Err(Undelivered::NotDelivered(_))) => {
                    assert!(sent.had.is_empty(), "{number} was certainly not delivered, and was there");
                }
                Some(Err(Undelivered::Unknown(_))) => assert!(!sent.written.is_empty(), "{number} was never written"),
            }
            match sent.outcome.as_ref().and_then(|outcome| outcome.as_ref().err()).map(Undelivered::reason) {
                Some(Reason::Deadline) => assert!(sent.envelope.deadline.unwrap() <= self.now),
                Some(Reason::PeerGone(_)) => assert!(matches!(sent.envelope.target, Target::Member(_))),
                Some(Reason::PeerReplaced(_)) => assert!(self.lineages.len() > 1),
                _ => {}
            }
        }
    }

    fn see_balance(&self) {
        let told = self.sending.take_told();
        let count = |what: fn(&Told) -> bool| told.iter().filter(|told| what(told)).count();
        let connected = count(|told| matches!(told, Told::Connected(_, true)));
        assert_eq!(connected, count(|told| matches!(told, Told::Disconnected(_, true))));
    }

    /// From now on everything works: so everything settles, and all room comes back.
    fn finish(&mut self) {
        self.restart_receiver();
        for round in 0.. {
            assert!(round < 10_000, "something is stuck: {:?}", self.link);
            self.with_connection(World::pump_out);
            self.with_connection(World::pump_back);
            self.consume();
            if self.connections.is_empty() {
                if self.ledger.unsettled() == 0 {
                    break;
                }
                self.connect();
            }
            if self.ledger.unsettled() == 0 {
                self.link.shutdown();
            }
        }
        self.see_outcomes();
        assert!(self.sent.values().all(|sent| sent.outcome.is_some()));
        self.see_balance();
        while self.receiving.take_delivery().is_some() {}
        let dialling = self.link.begin(Origin::Member(self.sender.peer), CHANNEL, &self.receiver).unwrap();
        let (_, welcome) = self.inlets.accept(self.now, &dialling.hello()).unwrap();
        assert_eq!(welcome.credit.messages as usize, self.limits.messages);
        assert_eq!(welcome.credit.bytes as usize, self.limits.bytes);
    }
}

/// Polls one end, and checks that whoever was told to wait was woken if there is something now.
fn poll(end: &impl Session, parked: &mut Option<Arc<Flag>>, now: Instant, sink: &mut Frames) -> Poll<bool> {
    let (flag, waker) = Flag::new();
    let polled = end.poll_transmit(&mut Context::from_waker(&waker), now, sink);
    if let Some(parked) = parked.take() {
        assert!(polled.is_pending() || parked.is_set(), "nobody woke the wire");
    }
    assert_eq!(polled == Poll::Ready(true), !sink.frames.is_empty());
    if polled.is_pending() {
        *parked = Some(flag);
    }
    polled
}

#[test]
fn every_message_settles_truthfully_in_order_and_once_whatever_breaks() {
    let seeds = match std::env::var("LINK_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (0..1000).map(|_| fastrand::u64(..)).collect(),
    };
    for seed in seeds {
        let failed = std::panic::catch_unwind(|| {
            let mut world = World::new(seed);
            for _ in 0..world.rng.usize(50..1500) {
                world.step();
            }
            world.see_outcomes();
            world.finish();
        });
        if let Err(panic) = failed {
            eprintln!("LINK_SEED={seed} repeats this");
            std::panic::resume_unwind(panic);
        }
    }
}
