//! The inbox, fed by links as a process is.

mod answers;
mod failures;
mod lanes;
mod parking;
mod streams;

use std::cell::Cell;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use ipchannel_codec::{Codecs, JSON};
use ipchannel_core::frame::{Control, Data, Frame, Hello, Origin, PROTOCOL_VERSION, Purpose, Refusal, Seq};
use ipchannel_core::link::{Accept, Delivery, FrameSink, Inlet, Inlets, Process, Session, Violation};
use ipchannel_core::{CallId, Envelope, Incarnation, Kind, Limits, Outcome, PeerId, PeerRef, Target};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::*;
use crate::event::Events;
use crate::sender::Sender;

/// How much one sender may have in the inbox.
const ROOM: u32 = 8;
/// How long a message waits for a handler.
const TTL: Duration = Duration::from_secs(4);
/// How long one without a deadline does.
const PATIENCE: Duration = Duration::from_secs(7);
/// Longer than anything takes; on a paused clock it costs nothing.
const LONG: Duration = Duration::from_secs(60);

const ME: PeerRef = PeerRef { id: PeerId::FIRST, incarnation: Incarnation(1) };

/// What handlers note down.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

type Reply = (Origin, CallId, Outcome, Answered);

#[derive(Clone, Default)]
struct Replied(Arc<Mutex<Vec<Reply>>>);

impl Replies for Replied {
    fn reply(&self, to: Origin, call: CallId, outcome: Outcome, answer: Answered, _deadline: Option<Instant>) {
        self.0.lock().unwrap().push((to, call, outcome, answer));
    }
}

struct Bench {
    inbox: Inbox,
    inlets: Inlets,
    events: Events,
    replied: Replied,
    log: Log,
}

impl Bench {
    fn new() -> Self {
        Bench::with_room(ROOM)
    }

    fn with_room(room: u32) -> Self {
        let (events, replied) = (EventSender::new(), Replied::default());
        let tasks = Tasks::new(tokio::runtime::Handle::current());
        let (codecs, listening) = (Arc::new(Codecs::new()), events.subscribe());
        let inbox = Inbox::new(codecs, events, Box::new(replied.clone()), tasks, PATIENCE);
        let limits = Limits { messages: room as usize, bytes: 1_000_000 };
        let inlets = Inlets::new(Arc::new(Door(inbox.clone())), "inbox", limits);
        Bench { inbox, inlets, events: listening, replied, log: Log::default() }
    }

    /// Another process, connected to us.
    fn peer(&self, id: u32) -> Peer {
        let peer = PeerRef { id: PeerId::new(id).unwrap(), incarnation: Incarnation(1) };
        let from = Origin::Member(peer);
        let (version, channel, purpose) = (PROTOCOL_VERSION, "inbox".to_owned(), Purpose::Link);
        let hello = Hello { version, channel, from, to: ME, attempt: 1, purpose };
        let (link, welcome) = self.inlets.accept(now(), &hello).map_err(|refusal| refusal.to_string()).unwrap();
        Peer { from, link, sent: Cell::new(0), room: Cell::new(welcome.credit.messages) }
    }

    fn on<T, Fut>(&self, event: &str, f: impl Fn(Sender, T) -> Fut + Send + Sync + 'static) -> Subscription
    where
        T: DeserializeOwned,
        Fut: Future<Output: HandlerOutput> + Send + 'static,
    {
        self.inbox.on(event, handler(self.inbox.0.codecs.clone(), f), false)
    }

    fn once<T, Fut>(&self, event: &str, f: impl Fn(Sender, T) -> Fut + Send + Sync + 'static) -> Subscription
    where
        T: DeserializeOwned,
        Fut: Future<Output: HandlerOutput> + Send + 'static,
    {
        self.inbox.on(event, handler(self.inbox.0.codecs.clone(), f), true)
    }

    fn answer<T, R, Fut>(&self, event: &str, f: impl Fn(Sender, T) -> Fut + Send + Sync + 'static) -> Subscription
    where
        T: DeserializeOwned,
        R: Serialize,
        Fut: Future<Output = Result<R, String>> + Send + 'static,
    {
        self.inbox.answer(event, answer(self.inbox.0.codecs.clone(), f))
    }

    /// A handler that notes who sent which number.
    fn note(&self, event: &str) -> Subscription {
        self.on(event, noting(&self.log))
    }

    /// Waits until no handler runs, and returns what they noted.
    async fn noted(&self) -> Vec<String> {
        tokio::time::timeout(LONG, self.inbox.quiet()).await.expect("a handler does not end");
        self.log.take()
    }

    /// The next event, as text.
    async fn event(&mut self) -> String {
        match tokio::time::timeout(LONG, self.events.next()).await.expect("nothing happens") {
            Some(Event::Unhandled { from, event }) => format!("{from} {event}: unhandled"),
            Some(Event::HandlerFailed { from, event, error }) => format!("{from} {event}: {error}"),
            other => panic!("{other:?}"),
        }
    }

    fn replies(&self) -> Vec<Reply> {
        std::mem::take(&mut self.replied.0.lock().unwrap())
    }
}

fn noting(log: &Log) -> impl Fn(Sender, u32) -> std::future::Ready<()> + use<> {
    let log = log.clone();
    move |from, number| {
        log.note(format!("{} says {number}", from.id));
        std::future::ready(())
    }
}

/// What a link tells the process: here, only the inbox listens.
struct Door(Inbox);

impl Process for Door {
    fn me(&self) -> Option<PeerRef> {
        Some(ME)
    }

    fn admit(&self, _: Origin) -> Result<(), Refusal> {
        Ok(())
    }

    fn connected(&self, _: Origin, _: bool) {}

    fn control(&self, _: Origin, _: Control) -> Option<Control> {
        None
    }

    fn deliver(&self, delivery: Delivery) {
        self.0.deliver(delivery);
    }

    fn leaving(&self, _: Origin) {}

    fn disconnected(&self, _: Origin, _: bool) {}
}

struct Peer {
    from: Origin,
    link: Inlet,
    sent: Cell<u64>,
    room: Cell<u32>,
}

impl Peer {
    fn send(&self, event: &str, value: impl Serialize) {
        self.put(Kind::Message, event, value, Some(TTL)).unwrap();
    }

    fn ask(&self, call: u64, event: &str, value: impl Serialize) {
        self.put(Kind::Request(CallId(call)), event, value, Some(TTL)).unwrap();
    }

    fn put(&self, kind: Kind, event: &str, value: impl Serialize, ttl: Option<Duration>) -> Result<(), Violation> {
        self.sent.set(self.sent.get() + 1);
        let payload = Codecs::new().encode(JSON, &value).unwrap();
        let envelope = Envelope { kind, ..Envelope::new(Target::Member(ME), event, payload) };
        let data = Data { seq: Seq(self.sent.get()), redelivered: false, ttl, envelope };
        self.link.handle_frame(now(), Frame::Data(data))
    }

    /// How many more messages it may send, as far as it was told.
    fn room(&self) -> u32 {
        let mut cx = Context::from_waker(Waker::noop());
        while self.link.poll_transmit(&mut cx, now(), &mut Heard(&self.room)).is_ready() {}
        self.room.get()
    }
}

struct Heard<'a>(&'a Cell<u32>);

impl FrameSink for Heard<'_> {
    fn put(&mut self, frame: &Frame) -> bool {
        let Frame::Ack(ack) = frame else { panic!("{frame:?}") };
        self.0.set(ack.credit.messages);
        true
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
