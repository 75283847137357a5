use std::time::Duration;

use tokio_test::task::{self, Spawn};
use tokio_test::{assert_pending, assert_ready};
use tower::util::BoxService;
use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
use tower_layer::Identity;

use super::*;
use crate::layer::probe::{Control, OPEN};
use crate::router::peer_stack;
use crate::router::testing::*;

type Link = BoxService<Envelope, Receipt, Undelivered>;

fn outbox(messages: usize, allowed: usize) -> (Outbox, Spawn<OutboxDriver<Link>>, Control<Envelope>) {
    let (link, control) = link(allowed);
    let (outbox, driver) = Outbox::new(link, ledger(messages));
    (outbox, task::spawn(driver), control)
}

#[test]
fn messages_wait_for_the_driver_and_go_out_in_order() {
    let (outbox, mut driver, link) = outbox(1000, OPEN);
    let receipts: Vec<_> = (0..500).map(|number| outbox.try_send(to_first(number)).unwrap()).collect();
    while driver.poll().is_pending() && driver.is_woken() {}
    assert_eq!(numbers(&link), (0..500).collect::<Vec<_>>());
    let last = outbox.try_send(to_first(500)).unwrap();
    assert!(driver.is_woken());
    assert_pending!(driver.poll());
    for envelope in link.calls() {
        envelope.ticket.unwrap().settle(Ok(()));
    }
    assert!(receipts.into_iter().chain([last]).all(|receipt| outcome(receipt) == Some(Ok(()))));
    assert_eq!(outbox.ledger().unsettled(), 0);
}

#[test]
fn what_is_not_accepted_comes_back() {
    let (outbox, mut driver, _link) = outbox(1, 0);
    drop(outbox.try_send(to_first(1)).unwrap());
    let (error, envelope) = outbox.try_send(to_first(2)).unwrap_err();
    assert_eq!((error, number(&envelope), envelope.ticket.is_none()), (SendError::Full, 2, true));
    let large = Envelope { event: "x".repeat(ROOMY.bytes).into(), ..envelope };
    assert!(matches!(outbox.try_send(large).unwrap_err(), (SendError::TooLarge { .. }, _)));
    outbox.close();
    assert_eq!(outbox.try_send(to_first(3)).unwrap_err().0, SendError::Closed);
    assert_pending!(driver.poll());
}

#[tokio::test]
async fn a_failed_call_settles_its_message_and_no_other() {
    let (outbox, mut driver, link) = outbox(10, OPEN);
    let (failure, fate) = plain("no entry");
    link.fail(failure);
    let failed = outbox.try_send(to_first(1)).unwrap();
    let sent = outbox.try_send(to_first(2)).unwrap();
    assert_pending!(driver.poll());
    assert_eq!(failed.await, Err(fate));
    assert_eq!((outcome(sent), outbox.ledger().unsettled()), (None, 1));
}

#[tokio::test]
async fn an_error_instead_of_readiness_fails_the_message_at_hand_and_the_driver_goes_on() {
    let (outbox, mut driver, link) = outbox(10, OPEN);
    let (failure, fate) = plain("not now");
    link.unready(failure);
    let receipts: Vec<_> = (0..3).map(|number| outbox.try_send(to_first(number)).unwrap()).collect();
    assert_pending!(driver.poll());
    assert_eq!(numbers(&link), [1, 2]);
    let outcomes: Vec<_> = receipts.into_iter().map(outcome).collect();
    assert_eq!(outcomes, [Some(Err(fate)), None, None]);
}

#[tokio::test(start_paused = true)]
async fn messages_expire_while_the_stack_is_not_ready_whatever_their_order() {
    let (outbox, mut driver, link) = outbox(10, 0);
    let first = outbox.try_send(to_first(0)).unwrap();
    let second = outbox.try_send(within(5, to_first(1))).unwrap();
    assert_pending!(driver.poll());
    let third = outbox.try_send(within(2, to_first(2))).unwrap();
    assert_pending!(driver.poll());
    tokio::time::advance(Duration::from_secs(3)).await;
    assert!(driver.is_woken());
    assert_pending!(driver.poll());
    let late = Some(Err(certainly(Reason::Deadline)));
    assert_eq!(outcome(third), late);
    tokio::time::advance(Duration::from_secs(3)).await;
    assert_pending!(driver.poll());
    assert_eq!(outcome(second), late);
    link.allow(OPEN);
    assert_pending!(driver.poll());
    assert_eq!((outcome(first), numbers(&link)), (None, vec![0]));
}

