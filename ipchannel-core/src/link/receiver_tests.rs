use super::*;
use crate::link::fixture::{Frames, beat};

const LIMITS: Limits = Limits { messages: 16, bytes: 1600 };

fn at(incarnation: u64, attempt: u64) -> ConnectionId {
    ConnectionId { incarnation: Incarnation(incarnation), attempt }
}

fn connected() -> Receiver {
    let mut receiver = Receiver::new(LIMITS);
    receiver.handle_hello(at(1, 1)).unwrap();
    receiver
}

fn transmit(receiver: &mut Receiver) -> Option<Frame> {
    let mut sink = Frames::new();
    let wanted = receiver.wants_transmit();
    let polled = receiver.poll_transmit(&mut sink);
    assert_eq!(wanted, polled.is_ready());
    sink.frames.pop_front()
}

fn acked(receiver: &mut Receiver) -> Option<(u64, u32, u64)> {
    transmit(receiver).map(|frame| match frame {
        Frame::Ack(Welcome { cursor, credit }) => (cursor.0, credit.messages, credit.bytes),
        frame => panic!("{frame:?}"),
    })
}

#[test]
fn each_number_is_let_through_once_and_acknowledged_again() {
    let mut receiver = connected();
    assert_eq!(receiver.handle_data(Seq(1), 100), Ok(true));
    assert_eq!(receiver.handle_data(Seq(2), 100), Ok(true));
    assert_eq!(acked(&mut receiver), Some((2, 14, 1400)));
    assert_eq!(acked(&mut receiver), None);
    assert_eq!(receiver.handle_data(Seq(1), 100), Ok(false));
    assert_eq!(acked(&mut receiver), Some((2, 14, 1400)));
    let gap = Violation::Gap { expected: 3, got: u64::MAX };
    assert_eq!(receiver.handle_data(Seq(u64::MAX), 1), Err(gap));
    assert_eq!(receiver.handle_data(Seq(0), 1), Ok(false));
}

#[test]
fn more_than_the_credit_is_a_violation_but_for_one_message_of_any_size() {
    let mut receiver = connected();
    assert_eq!(receiver.handle_data(Seq(1), 5000), Ok(true));
    assert_eq!(acked(&mut receiver), Some((1, 0, 0)));
    assert_eq!(receiver.handle_data(Seq(2), 1), Err(Violation::Credit));
    receiver.handle_consumed(5000);
    for number in 2..18 {
        assert_eq!(receiver.handle_data(Seq(number), 1), Ok(true));
    }
    assert_eq!(receiver.handle_data(Seq(18), 1), Err(Violation::Credit));
}

#[test]
fn room_is_announced_when_an_eighth_of_it_came_back() {
    let mut receiver = connected();
    for number in 1..=16 {
        assert_eq!(receiver.handle_data(Seq(number), 10), Ok(true));
    }
    assert_eq!(acked(&mut receiver), Some((16, 0, 1440)));
    receiver.handle_consumed(10);
    assert_eq!(acked(&mut receiver), None);
    receiver.handle_consumed(10);
    assert_eq!(acked(&mut receiver), Some((16, 2, 1460)));
    assert_eq!(acked(&mut receiver), None);
}

#[test]
fn room_in_bytes_is_announced_too_and_never_as_credit_for_nothing() {
    let mut receiver = connected();
    for (number, size) in [(1, 0), (2, 0), (3, 100), (4, 1400), (5, 150)] {
        assert_eq!(receiver.handle_data(Seq(number), size), Ok(true));
    }
    assert_eq!(acked(&mut receiver), Some((5, 0, 0)));
    receiver.handle_consumed(0);
    receiver.handle_consumed(0);
    assert_eq!(acked(&mut receiver), None);
    receiver.handle_consumed(100);
    assert_eq!(acked(&mut receiver), Some((5, 14, 50)));
}

#[test]
fn the_latest_connection_counts() {
    let mut receiver = connected();
    assert_eq!(receiver.handle_data(Seq(1), 1), Ok(true));
    assert_eq!(receiver.handle_hello(at(1, 1)), Err(Refusal::Attempt));
    assert_eq!(receiver.handle_hello(at(1, 3)).unwrap().cursor, Seq(1));
    assert!(!receiver.is_current(at(1, 1)) && receiver.is_current(at(1, 3)));
    assert_eq!(receiver.handle_hello(at(1, 2)), Err(Refusal::Attempt));
    assert_eq!(receiver.handle_hello(at(2, 1)).unwrap().cursor, Seq(0));
    assert!(!receiver.is_current(at(1, 3)));
    assert_eq!(receiver.handle_hello(at(1, 9)), Err(Refusal::Superseded(Incarnation(2))));
    receiver.handle_end(at(1, 3));
    assert!(receiver.is_current(at(2, 1)));
    receiver.handle_cut(Incarnation(1));
    assert!(receiver.is_current(at(2, 1)));
    receiver.handle_cut(Incarnation(2));
    assert!(!receiver.is_connected() && transmit(&mut receiver).is_none());
}

#[test]
fn what_an_earlier_life_of_the_seat_left_unhandled_takes_room_from_the_next() {
    let mut receiver = connected();
    assert_eq!(receiver.handle_data(Seq(1), 600), Ok(true));
    let welcome = receiver.handle_hello(at(2, 1)).unwrap();
    assert_eq!(welcome.credit, Credit { messages: 15, bytes: 1000 });
    receiver.handle_consumed(600);
    assert_eq!(acked(&mut receiver), Some((0, 16, 1600)));
}

#[test]
fn goodbye_names_the_last_number_that_was_taken() {
    let mut receiver = connected();
    assert_eq!(receiver.handle_data(Seq(1), 1), Ok(true));
    receiver.answer(beat(1));
    receiver.handle_leave();
    assert_eq!(receiver.handle_data(Seq(2), 1), Ok(false));
    assert!(matches!(transmit(&mut receiver), Some(Frame::Control(_))));
    assert!(matches!(transmit(&mut receiver), Some(Frame::Bye(Seq(1)))));
    assert_eq!(receiver.poll_transmit(&mut Frames::new()), Poll::Ready(false));
    assert_eq!(receiver.handle_hello(at(2, 1)), Err(Refusal::Leaving));
}

#[test]
fn a_receiver_without_room_is_not_to_be_had() {
    let mut receiver = Receiver::new(Limits { messages: 0, bytes: 0 });
    assert_eq!(receiver.handle_hello(at(1, 1)).unwrap().credit, Credit { messages: 1, bytes: 1 });
}
