use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::*;
use crate::frame::{Data, Frame};
use crate::link::fixture::{Flag, Frames, Kept, Told, beat, message, number_of, peer};
use crate::link::{Session, Violation};

const LIMITS: Limits = Limits { messages: 4, bytes: 1000 };

fn bench() -> (Arc<Kept>, Inlets) {
    let process = Kept::new(peer(2, 1));
    let inlets = Inlets::new(process.clone(), "tested", LIMITS);
    (process, inlets)
}

fn member_hello(incarnation: u64, attempt: u64) -> Hello {
    hello(Origin::Member(peer(1, incarnation)), attempt)
}

fn hello(from: Origin, attempt: u64) -> Hello {
    let (version, channel, purpose) = (PROTOCOL_VERSION, "tested".to_owned(), Purpose::Link);
    Hello { version, channel, from, to: peer(2, 1), attempt, purpose }
}

fn accept(inlets: &Inlets, hello: &Hello) -> Inlet {
    inlets.accept(Instant::now(), hello).map_err(|refusal| refusal.to_string()).unwrap().0
}

fn refusal(inlets: &Inlets, hello: &Hello) -> Option<Refusal> {
    inlets.accept(Instant::now(), hello).err()
}

fn data(seq: u64) -> Frame {
    Frame::Data(Data { seq: Seq(seq), redelivered: false, ttl: None, envelope: message(seq, 8) })
}

fn transmit(inlet: &Inlet) -> (Option<Frame>, Poll<bool>, Arc<Flag>) {
    let (flag, waker) = Flag::new();
    let mut sink = Frames::new();
    let polled = inlet.poll_transmit(&mut Context::from_waker(&waker), Instant::now(), &mut sink);
    (sink.frames.pop_front(), polled, flag)
}

#[test]
fn a_hello_that_is_not_for_this_process_is_refused() {
    let (process, inlets) = bench();
    let good = member_hello(1, 1);
    assert_eq!(refusal(&inlets, &Hello { version: PROTOCOL_VERSION + 1, ..good.clone() }), Some(Refusal::Version));
    assert_eq!(refusal(&inlets, &Hello { channel: "other".to_owned(), ..good.clone() }), Some(Refusal::Channel));
    assert_eq!(refusal(&inlets, &Hello { to: peer(2, 2), ..good.clone() }), Some(Refusal::Destination));
    *process.me.lock().unwrap() = None;
    assert_eq!(refusal(&inlets, &good), Some(Refusal::Destination));
    assert_eq!(process.take_told(), []);
}

#[test]
fn who_is_not_admitted_is_refused_and_not_remembered() {
    let stranger = Origin::Member(peer(1, 1));
    let process = Kept { stranger: Some(stranger), ..Arc::into_inner(Kept::new(peer(2, 1))).unwrap() };
    let inlets = Inlets::new(Arc::new(process), "tested", LIMITS);
    assert_eq!(refusal(&inlets, &hello(stranger, 1)), Some(Refusal::Unknown));
    assert!(inlets.0.seats().by_origin.is_empty());
}

#[test]
fn messages_are_delivered_with_what_is_known_of_them() {
    let (process, inlets) = bench();
    let inlet = accept(&inlets, &member_hello(1, 1));
    let now = Instant::now();
    for (seq, ttl) in [(1, Some(Duration::from_secs(1))), (2, Some(Duration::MAX)), (3, None)] {
        let data = Data { seq: Seq(seq), redelivered: seq == 1, ttl, envelope: message(seq, 8) };
        inlet.handle_frame(now, Frame::Data(data)).unwrap();
    }
    let first = process.take_delivery().unwrap();
    assert_eq!((first.from, number_of(&first.envelope)), (Origin::Member(peer(1, 1)), 1));
    assert_eq!((first.redelivered, first.deadline), (true, Some(now + Duration::from_secs(1))));
    assert_eq!(process.take_delivery().unwrap().deadline, None);
    assert_eq!(process.take_delivery().unwrap().deadline, None);
}

#[test]
fn a_dropped_permit_gives_room_back_and_wakes_the_wire() {
    let (process, inlets) = bench();
    let inlet = accept(&inlets, &member_hello(1, 1));
    (1..=4).for_each(|seq| inlet.handle_frame(Instant::now(), data(seq)).unwrap());
    assert_eq!(inlet.handle_frame(Instant::now(), data(5)), Err(Violation::Credit));
    let (frame, ..) = transmit(&inlet);
    assert!(matches!(frame, Some(Frame::Ack(Welcome { cursor: Seq(4), credit: Credit { messages: 0, .. } }))));
    let (_, polled, woken) = transmit(&inlet);
    assert!(polled.is_pending() && !woken.is_set());
    drop(process.take_delivery());
    assert!(woken.is_set());
    let (frame, ..) = transmit(&inlet);
    assert!(matches!(frame, Some(Frame::Ack(Welcome { cursor: Seq(4), credit: Credit { messages: 1, .. } }))));
}

#[test]
fn a_permit_may_be_dropped_while_the_message_is_delivered() {
    struct Careless(Arc<Kept>);
    impl Process for Careless {
        fn me(&self) -> Option<PeerRef> {
            self.0.me()
        }
        fn admit(&self, origin: Origin) -> Result<(), Refusal> {
            self.0.admit(origin)
        }
        fn connected(&self, _: Origin, _: bool) {}
        fn control(&self, _: Origin, _: crate::frame::Control) -> Option<crate::frame::Control> {
            None
        }
        fn deliver(&self, delivery: crate::link::Delivery) {
            drop(delivery);
        }
        fn leaving(&self, _: Origin) {}
        fn disconnected(&self, _: Origin, _: bool) {}
    }
    let inlets = Inlets::new(Arc::new(Careless(Kept::new(peer(2, 1)))), "tested", LIMITS);
    let inlet = accept(&inlets, &member_hello(1, 1));
    (1..=100).for_each(|seq| inlet.handle_frame(Instant::now(), data(seq)).unwrap());
}

