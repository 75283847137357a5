use std::collections::VecDeque;

use futures_util::FutureExt;

use super::*;
use crate::frame::Data;
use crate::link::fixture::{Frames, beat, ledger, lineage, member, message, number_of, peer};
use crate::receipt::Receipt;

const IDLE: Duration = Duration::from_secs(30);

/// A sender with its clock.
struct Bench {
    sender: Sender,
    now: Instant,
}

impl Bench {
    fn new() -> Bench {
        Bench { sender: Sender::new(Policy { idle: IDLE }, ledger()), now: Instant::now() }
    }

    /// Connected to this member, which has `cursor` and gives plenty of credit.
    fn connect(&mut self, to: &Member, cursor: u64) {
        self.sender.begin(to).unwrap();
        self.sender.handle_welcome(self.now, ack(cursor, 100, 100_000)).unwrap();
    }

    fn push(&mut self, envelope: Envelope) -> Receipt {
        push(&mut self.sender, envelope)
    }

    fn transmit(&mut self) -> VecDeque<Frame> {
        let mut sink = Frames::new();
        while self.sender.poll_transmit(self.now, &mut sink) == Poll::Ready(true) {}
        sink.frames
    }

    /// What is written, as (number on the link, number of the message, redelivered).
    fn written(&mut self) -> Vec<(u64, u64, bool)> {
        let data = |frame| match frame {
            Frame::Data(Data { seq, redelivered, envelope, .. }) => (seq.0, number_of(&envelope), redelivered),
            frame => panic!("{frame:?}"),
        };
        self.transmit().into_iter().map(data).collect()
    }

    fn wait(&mut self, by: Duration) {
        self.now += by;
        self.sender.handle_timeout(self.now);
    }

    fn wants_close(&mut self) -> bool {
        self.sender.poll_transmit(self.now, &mut Frames::new()) == Poll::Ready(false)
    }
}

fn push(sender: &mut Sender, mut envelope: Envelope) -> Receipt {
    let ticket = sender.ledger.try_open(envelope.size()).unwrap();
    let receipt = ticket.receipt();
    envelope.ticket = Some(ticket);
    sender.push(envelope);
    receipt
}

fn ack(cursor: u64, messages: u32, bytes: u64) -> Welcome {
    Welcome { cursor: Seq(cursor), credit: Credit { messages, bytes } }
}

fn outcome(receipt: Receipt) -> Option<Result<(), Undelivered>> {
    receipt.now_or_never()
}

fn not_delivered(reason: Reason) -> Option<Result<(), Undelivered>> {
    Some(Err(Undelivered::NotDelivered(reason)))
}

fn unknown(reason: Reason) -> Option<Result<(), Undelivered>> {
    Some(Err(Undelivered::Unknown(reason)))
}

fn only_for(mut envelope: Envelope, peer: PeerRef) -> Envelope {
    envelope.target = Target::Member(peer);
    envelope
}

#[test]
fn what_the_welcome_does_not_hold_is_written_again_on_the_next_connection() {
    let mut bench = Bench::new();
    bench.connect(&member(2, 1, "a"), 0);
    let receipts: Vec<_> = (0..4).map(|n| bench.push(message(n, 8))).collect();
    assert_eq!(bench.written(), [(1, 0, false), (2, 1, false), (3, 2, false), (4, 3, false)]);
    bench.sender.handle_ack(bench.now, ack(1, 100, 1000)).unwrap();
    bench.connect(&member(2, 1, "a"), 2);
    assert_eq!(bench.written(), [(3, 2, false), (4, 3, false)]);
    bench.sender.handle_ack(bench.now, ack(4, 100, 1000)).unwrap();
    assert!(receipts.into_iter().all(|receipt| outcome(receipt) == Some(Ok(()))));
    assert!(bench.sender.is_flushed());
}

#[test]
fn an_expired_message_leaves_no_hole() {
    let mut bench = Bench::new();
    bench.connect(&member(2, 1, "a"), 0);
    let kept = bench.push(message(0, 8));
    let mut short = message(1, 8);
    short.deadline = Some(bench.now + Duration::from_secs(1));
    let expired = bench.push(short);
    let last = bench.push(message(2, 8));
    assert_eq!(bench.written().len(), 3);
    assert_eq!(bench.sender.poll_timeout(), Some(bench.now + Duration::from_secs(1)));
    bench.wait(Duration::from_secs(1));
    assert_eq!(outcome(expired), unknown(Reason::Deadline));
    bench.connect(&member(2, 1, "a"), 0);
    assert_eq!(bench.written(), [(1, 0, false), (2, 2, false)]);
    bench.sender.handle_ack(bench.now, ack(2, 100, 1000)).unwrap();
    assert_eq!((outcome(kept), outcome(last)), (Some(Ok(())), Some(Ok(()))));
}

