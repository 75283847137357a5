use std::time::Duration;

use tokio_test::{assert_pending, assert_ready, task};
use tower::ServiceExt;

use super::*;
use crate::layer::now;
use crate::layer::probe::{Failure, OPEN, probe};

#[derive(Clone, Copy, PartialEq, Debug)]
struct Job(Option<Instant>);

impl HasDeadline for Job {
    fn deadline(&self) -> Option<Instant> {
        self.0
    }
}

fn within(seconds: u64) -> Job {
    Job(Some(now() + Duration::from_secs(seconds)))
}

#[tokio::test(start_paused = true)]
async fn a_request_that_has_expired_is_not_passed_on() {
    let (service, control) = probe(OPEN);
    let mut service = DeadlineLayer::new().layer(service);
    let failed = service.ready().await.unwrap().call(within(0)).await;
    assert_eq!(failed, Err(Failure::Elapsed(Elapsed)));
    assert_eq!(control.calls(), []);
    let job = within(1);
    assert_eq!(service.ready().await.unwrap().call(job).await, Ok(job));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_answered_in_time_fails_at_its_deadline() {
    let (service, control) = probe(OPEN);
    control.hold(true);
    let mut service = DeadlineLayer::new().layer(service);
    let started = now();
    let response = service.ready().await.unwrap().call(within(3));
    assert_eq!(response.await, Err(Failure::Elapsed(Elapsed)));
    assert_eq!(now() - started, Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn the_inner_response_is_dropped_before_elapsed_is_returned() {
    let (service, control) = probe(OPEN);
    control.hold(true);
    let mut service = DeadlineLayer::new().layer(service);
    let response = service.ready().await.unwrap().call(within(3));
    let mut response = task::spawn(response);
    assert_pending!(response.poll());
    tokio::time::advance(Duration::from_secs(3)).await;
    assert!(response.is_woken());
    assert!(assert_ready!(response.poll()).is_err());
    // The future still stands, and nobody is behind it any more.
    assert!(!control.release());
}

#[tokio::test(start_paused = true)]
async fn a_response_that_comes_with_the_deadline_wins() {
    let (service, control) = probe(OPEN);
    control.hold(true);
    let mut service = DeadlineLayer::new().layer(service);
    let job = within(3);
    let mut response = task::spawn(service.ready().await.unwrap().call(job));
    assert_pending!(response.poll());
    tokio::time::advance(Duration::from_secs(3)).await;
    assert!(control.release());
    assert_eq!(assert_ready!(response.poll()), Ok(job));
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_deadline_waits() {
    let (service, control) = probe(OPEN);
    control.hold(true);
    let mut service = DeadlineLayer::new().layer(service);
    let mut response = task::spawn(service.ready().await.unwrap().call(Job(None)));
    assert_pending!(response.poll());
    tokio::time::advance(Duration::from_secs(1_000_000)).await;
    assert!(!response.is_woken());
    assert!(control.release());
    assert_eq!(assert_ready!(response.poll()), Ok(Job(None)));
}

#[test]
fn no_timer_is_needed_for_what_is_answered_at_once() {
    // Outside of a runtime, where a timer would panic.
    let (service, _control) = probe(OPEN);
    let mut service = DeadlineLayer::new().layer(service);
    assert!(assert_ready!(task::spawn(service.ready()).poll()).is_ok());
    let job = within(60);
    assert_eq!(assert_ready!(task::spawn(service.call(job)).poll()), Ok(job));
}

#[tokio::test(start_paused = true)]
async fn over_a_mock_of_tower_it_keeps_the_rules() {
    let (mut service, mut handle) = tower_test::mock::spawn_layer::<Job, u32, _>(tower_layer::layer_fn(Deadline::new));
    handle.allow(0);
    assert_pending!(service.poll_ready());
    handle.allow(1);
    assert_ready!(service.poll_ready()).unwrap();
    let mut response = task::spawn(service.call(within(1)));
    handle.next_request().await.unwrap().1.send_response(7);
    assert_eq!(assert_ready!(response.poll()).unwrap(), 7);
}
