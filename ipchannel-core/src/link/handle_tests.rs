use std::task::Waker;
use std::time::Duration;

use tokio_test::{assert_pending, assert_ready, assert_ready_err, assert_ready_ok, task};
use tower_service::Service;

use super::*;
use crate::envelope::Target;
use crate::error::SendError;
use crate::frame::{Credit, Frame, Seq, Welcome};
use crate::link::fixture::{Frames, Kept, MINUTE, Told, beat, ledger, member, message, number_of, peer};
use crate::link::{Dial, Outlet, Probe, Session, Violation};
use crate::receipt::Limits;

fn bench() -> (Arc<Kept>, Link) {
    let process = Kept::new(peer(1, 1));
    let link = Link::new(process.clone(), Policy::default(), ledger());
    (process, link)
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

fn begin(link: &Link) -> Dialling {
    link.begin(Origin::Member(peer(1, 1)), "tested", &member(2, 1, "a")).unwrap()
}

fn welcome(cursor: u64, messages: u32) -> Welcome {
    Welcome { cursor: Seq(cursor), credit: Credit { messages, bytes: 10_000 } }
}

fn connect(link: &Link, cursor: u64) -> Outlet {
    begin(link).welcomed(now(), welcome(cursor, 10)).unwrap()
}

fn transmit(outlet: &Outlet) -> Vec<Frame> {
    let mut sink = Frames::new();
    while outlet.poll_transmit(&mut Context::from_waker(Waker::noop()), now(), &mut sink) == Poll::Ready(true) {}
    sink.frames.into()
}

async fn send(link: &Link, envelope: Envelope) -> Receipt {
    let mut link = link.clone();
    poll_fn(|cx| link.poll_ready(cx)).await.unwrap();
    link.call(envelope).await.unwrap()
}

#[tokio::test]
async fn a_link_is_ready_while_it_is_connected_and_has_credit() {
    let (_process, link) = bench();
    let mut ready = task::spawn(link.clone());
    let mut wanted = task::spawn(link.wanted());
    assert_pending!(wanted.poll());
    assert_pending!(ready.enter(|cx, mut link| link.poll_ready(cx)));
    assert!(wanted.is_woken());
    assert_ready!(wanted.poll());
    let dialling = begin(&link);
    assert_eq!((dialling.hello().to, dialling.hello().attempt), (peer(2, 1), 1));
    assert_pending!(ready.enter(|cx, mut link| link.poll_ready(cx)));
    let outlet = dialling.welcomed(now(), welcome(0, 1)).unwrap();
    assert!(ready.is_woken() && link.is_connected());
    assert_ready_ok!(ready.enter(|cx, mut link| link.poll_ready(cx)));
    let receipt = ready.enter(|_, mut link| link.call(message(0, 8))).await.unwrap();
    assert_pending!(ready.enter(|cx, mut link| link.poll_ready(cx)));
    assert!(matches!(&transmit(&outlet)[..], [Frame::Data(data)] if data.seq == Seq(1)));
    outlet.handle_frame(now(), Frame::Ack(welcome(1, 1))).unwrap();
    assert!(ready.is_woken());
    assert_eq!(receipt.await, Ok(()));
    drop(outlet);
    assert!(!link.is_connected());
    assert_pending!(ready.enter(|cx, mut link| link.poll_ready(cx)));
}

#[tokio::test]
async fn messages_are_written_in_the_order_of_their_calls() {
    let (_process, link) = bench();
    let outlet = connect(&link, 0);
    let mut flushed = task::spawn(link.flushed());
    assert_ready!(flushed.poll());
    let mut receipts = Vec::new();
    for number in 0..10 {
        receipts.push(send(&link, message(number, 8)).await);
    }
    let mut flushed = task::spawn(link.flushed());
    assert_pending!(flushed.poll());
    let frames = transmit(&outlet);
    let numbers = frames.iter().map(|frame| match frame {
        Frame::Data(data) => (data.seq.0, number_of(&data.envelope)),
        frame => panic!("{frame:?}"),
    });
    assert!(numbers.eq((0..10).map(|number| (number + 1, number))));
    outlet.handle_frame(now(), Frame::Ack(welcome(10, 10))).unwrap();
    assert!(flushed.is_woken());
    assert_ready!(flushed.poll());
    for receipt in receipts {
        assert_eq!(receipt.await, Ok(()));
    }
}

#[tokio::test]
async fn a_message_that_is_called_too_late_waits_for_the_next_connection() {
    let (_process, mut link) = bench();
    let receipt = link.call(message(0, 8)).await.unwrap();
    assert_ready!(task::spawn(link.wanted()).poll());
    let outlet = connect(&link, 0);
    assert_eq!(transmit(&outlet).len(), 1);
    outlet.handle_frame(now(), Frame::Ack(welcome(1, 10))).unwrap();
    assert_eq!(receipt.await, Ok(()));
}

#[tokio::test]
async fn a_message_without_a_ticket_takes_room_in_the_ledger() {
    let ledger = Ledger::new(Limits { messages: 1, bytes: 100 });
    let mut link = Link::new(Kept::new(peer(1, 1)), Policy::default(), ledger.clone());
    let _receipt = link.call(message(0, 8)).await.unwrap();
    assert_eq!(link.call(message(1, 8)).await.unwrap_err(), SendError::Full.into());
    assert_eq!(link.call(message(1, 101)).await.unwrap_err(), SendError::TooLarge { size: 101, limit: 100 }.into());
    assert_eq!(ledger.unsettled(), 1);
}

#[tokio::test]
async fn a_ticket_of_another_ledger_is_settled_too() {
    let (_process, link) = bench();
    let outlet = connect(&link, 0);
    let mut envelope = message(0, 8);
    envelope.ticket = Some(ledger().try_open(8).unwrap());
    let receipt = send(&link, envelope).await;
    transmit(&outlet);
    outlet.handle_frame(now(), Frame::Ack(welcome(1, 10))).unwrap();
    assert_eq!(receipt.await, Ok(()));
}

#[tokio::test]
async fn a_message_that_can_reach_nobody_is_taken_and_fails_by_its_receipt() {
    let (_process, link) = bench();
    let _outlet = connect(&link, 0);
    let mut envelope = message(0, 8);
    envelope.target = Target::Member(peer(2, 0));
    let gone = Undelivered::NotDelivered(Reason::PeerGone(peer(2, 0).id));
    assert_eq!(send(&link, envelope).await.await, Err(gone));
}

#[tokio::test]
async fn after_shutdown_nothing_is_taken_and_what_is_left_comes_back() {
    let (_process, mut link) = bench();
    let kept = link.call(message(0, 8)).await.unwrap();
    let mut ready = task::spawn(link.clone());
    assert_pending!(ready.enter(|cx, mut link| link.poll_ready(cx)));
    link.shutdown();
    assert!(ready.is_woken());
    assert_eq!(assert_ready_err!(ready.enter(|cx, mut link| link.poll_ready(cx))), SendError::Closed.into());
    let mut late = message(1, 8);
    let ticket = ledger().try_open(8).unwrap();
    let receipt = ticket.receipt();
    late.ticket = Some(ticket);
    assert_eq!(link.call(late).await.unwrap_err(), SendError::Closed.into());
    assert_eq!(receipt.await, Err(Undelivered::NotDelivered(Reason::Closed)));
    assert_ready!(task::spawn(link.wanted()).poll());
    let mut flushed = task::spawn(link.flushed());
    assert_pending!(flushed.poll());
    assert_eq!(link.drain().len(), 1);
    assert!(flushed.is_woken());
    assert_eq!(kept.await, Err(Undelivered::NotDelivered(Reason::Closed)));
    let outlet = connect(&link, 0);
    assert!(matches!(&transmit(&outlet)[..], [Frame::Bye(Seq(0))]));
}

#[tokio::test(start_paused = true)]
async fn timers_fail_messages_at_their_deadlines_and_let_go_of_idle_connections() {
    let (_process, link) = bench();
    let outlet = connect(&link, 0);
    let mut other = link.clone();
    let beside = async {
        let start = tokio::time::Instant::now();
        let mut late = message(0, 8);
        late.deadline = Some(now() + Duration::from_secs(5));
        let late = other.call(late).await.unwrap();
        transmit(&outlet);
        // Sooner than what the timers wait for by now.
        tokio::task::yield_now().await;
        let mut early = message(1, 8);
        early.deadline = Some(now() + Duration::from_secs(2));
        let early = other.call(early).await.unwrap();
        assert_eq!(early.await, Err(Undelivered::NotDelivered(Reason::Deadline)));
        assert_eq!(start.elapsed().as_secs(), 2);
        assert_eq!(late.await, Err(Undelivered::Unknown(Reason::Deadline)));
        assert_eq!(start.elapsed().as_secs(), 5);
        outlet.handle_frame(now(), Frame::Ack(welcome(1, 1))).unwrap();
        assert!(!poll_fn(|cx| outlet.poll_transmit(cx, now(), &mut Frames::new())).await);
        assert!(start.elapsed() >= Policy::default().idle && start.elapsed() < MINUTE * 2);
    };
    tokio::select! {
        () = link.timers() => unreachable!("timers never complete"),
        () = beside => {}
    }
}

#[tokio::test]
async fn a_connection_that_was_replaced_is_without_effect_and_closes() {
    let (process, link) = bench();
    let old = connect(&link, 0);
    let receipt = send(&link, message(0, 8)).await;
    transmit(&old);
    let mut parked = task::spawn(());
    assert_pending!(parked.enter(|cx, _| old.poll_transmit(cx, now(), &mut Frames::new())));
    let dialling = begin(&link);
    assert!(parked.is_woken());
    assert_eq!(
        old.poll_transmit(&mut Context::from_waker(Waker::noop()), now(), &mut Frames::new()),
        Poll::Ready(false)
    );
    let new = dialling.welcomed(now(), welcome(0, 10)).unwrap();
    old.handle_frame(now(), Frame::Ack(welcome(1, 10))).unwrap();
    old.handle_frame(now(), Frame::Bye(Seq(1))).unwrap();
    drop(old);
    assert!(link.is_connected());
    assert_eq!(transmit(&new).len(), 1);
    new.handle_frame(now(), Frame::Ack(welcome(1, 10))).unwrap();
    assert_eq!(receipt.await, Ok(()));
    let (stale, fresh) = (begin(&link), begin(&link));
    let fresh = fresh.welcomed(now(), welcome(1, 10)).unwrap();
    let stale = stale.welcomed(now(), welcome(9, 10)).unwrap();
    assert!(transmit(&stale).is_empty());
    drop((stale, new));
    assert!(link.is_connected());
    drop(fresh);
    let told = process.take_told();
    let count = |event| told.iter().filter(|told| **told == event).count();
    let receiver = Origin::Member(peer(2, 1));
    assert_eq!(count(Told::Connected(receiver, true)), 4);
    assert_eq!(count(Told::Disconnected(receiver, true)), 4);
}

#[tokio::test]
async fn the_process_hears_what_the_peer_says_and_answers_on_the_same_connection() {
    let (process, link) = bench();
    let outlet = connect(&link, 0);
    outlet.handle_frame(now(), Frame::Control(beat(0))).unwrap();
    assert!(matches!(&transmit(&outlet)[..], [Frame::Control(Control::Superseded { .. })]));
    outlet.handle_frame(now(), Frame::Bye(Seq(0))).unwrap();
    assert!(!link.is_connected());
    drop(outlet);
    let receiver = Origin::Member(peer(2, 1));
    let heard = [
        Told::Connected(receiver, true),
        Told::Control(receiver, beat(0)),
        Told::Leaving(receiver),
        Told::Disconnected(receiver, true),
    ];
    assert_eq!(process.take_told(), heard);
    assert!(link.begin(Origin::Member(peer(1, 1)), "tested", &member(2, 1, "a")).is_err());
}

#[tokio::test]
async fn whatever_asks_for_a_connection_wakes_who_makes_it() {
    let asks: [fn(&Link); 3] = [|link| link.pin(true), Link::greet, |link| link.control(beat(1))];
    for ask in asks {
        let (_process, link) = bench();
        let mut wanted = task::spawn(link.wanted());
        assert_pending!(wanted.poll());
        ask(&link);
        assert!(wanted.is_woken());
        assert_ready!(wanted.poll());
    }
}

#[tokio::test]
async fn a_welcome_that_claims_what_was_never_sent_is_a_violation_and_leaves_the_link_as_it_was() {
    let (process, link) = bench();
    let violation = begin(&link).welcomed(now(), welcome(1, 1)).err();
    assert_eq!(violation, Some(Violation::Acknowledged));
    assert!(!link.is_connected());
    assert_eq!(process.take_told(), []);
    let outlet = connect(&link, 0);
    for frame in [Frame::Ack(welcome(1, 1)), Frame::Bye(Seq(1))] {
        assert_eq!(outlet.handle_frame(now(), frame), Err(Violation::Acknowledged));
    }
}

#[tokio::test]
async fn a_probe_that_is_answered_ends() {
    let probe = Probe::new(Origin::Member(peer(1, 1)), "tested", peer(2, 1));
    assert_eq!(probe.hello().purpose, Purpose::Probe);
    let probed = probe.welcomed(now(), welcome(0, 0)).unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(probed.poll_transmit(&mut cx, now(), &mut Frames::new()), Poll::Ready(false));
    assert_eq!(probed.handle_frame(now(), Frame::Bye(Seq(0))), Err(Violation::Direction));
}
