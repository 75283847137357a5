use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio_test::task;
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok};
use tower::ServiceExt;

use super::*;
use crate::layer::probe::{Control, Failure, OPEN, Probe, probe};

const MIN: Duration = Duration::from_millis(10);
const MAX: Duration = Duration::from_secs(1);
const REFUSED: Failure = Failure::Plain("refused");
const FATAL: Failure = Failure::Plain("fatal");

/// Makes connections as a script says; what it says nothing about is refused.
#[derive(Clone, Default)]
struct Connector(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    outcomes: VecDeque<Result<Probe<u32>, Failure>>,
    attempts: Vec<Instant>,
    slow: Duration,
}

impl Connector {
    fn will(&self, outcome: Result<Probe<u32>, Failure>) {
        self.0.lock().unwrap().outcomes.push_back(outcome);
    }

    fn will_connect(&self) -> Control<u32> {
        let (connection, control) = probe(OPEN);
        self.will(Ok(connection));
        control
    }

    fn attempts(&self) -> Vec<Instant> {
        self.0.lock().unwrap().attempts.clone()
    }

    fn gaps(&self) -> Vec<Duration> {
        self.attempts().windows(2).map(|pair| pair[1] - pair[0]).collect()
    }
}

impl Service<&'static str> for Connector {
    type Response = Probe<u32>;
    type Error = Failure;
    type Future = BoxFuture<'static, Result<Probe<u32>, Failure>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: &'static str) -> Self::Future {
        assert_eq!(target, "there");
        let mut script = self.0.lock().unwrap();
        script.attempts.push(Instant::now());
        let outcome = script.outcomes.pop_front().unwrap_or(Err(REFUSED));
        let slow = script.slow;
        async move {
            if !slow.is_zero() {
                tokio::time::sleep(slow).await;
            }
            outcome
        }
        .boxed()
    }
}

type Subject = Reconnect<Connector, &'static str, fn(&Failure) -> bool>;

fn reconnect(seed: u64) -> (Subject, Connector, Nudge) {
    let (connector, nudge) = (Connector::default(), Nudge::new());
    let is_final: fn(&Failure) -> bool = |error| *error == FATAL;
    let layer = ReconnectLayer::new("there", Backoff::new(MIN, MAX).seeded(seed), is_final).nudged_by(&nudge);
    (layer.layer(connector.clone()), connector, nudge)
}

async fn call(service: &mut Subject, request: u32) -> Result<u32, Failure> {
    ServiceExt::<u32>::ready(service).await?.call(request).await
}

fn poll_ready(service: &mut Subject) -> Poll<Result<(), Failure>> {
    Service::<u32>::poll_ready(service, &mut Context::from_waker(Waker::noop()))
}

#[tokio::test(start_paused = true)]
async fn it_connects_when_first_asked_and_once() {
    let (mut service, connector, _) = reconnect(1);
    let connection = connector.will_connect();
    assert_eq!(connector.attempts().len(), 0);
    for request in 0..3 {
        assert_eq!(call(&mut service, request).await, Ok(request));
    }
    assert_eq!((connector.attempts().len(), connection.calls()), (1, vec![0, 1, 2]));
}

