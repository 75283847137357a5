use std::time::{Duration, Instant};

use tokio_test::task;
use tokio_test::{assert_pending, assert_ready_err};
use tower::ServiceExt;

use super::*;
use crate::error::{Reason, SendError, Undelivered};
use crate::layer::now;
use crate::layer::probe::{Control, Failure, OPEN, Probe, probe};
use crate::peer::PeerId;

#[derive(Clone, Copy, PartialEq, Debug)]
struct Call(Option<Instant>);

impl HasDeadline for Call {
    fn deadline(&self) -> Option<Instant> {
        self.0
    }
}

const CALL: Call = Call(None);

fn gone() -> Failure {
    Undelivered::NotDelivered(Reason::PeerGone(PeerId::FIRST)).into()
}

fn backoff() -> Backoff {
    Backoff::new(Duration::from_millis(10), Duration::from_millis(10))
}

fn retry(budget: &RetryBudget, allowed: usize) -> (Retry<Probe<Call>>, Control<Call>) {
    let (service, control) = probe(allowed);
    (RetryLayer::new(IfNotDelivered, backoff(), budget.clone()).layer(service), control)
}

async fn call(service: &mut Retry<Probe<Call>>, call: Call) -> Result<Call, Failure> {
    service.ready().await?.call(call).await
}

#[tokio::test(start_paused = true)]
async fn what_was_certainly_not_delivered_is_tried_again_after_a_wait() {
    let (mut service, control) = retry(&RetryBudget::default(), OPEN);
    (0..3).for_each(|_| control.fail(gone()));
    let started = now();
    assert_eq!(call(&mut service, CALL).await, Ok(CALL));
    assert_eq!(control.calls().len(), 4);
    assert!(now() - started >= Duration::from_millis(30));
}

#[tokio::test(start_paused = true)]
async fn what_may_have_arrived_or_cannot_be_helped_is_not_tried_again() {
    let reason = Reason::PeerGone(PeerId::FIRST);
    let failures = [
        Failure::Undelivered(Undelivered::Unknown(reason)),
        Failure::Undelivered(Undelivered::NotDelivered(Reason::Deadline)),
        Failure::Undelivered(Undelivered::NotDelivered(Reason::Closed)),
        Failure::Undelivered(Undelivered::NotDelivered(Reason::NotAccepted(SendError::Closed))),
        Failure::Undelivered(Undelivered::NotDelivered(Reason::NotAccepted(SendError::TooLarge { size: 2, limit: 1 }))),
        Failure::Plain("the handler failed"),
    ];
    for failure in failures {
        let (mut service, control) = retry(&RetryBudget::default(), OPEN);
        control.fail(failure.clone());
        assert_eq!(call(&mut service, CALL).await, Err(failure));
        assert_eq!(control.calls().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn no_try_begins_after_the_deadline() {
    let (mut service, control) = retry(&RetryBudget::new(100, 1), OPEN);
    (0..100).for_each(|_| control.fail(gone()));
    let started = now();
    let deadline = started + Duration::from_millis(35);
    assert_eq!(call(&mut service, Call(Some(deadline))).await, Err(gone()));
    assert!(now() < deadline);
    assert_eq!(control.calls().len(), 1 + 3);
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_readiness_ends_at_the_deadline_with_the_last_error() {
    let (mut service, control) = retry(&RetryBudget::default(), 1);
    control.fail(gone());
    let deadline = now() + Duration::from_secs(1);
    assert_eq!(call(&mut service, Call(Some(deadline))).await, Err(gone()));
    assert_eq!((now(), control.calls().len()), (deadline, 1));
}

#[tokio::test(start_paused = true)]
async fn the_clone_that_tries_again_is_asked_for_readiness() {
    let (mut service, control) = retry(&RetryBudget::default(), 1);
    control.fail(gone());
    let mut response = task::spawn(call(&mut service, CALL));
    assert_pending!(response.poll());
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_pending!(response.poll());
    assert_eq!(control.calls().len(), 1);
    control.allow(1);
    assert!(response.is_woken());
    assert_eq!(response.await, Ok(CALL));
}

#[tokio::test(start_paused = true)]
async fn an_error_instead_of_readiness_is_a_try_that_failed() {
    let (mut service, control) = retry(&RetryBudget::default(), 1);
    control.fail(gone());
    let mut response = task::spawn(call(&mut service, CALL));
    assert_pending!(response.poll());
    control.unready(gone());
    control.unready(Failure::Plain("for good"));
    assert_eq!(response.await, Err(Failure::Plain("for good")));
}

#[tokio::test(start_paused = true)]
async fn when_everything_fails_the_budget_bounds_the_retries() {
    let budget = RetryBudget::new(10, 5);
    let (mut service, control) = retry(&budget, OPEN);
    (0..1000).for_each(|_| control.fail(gone()));
    for _ in 0..100 {
        assert_eq!(call(&mut service, CALL).await, Err(gone()));
    }
    // The first earns nothing, since the bucket is full.
    assert_eq!(control.calls().len(), 100 + 10 + 99 / 5);
    assert_eq!(budget.left(), 0);
}

#[tokio::test(start_paused = true)]
async fn without_a_budget_nothing_is_tried_again() {
    let (mut service, control) = retry(&RetryBudget::new(0, 1), OPEN);
    control.fail(gone());
    assert_eq!(call(&mut service, CALL).await, Err(gone()));
}

#[test]
fn a_budget_never_holds_more_than_its_reserve_and_is_shared_by_its_clones() {
    let budget = RetryBudget::new(2, 3);
    (0..100).for_each(|_| budget.clone().deposit());
    assert_eq!(budget.left(), 2);
    assert!(budget.withdraw() && budget.clone().withdraw() && !budget.withdraw());
    (0..2).for_each(|_| budget.deposit());
    assert!(!budget.withdraw());
    budget.deposit();
    assert!(budget.withdraw());
}

#[tokio::test(start_paused = true)]
async fn a_closure_is_a_policy() {
    let (service, control) = probe(OPEN);
    let policy = |_: &Call, error: &Failure| *error == Failure::Plain("busy");
    let mut service = RetryLayer::new(policy, backoff(), RetryBudget::default()).layer(service);
    control.fail(Failure::Plain("busy"));
    assert_eq!(service.ready().await.unwrap().call(CALL).await, Ok(CALL));
    control.fail(gone());
    let mut response = task::spawn(service.ready().await.unwrap().call(CALL));
    assert_eq!(assert_ready_err!(response.poll()), gone());
}