#[test]
fn what_a_welcome_shows_not_to_have_arrived_expires_as_certainly_not_delivered() {
    let mut bench = Bench::new();
    bench.connect(&member(2, 1, "a"), 0);
    let mut short = message(0, 8);
    short.deadline = Some(bench.now + Duration::from_secs(1));
    let receipt = bench.push(short);
    assert_eq!(bench.written().len(), 1);
    bench.connect(&member(2, 1, "a"), 0);
    bench.wait(Duration::from_secs(1));
    assert_eq!(outcome(receipt), not_delivered(Reason::Deadline));
    assert!(bench.written().is_empty());
}

#[test]
fn the_successor_of_a_crashed_process_gets_what_was_written_marked() {
    let mut bench = Bench::new();
    bench.connect(&member(2, 1, "a"), 0);
    let _receipts = (bench.push(message(0, 8)), bench.push(message(1, 8)));
    assert_eq!(bench.written().len(), 2);
    bench.sender.handle_ack(bench.now, ack(1, 100, 1000)).unwrap();
    let _unwritten = bench.push(message(2, 8));
    bench.connect(&member(2, 5, "a"), 0);
    assert_eq!(bench.written(), [(1, 1, true), (2, 2, false)]);
}

#[test]
fn the_successor_of_a_process_that_said_goodbye_gets_the_rest_unmarked() {
    let mut bench = Bench::new();
    bench.connect(&member(2, 1, "a"), 0);
    let taken = bench.push(message(0, 8));
    let alone = bench.push(only_for(message(1, 8), peer(2, 1)));
    let _rest = bench.push(message(2, 8));
    assert_eq!(bench.written().len(), 3);
    bench.sender.handle_bye(Seq(1)).unwrap();
    assert_eq!(outcome(taken), Some(Ok(())));
    assert!(bench.wants_close());
    bench.sender.handle_end();
    assert_eq!(outcome(alone), not_delivered(Reason::PeerGone(peer(2, 1).id)));
    assert_eq!(bench.sender.begin(&member(2, 1, "a")), Err(BeginError::Gone(peer(2, 1))));
    bench.connect(&member(2, 2, "a"), 0);
    assert_eq!(bench.written(), [(1, 2, false)]);
}

#[test]
fn another_program_gets_nothing_that_was_meant_for_the_one_before() {
    let mut bench = Bench::new();
    bench.connect(&member(2, 1, "a"), 0);
    let written = bench.push(message(0, 8));
    assert_eq!(bench.written().len(), 1);
    let mut named = message(1, 8);
    named.lineage = Some(lineage("a"));
    let unwritten = bench.push(named.clone());
    let _for_anybody = bench.push(message(2, 8));
    bench.sender.handle_end();
    bench.connect(&member(2, 2, "b"), 0);
    let replaced = Reason::PeerReplaced(peer(2, 2).id);
    assert_eq!(outcome(written), unknown(replaced.clone()));
    assert_eq!(outcome(unwritten), not_delivered(replaced.clone()));
    assert_eq!(outcome(bench.push(named)), not_delivered(replaced));
    assert_eq!(bench.written(), [(1, 2, false)]);
}

#[test]
fn another_program_gets_nothing_that_came_while_it_was_dialled() {
    let mut bench = Bench::new();
    bench.sender.begin(&member(2, 1, "a")).unwrap();
    let mut named = message(0, 8);
    named.lineage = Some(lineage("b"));
    let receipt = bench.push(named);
    assert!(!bench.sender.is_flushed());
    bench.sender.handle_welcome(bench.now, ack(0, 100, 1000)).unwrap();
    assert_eq!(outcome(receipt), not_delivered(Reason::PeerReplaced(peer(2, 1).id)));
    assert!(bench.written().is_empty());
}

#[test]
fn what_was_written_to_one_program_and_shown_not_to_have_arrived_still_belongs_to_it() {
    let mut bench = Bench::new();
    bench.connect(&member(2, 1, "a"), 0);
    let receipt = bench.push(message(0, 8));
    assert_eq!(bench.written().len(), 1);
    bench.connect(&member(2, 1, "a"), 0);
    bench.connect(&member(2, 2, "b"), 0);
    assert_eq!(outcome(receipt), not_delivered(Reason::PeerReplaced(peer(2, 2).id)));
}

