//! What the tests of links share: a process that keeps what it is told, and frames kept in a list.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};
use std::time::Duration;

use bytes::Bytes;

use super::{Delivery, FrameSink, Process};
use crate::envelope::{CodecId, Envelope, Payload, Target};
use crate::frame::{Control, Frame, Origin, Refusal};
use crate::peer::{Endpoint, Incarnation, Lineage, Member, PeerId, PeerRef, Term};
use crate::receipt::{Ledger, Limits};

pub(super) const MINUTE: Duration = Duration::from_secs(60);

pub(super) fn id(number: u32) -> PeerId {
    PeerId::new(number).unwrap()
}

pub(super) fn peer(number: u32, incarnation: u64) -> PeerRef {
    PeerRef { id: id(number), incarnation: Incarnation(incarnation) }
}

pub(super) fn lineage(name: &str) -> Lineage {
    Lineage::of_executable(name)
}

pub(super) fn member(number: u32, incarnation: u64, program: &str) -> Member {
    let endpoint = Endpoint::new("test", &number.to_string());
    Member { peer: peer(number, incarnation), lineage: lineage(program), identity: None, endpoint, pid: 1 }
}

/// A message to seat 2, with `number` in its first 8 bytes and of `size` bytes in all, at least 8.
pub(super) fn message(number: u64, size: usize) -> Envelope {
    let mut data = number.to_le_bytes().to_vec();
    data.resize(size.max(8), 0);
    Envelope::new(Target::Peer(id(2)), "", Payload { codec: CodecId(0), data: Bytes::from(data) })
}

pub(super) fn number_of(envelope: &Envelope) -> u64 {
    u64::from_le_bytes(envelope.payload.data[..8].try_into().unwrap())
}

pub(super) fn ledger() -> Ledger {
    Ledger::new(Limits { messages: 1000, bytes: 1_000_000 })
}

pub(super) fn beat(term: u64) -> Control {
    Control::Beat { term: Term(term), host: peer(1, 1) }
}

/// A sink that takes `room` frames and says with each whether it wants more.
pub(super) struct Frames {
    pub(super) frames: VecDeque<Frame>,
    pub(super) room: usize,
}

impl Frames {
    pub(super) fn new() -> Self {
        Frames { frames: VecDeque::new(), room: usize::MAX }
    }
}

impl FrameSink for Frames {
    fn put(&mut self, frame: &Frame) -> bool {
        self.room = self.room.checked_sub(1).expect("a sink that said no is not given more");
        self.frames.push_back(frame.clone());
        self.room > 0
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Told {
    Connected(Origin, bool),
    Control(Origin, Control),
    Leaving(Origin),
    Disconnected(Origin, bool),
}

/// A process that admits everybody but `stranger`, and answers a beat of term 0 as superseded.
pub(super) struct Kept {
    pub(super) me: Mutex<Option<PeerRef>>,
    pub(super) stranger: Option<Origin>,
    pub(super) inbox: Mutex<VecDeque<Delivery>>,
    pub(super) told: Mutex<Vec<Told>>,
}

impl Kept {
    pub(super) fn new(me: PeerRef) -> Arc<Self> {
        Arc::new(Kept { me: Mutex::new(Some(me)), stranger: None, inbox: Mutex::default(), told: Mutex::default() })
    }

    pub(super) fn take_told(&self) -> Vec<Told> {
        std::mem::take(&mut self.told.lock().unwrap())
    }

    pub(super) fn take_delivery(&self) -> Option<Delivery> {
        self.inbox.lock().unwrap().pop_front()
    }
}

impl Process for Kept {
    fn me(&self) -> Option<PeerRef> {
        *self.me.lock().unwrap()
    }

    fn admit(&self, origin: Origin) -> Result<(), Refusal> {
        if self.stranger == Some(origin) { Err(Refusal::Unknown) } else { Ok(()) }
    }

    fn connected(&self, peer: Origin, dialled: bool) {
        self.told.lock().unwrap().push(Told::Connected(peer, dialled));
    }

    fn control(&self, peer: Origin, control: Control) -> Option<Control> {
        let answer = match control {
            Control::Beat { term: Term(0), host } => Some(Control::Superseded { term: Term(1), host }),
            _ => None,
        };
        self.told.lock().unwrap().push(Told::Control(peer, control));
        answer
    }

    fn deliver(&self, delivery: Delivery) {
        self.inbox.lock().unwrap().push_back(delivery);
    }

    fn leaving(&self, peer: Origin) {
        self.told.lock().unwrap().push(Told::Leaving(peer));
    }

    fn disconnected(&self, peer: Origin, dialled: bool) {
        self.told.lock().unwrap().push(Told::Disconnected(peer, dialled));
    }
}

/// A waker that says whether it was woken.
#[derive(Default)]
pub(super) struct Flag(AtomicBool);

impl Flag {
    pub(super) fn new() -> (Arc<Flag>, Waker) {
        let flag = Arc::new(Flag::default());
        (Arc::clone(&flag), Waker::from(flag))
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}
