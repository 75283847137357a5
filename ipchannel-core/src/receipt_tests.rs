use super::*;
use crate::error::Reason;

fn ledger(messages: usize, bytes: usize) -> Ledger {
    Ledger::new(Limits { messages, bytes })
}

fn late() -> Undelivered {
    Undelivered::NotDelivered(Reason::Deadline)
}

#[test]
fn room_comes_back_when_a_ticket_is_settled_and_only_once() {
    let ledger = ledger(2, 100);
    let first = ledger.try_open(60).unwrap();
    assert_eq!(ledger.try_open(60).unwrap_err(), SendError::Full);
    let second = ledger.try_open(40).unwrap();
    assert_eq!(ledger.try_open(0).unwrap_err(), SendError::Full);
    second.settle(Ok(()));
    second.settle(Ok(()));
    let third = ledger.try_open(40).unwrap();
    assert_eq!(ledger.try_open(0).unwrap_err(), SendError::Full);
    drop((first, third));
    assert_eq!(ledger.unsettled(), 2);
}

#[test]
fn what_can_never_fit_is_too_large() {
    assert_eq!(ledger(1, 10).try_open(11).unwrap_err(), SendError::TooLarge { size: 11, limit: 10 });
}

#[tokio::test]
async fn receipts_tell_the_first_outcome_in_whatever_order_they_are_settled() {
    let ledger = ledger(10, 1000);
    let tickets: Vec<_> = (0..5).map(|_| ledger.try_open(1).unwrap()).collect();
    let receipts: Vec<_> = tickets.iter().map(Ticket::receipt).collect();
    tickets[3].settle(Err(late()));
    tickets[3].settle(Ok(()));
    ledger.deliver_all([&tickets[0], &tickets[1], &tickets[2], &tickets[4]]);
    let mut outcomes = Vec::new();
    for receipt in receipts {
        outcomes.push(receipt.await);
    }
    assert_eq!(outcomes, [Ok(()), Ok(()), Ok(()), Err(late()), Ok(())]);
}

#[tokio::test]
async fn nothing_is_kept_for_dropped_receipts() {
    let ledger = ledger(10, 1000);
    for _ in 0..100 {
        let ticket = ledger.try_open(1).unwrap();
        let kept = ticket.receipt();
        drop(ticket.receipt());
        ticket.settle(Err(late()));
        assert_eq!(kept.await, Err(late()));
    }
    let accounts = ledger.accounts();
    assert!(accounts.slots.is_empty() && accounts.failed.is_empty());
}

#[tokio::test]
async fn who_waits_for_room_gets_it_in_turn_and_closing_ends_the_wait() {
    let ledger = ledger(1, 1000);
    let first = ledger.try_open(1).unwrap();
    let mut waiting = tokio_test::task::spawn(ledger.open_wait(1));
    tokio_test::assert_pending!(waiting.poll());
    first.settle(Ok(()));
    assert!(waiting.is_woken());
    let second = tokio_test::assert_ready!(waiting.poll()).unwrap();
    let mut third = tokio_test::task::spawn(ledger.open_wait(1));
    tokio_test::assert_pending!(third.poll());
    ledger.close();
    assert_eq!(tokio_test::assert_ready!(third.poll()).unwrap_err(), SendError::Closed);
    let receipt = second.receipt();
    second.settle(Ok(()));
    assert_eq!(receipt.await, Ok(()));
}