#[tokio::test]
async fn who_waits_for_room_gets_it_in_turn_and_may_leave() {
    let (outbox, mut driver, link) = outbox(1, OPEN);
    drop(outbox.try_send(to_first(0)).unwrap());
    let mut waiting: Vec<_> = (1..4).map(|number| task::spawn(outbox.send_wait(to_first(number)))).collect();
    waiting.iter_mut().for_each(|send| assert_pending!(send.poll()));
    drop(waiting.remove(0));
    for mut send in waiting {
        assert_pending!(driver.poll());
        assert_pending!(send.poll());
        link.calls().last().unwrap().ticket.as_ref().unwrap().settle(Ok(()));
        assert!(send.is_woken());
        drop(assert_ready!(send.poll()).unwrap());
    }
    assert_pending!(driver.poll());
    assert_eq!(numbers(&link), [0, 2, 3]);
    let mut refused = task::spawn(outbox.send_wait(to_first(4)));
    assert_pending!(refused.poll());
    outbox.close();
    let (error, envelope) = assert_ready!(refused.poll()).unwrap_err();
    assert_eq!((error, number(&envelope)), (SendError::Closed, 4));
}

#[tokio::test]
async fn as_a_service_it_waits_for_room() {
    let (mut outbox, mut driver, link) = outbox(1, OPEN);
    let first = outbox.ready().await.unwrap().call(to_first(1)).await.unwrap();
    let mut second = task::spawn(outbox.ready().await.unwrap().call(to_first(2)));
    assert_pending!(second.poll());
    assert_pending!(driver.poll());
    link.calls()[0].ticket.as_ref().unwrap().settle(Ok(()));
    assert_eq!(first.await, Ok(()));
    assert!(second.is_woken());
    drop(assert_ready!(second.poll()).unwrap());
    outbox.close();
    assert_eq!(outbox.call(to_first(3)).await.unwrap_err(), SendError::Closed);
}

#[test]
fn after_close_what_was_accepted_goes_out_and_the_driver_ends_with_nothing() {
    let (outbox, mut driver, link) = outbox(10, 0);
    let receipt = outbox.try_send(to_first(1)).unwrap();
    outbox.close();
    assert_pending!(driver.poll());
    link.allow(1);
    assert!(driver.is_woken());
    assert!(assert_ready!(driver.poll()).is_empty());
    assert_eq!((numbers(&link), outcome(receipt)), (vec![1], None));
}

#[test]
fn when_the_last_handle_is_dropped_what_was_accepted_goes_out() {
    let (outbox, mut driver, link) = outbox(10, 0);
    let clone = outbox.clone();
    drop(clone.try_send(to_first(1)).unwrap());
    drop(outbox);
    assert_pending!(driver.poll());
    assert!(!driver.is_woken());
    drop(clone);
    assert!(driver.is_woken());
    assert_pending!(driver.poll());
    link.allow(1);
    assert!(assert_ready!(driver.poll()).is_empty());
    assert_eq!(numbers(&link), [1]);
}

#[tokio::test]
async fn giving_up_hands_back_in_order_what_was_not_accepted() {
    let (link, control) = link(3);
    control.hold(true);
    let (outbox, driver) = Outbox::new(peer_stack(link, Identity::new(), 2), ledger(10));
    let mut driver = task::spawn(driver);
    let receipts: Vec<_> = (0..8).map(|number| outbox.try_send(to_first(number)).unwrap()).collect();
    assert_pending!(driver.poll());
    // 0 is accepted; 1 and 2 are with the link, which has not answered; 3 and 4 are in the queue, the rest before it.
    assert!(control.release());
    assert_pending!(driver.poll());
    // 1 is accepted, but the driver has not been told.
    assert!(control.release());
    outbox.give_up();
    let left = assert_ready!(driver.poll());
    assert_eq!(left.iter().map(|(envelope, _)| number(envelope)).collect::<Vec<_>>(), [2, 3, 4, 5, 6, 7]);
    let closed = certainly(Reason::Closed);
    assert!(left.iter().all(|(_, fate)| *fate == closed));
    let outcomes: Vec<_> = receipts.into_iter().map(outcome).collect();
    assert_eq!(outcomes[..2], [None, None]);
    assert!(outcomes[2..].iter().all(|outcome| *outcome == Some(Err(closed.clone()))));
    assert_eq!(outbox.try_send(to_first(8)).unwrap_err().0, SendError::Closed);
}