#[test]
fn a_connection_that_was_replaced_is_without_effect_and_closes() {
    let (process, inlets) = bench();
    let old = accept(&inlets, &member_hello(1, 1));
    old.handle_frame(Instant::now(), data(1)).unwrap();
    assert_eq!(transmit(&old).1, Poll::Ready(true));
    let (_, polled, woken) = transmit(&old);
    assert!(polled.is_pending());
    let (new, welcome) = inlets.accept(Instant::now(), &member_hello(1, 2)).unwrap_or_else(|_| panic!("refused"));
    assert_eq!(welcome.cursor, Seq(1));
    assert!(woken.is_set());
    old.handle_frame(Instant::now(), data(2)).unwrap();
    old.handle_frame(Instant::now(), Frame::Bye(Seq(2))).unwrap();
    assert_eq!(transmit(&old).1, Poll::Ready(false));
    drop(old);
    new.handle_frame(Instant::now(), data(2)).unwrap();
    assert_eq!(process.inbox.lock().unwrap().len(), 2);
    let from = Origin::Member(peer(1, 1));
    let (connected, ended) = (Told::Connected(from, false), Told::Disconnected(from, false));
    assert_eq!(process.take_told(), [connected.clone(), connected, ended]);
}

#[test]
fn a_cut_connection_closes_and_its_peer_may_come_back() {
    let (_process, inlets) = bench();
    let inlet = accept(&inlets, &member_hello(2, 1));
    let (_, _, woken) = transmit(&inlet);
    inlets.cut(peer(1, 1));
    inlets.cut(peer(3, 1));
    assert!(!woken.is_set());
    inlets.cut(peer(1, 2));
    assert!(woken.is_set());
    assert_eq!(transmit(&inlet).1, Poll::Ready(false));
    assert_eq!(refusal(&inlets, &member_hello(2, 2)), None);
}

#[test]
fn leaving_says_goodbye_everywhere_and_refuses_everybody() {
    let (process, inlets) = bench();
    let inlet = accept(&inlets, &member_hello(1, 1));
    let guest = accept(&inlets, &hello(Origin::Guest(7), 1));
    inlet.handle_frame(Instant::now(), data(1)).unwrap();
    inlets.leave();
    inlet.handle_frame(Instant::now(), data(2)).unwrap();
    assert!(matches!(transmit(&inlet).0, Some(Frame::Bye(Seq(1)))));
    assert!(matches!(transmit(&guest).0, Some(Frame::Bye(Seq(0)))));
    assert_eq!((transmit(&inlet).1, transmit(&guest).1), (Poll::Ready(false), Poll::Ready(false)));
    assert_eq!(process.inbox.lock().unwrap().len(), 1);
    assert_eq!(refusal(&inlets, &member_hello(1, 2)), Some(Refusal::Leaving));
    assert_eq!(refusal(&inlets, &hello(Origin::Guest(8), 1)), Some(Refusal::Leaving));
}

#[test]
fn a_guest_is_forgotten_with_its_last_connection() {
    let (_process, inlets) = bench();
    let first = accept(&inlets, &hello(Origin::Guest(7), 1));
    let second = accept(&inlets, &hello(Origin::Guest(7), 2));
    drop(first);
    assert_eq!(inlets.0.seats().by_origin.len(), 1);
    drop(second);
    assert!(inlets.0.seats().by_origin.is_empty());
    drop(accept(&inlets, &member_hello(1, 1)));
    assert_eq!(inlets.0.seats().by_origin.len(), 1);
}

#[test]
fn a_probe_is_welcomed_carries_nothing_and_replaces_nothing() {
    let (process, inlets) = bench();
    let inlet = accept(&inlets, &member_hello(1, 1));
    process.take_told();
    let probe = accept(&inlets, &Hello { purpose: Purpose::Probe, ..member_hello(1, 0) });
    assert_eq!(transmit(&probe).1, Poll::Ready(false));
    assert_eq!(probe.handle_frame(Instant::now(), data(1)), Err(Violation::Direction));
    drop(probe);
    inlet.handle_frame(Instant::now(), data(1)).unwrap();
    assert_eq!(process.inbox.lock().unwrap().len(), 1);
    assert_eq!(process.take_told(), []);
}

#[test]
fn controls_are_heard_and_answered_on_the_same_connection() {
    let (process, inlets) = bench();
    let inlet = accept(&inlets, &member_hello(1, 1));
    process.take_told();
    inlet.handle_frame(Instant::now(), Frame::Control(beat(0))).unwrap();
    inlet.handle_frame(Instant::now(), Frame::Control(beat(5))).unwrap();
    assert!(matches!(transmit(&inlet).0, Some(Frame::Control(crate::frame::Control::Superseded { .. }))));
    assert!(transmit(&inlet).1.is_pending());
    inlet.handle_frame(Instant::now(), Frame::Bye(Seq(0))).unwrap();
    let from = Origin::Member(peer(1, 1));
    assert_eq!(process.take_told(), [Told::Control(from, beat(0)), Told::Control(from, beat(5)), Told::Leaving(from)]);
}

#[test]
fn words_of_the_receiving_end_are_violations() {
    let (_process, inlets) = bench();
    let inlet = accept(&inlets, &member_hello(1, 1));
    let ack = Frame::Ack(Welcome { cursor: Seq(0), credit: Credit::default() });
    assert_eq!(inlet.handle_frame(Instant::now(), ack), Err(Violation::Direction));
}