#[tokio::test(start_paused = true)]
async fn refused_attempts_are_further_and_further_apart_and_never_a_spin() {
    for seed in 0..50 {
        let (mut service, connector, _) = reconnect(seed);
        (0..12).for_each(|_| connector.will(Err(REFUSED)));
        connector.will_connect();
        assert_eq!(call(&mut service, 1).await, Ok(1));
        for (number, gap) in connector.gaps().into_iter().enumerate() {
            // The timer of tokio rounds up to the next millisecond.
            let ceiling = (MIN * 2u32.pow(number as u32 + 1)).min(MAX) + Duration::from_millis(1);
            assert!((MIN..=ceiling).contains(&gap), "seed {seed}: {gap:?} after attempt {number}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_stood_is_replaced_at_once_when_it_is_lost() {
    let (mut service, connector, _) = reconnect(1);
    let first = connector.will_connect();
    call(&mut service, 1).await.unwrap();
    tokio::time::advance(MAX).await;
    first.unready(Failure::Plain("reset by peer"));
    let second = connector.will_connect();
    let lost = Instant::now();
    assert_eq!(call(&mut service, 2).await, Ok(2));
    assert_eq!((first.calls(), second.calls(), lost.elapsed()), (vec![1], vec![2], Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_accepts_and_hangs_up_is_not_hammered() {
    let (mut service, connector, _) = reconnect(1);
    for _ in 0..100 {
        connector.will_connect().unready(Failure::Plain("hung up"));
    }
    connector.will_connect();
    assert_eq!(call(&mut service, 1).await, Ok(1));
    let gaps = connector.gaps();
    assert!(gaps.iter().all(|gap| *gap >= MIN));
    assert!(gaps.iter().sum::<Duration>() > MAX * 20, "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn a_final_error_is_told_once_and_does_not_outlive_a_later_success() {
    let (mut service, connector, _) = reconnect(1);
    connector.will(Err(REFUSED));
    connector.will(Err(FATAL));
    connector.will_connect();
    assert_eq!(call(&mut service, 1).await, Err(FATAL));
    assert_eq!(call(&mut service, 2).await, Ok(2));
    assert_eq!(call(&mut service, 3).await, Ok(3));
    assert_eq!(connector.attempts().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn asking_again_after_a_final_error_is_no_spin() {
    let (mut service, connector, _) = reconnect(1);
    (0..10).for_each(|_| connector.will(Err(FATAL)));
    for _ in 0..10 {
        assert_eq!(call(&mut service, 1).await, Err(FATAL));
    }
    assert!(connector.gaps().iter().all(|gap| *gap >= MIN));
}

#[tokio::test(start_paused = true)]
async fn a_nudge_cuts_the_wait_short() {
    let (mut service, connector, nudge) = reconnect(1);
    (0..10).for_each(|_| connector.will(Err(REFUSED)));
    let mut attempt = task::spawn(call(&mut service, 1));
    assert_pending!(attempt.poll());
    for nudges in 1..=9 {
        nudge.try_now();
        assert!(attempt.is_woken());
        assert_pending!(attempt.poll());
        assert_eq!(connector.attempts().len(), nudges + 1);
    }
    connector.will_connect();
    nudge.clone().try_now();
    assert_eq!(assert_ready_ok!(attempt.poll()), 1);
    assert!(connector.gaps().iter().all(Duration::is_zero));
}

#[tokio::test(start_paused = true)]
async fn a_nudge_during_an_attempt_is_followed_by_another_and_old_ones_by_none() {
    let (mut service, connector, nudge) = reconnect(1);
    nudge.try_now();
    connector.0.lock().unwrap().slow = Duration::from_millis(5);
    connector.will(Err(REFUSED));
    connector.will(Err(REFUSED));
    let mut attempt = task::spawn(call(&mut service, 1));
    assert_pending!(attempt.poll());
    nudge.try_now();
    tokio::time::advance(Duration::from_millis(5)).await;
    assert_pending!(attempt.poll());
    assert_eq!(connector.attempts().len(), 2, "at once");
    tokio::time::advance(Duration::from_millis(5)).await;
    assert_pending!(attempt.poll());
    assert_pending!(attempt.poll());
    assert_eq!(connector.attempts().len(), 2, "that news was used up");
    let connection = connector.will_connect();
    assert_eq!(attempt.await, Ok(1));
    nudge.try_now();
    connection.unready(Failure::Plain("lost"));
    let attempts = connector.attempts().len();
    assert_pending!(poll_ready(&mut service));
    assert_pending!(poll_ready(&mut service));
    assert_eq!(connector.attempts().len(), attempts, "it was connected when that news came");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_connector_itself_is_an_attempt_that_failed() {
    let (connector, control) = probe::<u32>(OPEN);
    control.unready(REFUSED);
    let make = connector.map_response(|_: u32| probe::<u32>(OPEN).0);
    let mut service = ReconnectLayer::new(1, Backoff::default(), |_: &Failure| false).layer(make);
    let response = ServiceExt::<u32>::ready(&mut service).await.unwrap().call(2).await;
    assert_eq!(response, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn the_error_of_a_call_is_returned_and_the_connection_judges_itself() {
    let (mut service, connector, _) = reconnect(1);
    let connection = connector.will_connect();
    connection.fail(Failure::Plain("bad request"));
    assert_eq!(call(&mut service, 1).await, Err(Failure::Plain("bad request")));
    assert_eq!(call(&mut service, 2).await, Ok(2));
    assert_eq!(connector.attempts().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_final_error_of_the_connector_is_returned_as_the_error_of_the_service() {
    let (mut service, connector, _) = reconnect(1);
    connector.will(Err(FATAL));
    assert_eq!(assert_ready_err!(poll_ready(&mut service)), FATAL);
}

#[tokio::test]
#[should_panic = "called before it was ready"]
async fn it_must_not_be_called_before_it_is_ready() {
    let (mut service, ..) = reconnect(1);
    drop(service.call(1));
}