#[tokio::test]
async fn a_driver_that_is_dropped_leaves_no_receipt_behind_and_claims_nothing_it_does_not_know() {
    let (outbox, mut driver, link) = outbox(10, 1);
    link.hold(true);
    let with_the_link = outbox.try_send(to_first(1)).unwrap();
    let waiting = outbox.try_send(to_first(2)).unwrap();
    assert_pending!(driver.poll());
    let in_the_mailbox = outbox.try_send(to_first(3)).unwrap();
    drop(driver);
    assert_eq!(with_the_link.await, Err(Undelivered::Unknown(Reason::Closed)));
    assert_eq!(waiting.await, Err(certainly(Reason::Closed)));
    assert_eq!(in_the_mailbox.await, Err(certainly(Reason::Closed)));
    assert_eq!(outbox.send_wait(to_first(4)).await.unwrap_err().0, SendError::Closed);
}

#[tokio::test(start_paused = true)]
async fn layers_of_tower_may_be_put_between() {
    let (link, control) = link(0);
    let layers = ServiceBuilder::new().timeout(Duration::from_secs(9)).concurrency_limit(1);
    let (outbox, driver) = Outbox::new(peer_stack(link, layers, 10), ledger(10));
    tokio::spawn(driver);
    let expired = outbox.try_send(within(5, to_first(1))).unwrap();
    let timed_out = outbox.try_send(to_first(2)).unwrap();
    let expired_before_the_layers = outbox.try_send(within(6, to_first(3))).unwrap();
    assert_eq!(expired.await, Err(certainly(Reason::Deadline)), "found within the error of the layers");
    assert_eq!(expired_before_the_layers.await, Err(certainly(Reason::Deadline)));
    assert_eq!(timed_out.await, Err(certainly(Reason::Layer("request timed out".into()))));
    control.allow(OPEN);
    drop(outbox.try_send(to_first(4)).unwrap());
    settle_down().await;
    assert_eq!(numbers(&control), [4]);
}

#[tokio::test]
async fn a_layer_may_turn_messages_away() {
    let (link, control) = link(OPEN);
    let layer = tower_layer::layer_fn(|inner: crate::router::PeerService<Link>| {
        inner.filter(|envelope: Envelope| match number(&envelope) {
            13 => Err(BoxError::from("bad luck")),
            _ => Ok(envelope),
        })
    });
    let (outbox, driver) = Outbox::new(peer_stack(link, layer, 10), ledger(10));
    let mut driver = task::spawn(driver);
    let receipt = outbox.try_send(to_first(13)).unwrap();
    drop(outbox.try_send(to_first(14)).unwrap());
    assert_pending!(driver.poll());
    assert_eq!(receipt.await, Err(certainly(Reason::Layer("bad luck".into()))));
    assert_eq!(numbers(&control), [14]);
}