#[test]
fn a_process_that_is_gone_is_heard_out_before_its_messages_fail() {
    let mut bench = Bench::new();
    bench.connect(&member(2, 1, "a"), 0);
    let taken = bench.push(only_for(message(0, 8), peer(2, 1)));
    let lost = bench.push(only_for(message(1, 8), peer(2, 1)));
    assert_eq!(bench.written().len(), 2);
    bench.sender.handle_gone(bench.now, Incarnation(1));
    assert!(!bench.sender.is_ready());
    bench.sender.handle_ack(bench.now, ack(1, 100, 1000)).unwrap();
    assert_eq!(outcome(taken), Some(Ok(())));
    assert!(!bench.wants_close());
    assert_eq!(bench.sender.poll_timeout(), Some(bench.now + GRACE));
    bench.wait(GRACE);
    assert!(bench.wants_close());
    assert_eq!(outcome(lost), unknown(Reason::PeerGone(peer(2, 1).id)));
    let late = bench.push(only_for(message(2, 8), peer(2, 1)));
    assert_eq!(outcome(late), not_delivered(Reason::PeerGone(peer(2, 1).id)));
}

#[test]
fn a_process_that_is_found_gone_while_it_is_dialled_is_let_go() {
    let mut bench = Bench::new();
    bench.sender.begin(&member(2, 1, "a")).unwrap();
    let _receipt = bench.push(message(0, 8));
    bench.sender.handle_gone(bench.now, Incarnation(1));
    bench.sender.handle_welcome(bench.now, ack(0, 100, 1000)).unwrap();
    assert!(bench.wants_close() && !bench.sender.is_connected());
}

#[test]
fn a_message_for_the_next_life_of_the_seat_waits_for_it() {
    let mut bench = Bench::new();
    bench.connect(&member(2, 1, "a"), 0);
    let _receipt = bench.push(only_for(message(0, 8), peer(2, 2)));
    assert!(!bench.sender.is_ready());
    assert!(bench.written().is_empty());
    bench.sender.handle_end();
    assert_eq!(bench.sender.begin(&member(2, 1, "a")), Err(BeginError::Gone(peer(2, 1))));
    bench.connect(&member(2, 2, "a"), 0);
    assert_eq!(bench.written(), [(1, 0, false)]);
}

#[test]
fn nothing_is_written_beyond_credit_but_one_message_of_any_size() {
    let mut bench = Bench::new();
    bench.sender.begin(&member(2, 1, "a")).unwrap();
    bench.sender.handle_welcome(bench.now, ack(0, 3, 20)).unwrap();
    let _receipts: Vec<_> =
        [100, 8, 8, 8].into_iter().enumerate().map(|(n, size)| bench.push(message(n as u64, size))).collect();
    assert_eq!(bench.written(), [(1, 0, false)]);
    bench.sender.handle_ack(bench.now, ack(1, 0, 0)).unwrap();
    assert!(!bench.sender.is_ready() && bench.written().is_empty());
    bench.sender.handle_ack(bench.now, ack(1, 3, 20)).unwrap();
    assert_eq!(bench.written(), [(2, 1, false), (3, 2, false)]);
    assert!(!bench.sender.is_ready());
    bench.sender.handle_ack(bench.now, ack(3, 3, 20)).unwrap();
    assert!(bench.sender.is_ready());
    assert_eq!(bench.written(), [(4, 3, false)]);
    bench.sender.handle_ack(bench.now, ack(4, 3, 20)).unwrap();
}

#[test]
fn acknowledgements_of_what_was_not_written_or_taken_back_are_violations() {
    let mut bench = Bench::new();
    bench.connect(&member(2, 1, "a"), 0);
    let _receipts = (bench.push(message(0, 8)), bench.push(message(1, 8)));
    assert_eq!(bench.sender.handle_ack(bench.now, ack(1, 1, 1)), Err(Violation::Acknowledged));
    assert_eq!(bench.written().len(), 2);
    assert_eq!(bench.sender.handle_ack(bench.now, ack(3, 1, 1)), Err(Violation::Acknowledged));
    assert_eq!(bench.sender.handle_ack(bench.now, ack(u64::MAX, 1, 1)), Err(Violation::Acknowledged));
    bench.sender.handle_ack(bench.now, ack(2, 1, 1)).unwrap();
    assert_eq!(bench.sender.handle_ack(bench.now, ack(1, 1, 1)), Err(Violation::Rewound));
    assert_eq!(bench.sender.handle_bye(Seq(3)), Err(Violation::Acknowledged));
    bench.sender.begin(&member(2, 1, "a")).unwrap();
    assert_eq!(bench.sender.handle_welcome(bench.now, ack(1, 1, 1)), Err(Violation::Rewound));
}

#[test]
fn an_idle_connection_is_let_go_unless_it_is_pinned_or_something_is_not_acknowledged() {
    let mut bench = Bench::new();
    bench.connect(&member(2, 1, "a"), 0);
    let _receipt = bench.push(message(0, 8));
    assert_eq!(bench.written().len(), 1);
    bench.wait(2 * IDLE);
    assert!(!bench.wants_close());
    bench.sender.handle_ack(bench.now, ack(1, 1, 1)).unwrap();
    bench.sender.pin(true);
    bench.wait(2 * IDLE);
    assert!(!bench.wants_close());
    bench.sender.pin(false);
    let check = bench.sender.poll_timeout().unwrap();
    bench.sender.handle_timeout(check);
    assert!(bench.wants_close());
    assert_eq!(bench.sender.poll_timeout(), None);
    bench.sender.handle_end();
    assert!(!bench.sender.is_wanted());
}