#[test]
fn a_service_that_cannot_fail_is_a_stack() {
    let service = service_fn(|envelope: Envelope| async move {
        Ok::<_, std::convert::Infallible>(envelope.ticket.expect("the outbox gives it").receipt())
    });
    let (outbox, driver) = Outbox::new(service, ledger(10));
    let receipt = outbox.try_send(to_first(1)).unwrap();
    assert_pending!(task::spawn(driver).poll());
    assert!(outcome(receipt).is_none() || outbox.ledger().unsettled() == 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_that_was_accepted_is_lost_when_it_is_closed_meanwhile() {
    for round in 0..300 {
        let (link, control) = link(OPEN);
        let (outbox, driver) = Outbox::new(link, ledger(1000));
        let driver = tokio::spawn(driver);
        let senders = (0..3).map(|sender: u64| {
            let outbox = outbox.clone();
            tokio::task::spawn_blocking(move || {
                let send = |number: u64| outbox.try_send(to_first(sender * 1000 + number)).ok();
                (0..100u64).map_while(send).collect::<Vec<_>>()
            })
        });
        let senders: Vec<_> = senders.collect();
        (0..round * 100).for_each(|_| std::hint::spin_loop());
        match round % 2 {
            0 => outbox.close(),
            _ => outbox.give_up(),
        }
        let mut receipts = Vec::new();
        for sender in senders {
            receipts.extend(sender.await.unwrap());
        }
        let left = driver.await.unwrap();
        let accepted = receipts.len();
        let failed = receipts.into_iter().filter_map(outcome).count();
        assert_eq!(control.calls().len() + failed, accepted, "round {round}");
        assert_eq!(outbox.ledger().unsettled(), control.calls().len());
        assert!(left.len() <= failed);
    }
}

/// Sends, cancels, breaks and repairs by chance. Each message goes one way, and those that go out keep their order.
#[tokio::test(start_paused = true)]
async fn every_message_goes_out_in_order_or_fails_once_or_is_handed_back() {
    for seed in 0..600 {
        let rng = &mut fastrand::Rng::with_seed(seed);
        let (link, control) = link(0);
        let room = rng.usize(1..8);
        let (outbox, driver) = match rng.bool() {
            true => {
                let (outbox, driver) = Outbox::new(peer_stack(link, Identity::new(), room), ledger(20));
                (outbox, task::spawn(Either::Left(driver)))
            }
            false => {
                let layers = ServiceBuilder::new().concurrency_limit(rng.usize(1..4));
                let (outbox, driver) = Outbox::new(peer_stack(link, layers, room), ledger(20));
                (outbox, task::spawn(Either::Right(driver)))
            }
        };
        let mut driver = driver;
        assert_pending!(driver.poll());
        let mut sent: Vec<(u64, Option<Receipt>, Ticket)> = Vec::new();
        let mut next = 0;
        for _ in 0..rng.usize(5..120) {
            match rng.u32(..12) {
                0..5 => {
                    let envelope = match rng.u64(..6) {
                        0 => to_first(next),
                        seconds => within(seconds, to_first(next)),
                    };
                    let ticket = outbox.ledger().try_open(envelope.size());
                    if let Ok(ticket) = ticket {
                        let receipt = outbox.post(envelope, ticket.clone()).unwrap();
                        sent.push((next, rng.bool().then_some(receipt), ticket));
                        next += 1;
                    }
                }
                5 => control.allow(rng.usize(1..5)),
                6 => control.shut(),
                7 => control.hold(rng.bool()),
                8 => drop(control.release()),
                9 if rng.bool() => control.unready(plain("not now").0),
                9 => control.fail(plain("no").0),
                10 => tokio::time::advance(Duration::from_millis(rng.u64(..3000))).await,
                _ => {}
            }
            // A task may do only so much with tokio before it yields, and so may this one.
            tokio::task::yield_now().await;
            if driver.is_woken() || rng.u32(..4) == 0 {
                assert_pending!(driver.poll());
            }
        }
        let gives_up = rng.bool();
        match gives_up {
            true => outbox.give_up(),
            false => outbox.close(),
        }
        control.allow(OPEN);
        control.release_all();
        let left = loop {
            tokio::task::yield_now().await;
            assert!(driver.is_woken(), "seed {seed}: stuck");
            if let Poll::Ready(left) = driver.poll() {
                break left;
            }
        };
        let left: Vec<u64> = left.iter().map(|(envelope, _)| number(envelope)).collect();
        assert!(left.is_sorted() && (gives_up || left.is_empty()), "seed {seed}");
        let out = numbers(&control);
        assert!(out.is_sorted_by(|a, b| a < b), "seed {seed}: {out:?}");
        // The link answers for what it took, unless it has refused it or was never answered.
        let (failed, unsettled): (Vec<_>, Vec<_>) = sent.iter().partition(|(_, _, ticket)| ticket.is_settled());
        let only_numbers = |sent: &[&(u64, _, _)]| sent.iter().map(|(number, ..)| *number).collect::<Vec<u64>>();
        let (failed, unsettled) = (only_numbers(&failed), only_numbers(&unsettled));
        assert!(unsettled.iter().all(|number| out.contains(number)), "seed {seed}: lost one of {unsettled:?}");
        assert!(left.iter().all(|number| failed.contains(number)), "seed {seed}");
        assert_partition(next, &[&failed, &unsettled]);
        assert_eq!(outbox.ledger().unsettled(), unsettled.len(), "seed {seed}");
        for (_, receipt, ticket) in sent {
            ticket.settle(Ok(()));
            assert!(receipt.is_none_or(|receipt| outcome(receipt).is_some()), "seed {seed}");
        }
        assert_eq!(outbox.ledger().unsettled(), 0, "seed {seed}");
    }
}