#[test]
fn idle_may_be_never() {
    let mut bench = Bench::new();
    bench.sender.policy.idle = Duration::MAX;
    bench.connect(&member(2, 1, "a"), 0);
    assert_eq!(bench.sender.poll_timeout(), None);
    bench.wait(1000 * IDLE);
    assert!(!bench.wants_close());
}

#[test]
fn a_connection_that_was_used_lately_stays() {
    let mut bench = Bench::new();
    bench.connect(&member(2, 1, "a"), 0);
    bench.wait(IDLE / 2);
    bench.sender.control(beat(1));
    assert_eq!(bench.transmit().len(), 1);
    bench.wait(IDLE / 2);
    assert!(!bench.wants_close());
    assert_eq!(bench.sender.poll_timeout(), Some(bench.now + IDLE / 2));
    bench.wait(IDLE / 2);
    assert!(bench.wants_close());
}

#[test]
fn controls_go_ahead_of_messages_and_end_with_their_connection() {
    let mut bench = Bench::new();
    bench.connect(&member(2, 1, "a"), 0);
    let _receipt = bench.push(message(0, 8));
    bench.sender.control(beat(1));
    bench.sender.control(beat(2));
    let frames = bench.transmit();
    assert!(matches!(&frames[0], Frame::Control(control) if *control == beat(2)));
    assert!(matches!(&frames[1], Frame::Data(_)) && frames.len() == 2);
    bench.sender.control(beat(3));
    bench.connect(&member(2, 1, "a"), 1);
    assert!(bench.transmit().is_empty());
}

#[test]
fn a_connection_is_wanted_for_messages_pins_greetings_and_controls() {
    let mut bench = Bench::new();
    assert!(!bench.sender.is_wanted());
    bench.sender.greet();
    assert!(bench.sender.is_wanted());
    bench.connect(&member(2, 1, "a"), 0);
    bench.sender.greet();
    bench.sender.handle_end();
    assert!(!bench.sender.is_wanted());
    bench.sender.pin(true);
    assert!(bench.sender.is_wanted());
    bench.sender.pin(false);
    bench.sender.control(beat(1));
    assert!(bench.sender.is_wanted());
    bench.connect(&member(2, 1, "a"), 0);
    let _receipt = bench.push(message(0, 8));
    assert!(!bench.sender.is_wanted());
    bench.sender.handle_end();
    assert!(bench.sender.is_wanted());
    bench.sender.drain();
    assert!(!bench.sender.is_wanted());
}

#[test]
fn nobody_goes_on_to_greet_who_is_gone() {
    let mut bench = Bench::new();
    bench.sender.greet();
    bench.sender.begin(&member(2, 1, "a")).unwrap();
    bench.sender.handle_end(); // refused
    assert!(bench.sender.is_wanted());
    bench.sender.handle_gone(bench.now, Incarnation(1));
    assert!(!bench.sender.is_wanted());

    bench.sender.greet();
    bench.sender.begin(&member(2, 3, "a")).unwrap();
    bench.sender.handle_end();
    bench.sender.handle_gone(bench.now, Incarnation(2));
    assert!(bench.sender.is_wanted());
}

#[test]
fn goodbye_is_said_when_everything_is_settled() {
    let mut bench = Bench::new();
    bench.connect(&member(2, 1, "a"), 0);
    let acked = bench.push(message(0, 8));
    let drained = bench.push(message(1, 8));
    assert_eq!(bench.written().len(), 2);
    bench.sender.shutdown();
    assert!(bench.transmit().is_empty());
    bench.sender.handle_ack(bench.now, ack(1, 1, 1)).unwrap();
    let left = bench.sender.drain();
    assert!(matches!(&left[..], [(envelope, Undelivered::Unknown(Reason::Closed))] if number_of(envelope) == 1));
    assert_eq!((outcome(acked), outcome(drained)), (Some(Ok(())), unknown(Reason::Closed)));
    assert!(matches!(bench.transmit().make_contiguous(), [Frame::Bye(Seq(1))]));
    assert!(bench.wants_close());
    bench.sender.handle_ack(bench.now, ack(2, 1, 1)).unwrap();
}

#[test]
fn a_dropped_sender_settles_what_it_had() {
    let mut bench = Bench::new();
    let receipt = bench.push(message(0, 8));
    drop(bench);
    assert_eq!(outcome(receipt), not_delivered(Reason::Closed));
}
