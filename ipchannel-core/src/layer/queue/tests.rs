use std::task::Waker;
use std::time::Duration;

use tokio_test::task::{self, Spawn};
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok};
use tower::ServiceExt;

use super::*;
use crate::layer::probe::{Control, Failure, OPEN, Probe, probe};

type Queue = QueueUntilReady<Probe<u32>, u32>;
type Response = Spawn<QueueUntilReadyFuture<Probe<u32>, u32>>;

fn queue(room: usize, allowed: usize) -> (Queue, Control<u32>) {
    let (service, control) = probe(allowed);
    (QueueUntilReadyLayer::new(room).layer(service), control)
}

fn ready(queue: &mut Queue) -> Poll<Result<(), Failure>> {
    queue.poll_ready(&mut Context::from_waker(Waker::noop()))
}

fn send(queue: &mut Queue, request: u32) -> Response {
    assert_ready_ok!(ready(queue));
    task::spawn(queue.call(request))
}

#[test]
fn requests_go_straight_through_while_the_inner_service_is_ready() {
    let (mut queue, control) = queue(1, OPEN);
    for request in 1..=3 {
        let mut response = send(&mut queue, request);
        assert_eq!(control.calls().last(), Some(&request), "called at once, not when it is polled");
        assert_eq!(assert_ready_ok!(response.poll()), request);
    }
    assert_eq!(queue.waiting(), 0);
}

#[test]
fn requests_wait_and_go_in_order_whoever_is_polled() {
    let (mut queue, control) = queue(10, 0);
    let mut responses: Vec<_> = (0..5).map(|request| send(&mut queue, request)).collect();
    responses.iter_mut().for_each(|response| assert_pending!(response.poll()));
    control.allow(3);
    assert_eq!(assert_ready_ok!(responses[2].poll()), 2);
    assert_eq!(control.calls(), [0, 1, 2]);
    assert!(responses[0].is_woken() && responses[1].is_woken());
    assert_ready_ok!(responses[1].poll());
    control.allow(OPEN);
    assert_eq!(control.calls(), [0, 1, 2]);
    // The queue itself passes on, too, before it lets another one through.
    let mut last = send(&mut queue, 5);
    assert_eq!(control.calls(), [0, 1, 2, 3, 4, 5]);
    assert_ready_ok!(last.poll());
    for request in [0, 3, 4] {
        assert_eq!(assert_ready_ok!(responses[request].poll()), request as u32);
    }
}

#[test]
fn what_comes_later_waits_behind_what_waits() {
    let (mut queue, control) = queue(10, 0);
    let first = send(&mut queue, 1);
    control.allow(1);
    let mut second = send(&mut queue, 2);
    assert_eq!(control.calls(), [1]);
    assert_pending!(second.poll());
    drop(first);
    control.allow(1);
    assert!(second.is_woken());
    assert_ready_ok!(second.poll());
    assert_eq!(control.calls(), [1, 2]);
}

#[test]
fn at_its_bound_it_is_pending_until_one_is_passed_on_or_taken_out() {
    let (mut queue, control) = queue(2, 0);
    let mut first = send(&mut queue, 1);
    let mut second = send(&mut queue, 2);
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    let mut queue = task::spawn(queue);
    let poll_ready = |cx: &mut Context<'_>, mut queue: std::pin::Pin<&mut Queue>| queue.poll_ready(cx);
    assert_pending!(queue.enter(poll_ready));
    drop(second);
    assert!(queue.is_woken());
    assert_ready_ok!(queue.enter(poll_ready));
    let _third = queue.enter(|_, mut queue| queue.call(3));
    assert_pending!(queue.enter(poll_ready));
    control.allow(1);
    assert!(queue.is_woken(), "it can pass on itself");
    assert_ready_ok!(first.poll());
    assert_ready_ok!(queue.enter(poll_ready));
    assert_eq!((control.calls(), queue.waiting()), (vec![1], 1));
}

#[test]
fn a_request_whose_future_is_dropped_is_never_sent() {
    let (mut queue, control) = queue(10, 0);
    let mut responses: Vec<_> = (0..4).map(|request| send(&mut queue, request)).collect();
    responses.iter_mut().for_each(|response| assert_pending!(response.poll()));
    drop(responses.remove(2));
    drop(responses.remove(0));
    control.allow(OPEN);
    for response in &mut responses {
        assert_ready_ok!(response.poll());
    }
    assert_eq!(control.calls(), [1, 3]);
}

#[test]
fn a_response_that_nobody_wants_any_more_is_dropped_with_its_future() {
    let (mut queue, control) = queue(10, 0);
    control.hold(true);
    let mut responses: Vec<_> = (0..2).map(|request| send(&mut queue, request)).collect();
    responses.iter_mut().for_each(|response| assert_pending!(response.poll()));
    control.allow(2);
    assert_pending!(responses[1].poll());
    assert_eq!(control.calls(), [0, 1]);
    drop(responses.remove(0));
    assert!(!control.release(), "nobody waits for the first");
    assert!(control.release());
    assert_ready_ok!(responses[0].poll());
}

#[test]
fn when_the_head_leaves_after_it_was_woken_the_next_is_woken() {
    let (mut queue, control) = queue(10, 0);
    let mut responses: Vec<_> = (0..3).map(|request| send(&mut queue, request)).collect();
    responses.iter_mut().for_each(|response| assert_pending!(response.poll()));
    control.allow(1);
    assert!(responses[0].is_woken() && !responses[1].is_woken());
    drop(responses.remove(0));
    assert!(responses[0].is_woken() && !responses[1].is_woken());
    drop(responses.remove(0));
    assert!(responses[0].is_woken());
    assert_eq!(assert_ready_ok!(responses[0].poll()), 2);
    assert_eq!(control.calls(), [2]);
}

#[test]
fn an_error_instead_of_readiness_fails_the_head_and_no_more() {
    let (mut queue, control) = queue(10, 0);
    let mut responses: Vec<_> = (0..3).map(|request| send(&mut queue, request)).collect();
    responses.iter_mut().for_each(|response| assert_pending!(response.poll()));
    control.unready(Failure::Plain("down"));
    assert_eq!(assert_ready_err!(responses[0].poll()), Failure::Plain("down"));
    assert_pending!(responses[1].poll());
    control.unready(Failure::Plain("down"));
    control.unready(Failure::Plain("still down"));
    assert_eq!(assert_ready_err!(responses[1].poll()), Failure::Plain("down"));
    assert!(responses[2].is_woken());
    assert_eq!(assert_ready_err!(responses[2].poll()), Failure::Plain("still down"));
    control.allow(OPEN);
    assert_eq!(assert_ready_ok!(send(&mut queue, 3).poll()), 3);
}

#[test]
fn with_nobody_waiting_the_error_is_told_once_and_then_asked_again() {
    let (mut queue, control) = queue(10, OPEN);
    control.unready(Failure::Plain("down"));
    assert_eq!(assert_ready_err!(ready(&mut queue)), Failure::Plain("down"));
    assert_eq!(assert_ready_ok!(send(&mut queue, 1).poll()), 1);
}

#[test]
#[should_panic = "called before it was ready"]
fn it_must_not_be_called_before_it_is_ready() {
    let (mut queue, _control) = queue(10, OPEN);
    drop(send(&mut queue, 1));
    drop(queue.call(2));
}

#[test]
fn the_response_of_a_slow_service_does_not_hold_up_the_next_request() {
    let (mut queue, control) = queue(10, 0);
    control.hold(true);
    let mut responses: Vec<_> = (0..2).map(|request| send(&mut queue, request)).collect();
    responses.iter_mut().for_each(|response| assert_pending!(response.poll()));
    control.allow(2);
    responses.iter_mut().for_each(|response| assert_pending!(response.poll()));
    assert_eq!(control.calls(), [0, 1]);
    assert!(control.release() && control.release());
    for response in &mut responses {
        assert_ready_ok!(response.poll());
    }
}

/// Whoever is woken is polled, sooner or later; all else is chance. Nobody must be left waiting.
#[test]
fn no_wake_up_is_lost_whatever_is_polled_dropped_and_allowed() {
    for seed in 0..3000 {
        let rng = &mut fastrand::Rng::with_seed(seed);
        let (mut queue, control) = queue(rng.usize(1..5), 0);
        let mut responses: Vec<(u32, Response)> = Vec::new();
        let (mut sent, mut failures) = (0, 0);
        for _ in 0..rng.usize(10..80) {
            let some = |rng: &mut fastrand::Rng, responses: &[(u32, Response)]| {
                (!responses.is_empty()).then(|| rng.usize(..responses.len()))
            };
            match rng.u32(..10) {
                0..4 => {
                    if let Poll::Ready(Ok(())) = ready(&mut queue) {
                        let mut response = task::spawn(queue.call(sent));
                        sent += 1;
                        if response.poll().is_pending() {
                            responses.push((sent - 1, response));
                        }
                    }
                }
                4..6 => {
                    if let Some(index) = some(rng, &responses)
                        && responses[index].1.poll().is_ready()
                    {
                        drop(responses.remove(index));
                    }
                }
                6 => {
                    if let Some(index) = some(rng, &responses) {
                        drop(responses.remove(index));
                    }
                }
                7 => control.allow(rng.usize(1..4)),
                8 => control.shut(),
                _ if failures < 3 => {
                    control.unready(Failure::Plain("down"));
                    failures += 1;
                }
                _ => {}
            }
        }
        control.allow(OPEN);
        while let Some(woken) = responses.iter().position(|(_, response)| response.is_woken()) {
            if responses[woken].1.poll().is_ready() {
                drop(responses.remove(woken));
            }
        }
        assert!(responses.is_empty(), "seed {seed}: {} are left waiting", responses.len());
        assert!(control.calls().is_sorted_by(|a, b| a < b), "seed {seed}: {:?}", control.calls());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_of_many_tasks_all_go_and_in_order_while_some_are_cancelled() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let rng = &mut fastrand::Rng::with_seed(seed);
    for _ in 0..100 {
        let (mut queue, control) = queue(16, 0);
        let gate = tokio::spawn({
            let (control, mut rng) = (control.clone(), rng.fork());
            async move {
                loop {
                    control.allow(rng.usize(1..5));
                    tokio::task::yield_now().await;
                }
            }
        });
        let mut tasks = Vec::new();
        for request in 0..200 {
            let response = queue.ready().await.unwrap().call(request);
            let task = tokio::spawn(response);
            if rng.u32(..4) == 0 {
                task.abort();
            }
            tasks.push(task);
        }
        let mut answered = Vec::new();
        for task in tasks {
            match tokio::time::timeout(Duration::from_secs(60), task).await.expect("one is left waiting") {
                Ok(response) => answered.push(response.unwrap()),
                Err(error) => assert!(error.is_cancelled()),
            }
        }
        gate.abort();
        let calls = control.calls();
        assert!(calls.is_sorted_by(|a, b| a < b), "{calls:?}");
        assert!(answered.iter().all(|request| calls.binary_search(request).is_ok()));
        assert_eq!(queue.waiting(), 0);
    }
}

#[tokio::test]
async fn over_a_mock_of_tower_it_keeps_the_rules() {
    let (mock, mut handle) = tower_test::mock::pair::<u32, u32>();
    let mut queue = QueueUntilReady::new(mock, 2);
    handle.allow(0);
    let mut first = task::spawn(queue.ready().await.unwrap().call(1));
    assert_pending!(first.poll());
    handle.allow(1);
    assert!(first.is_woken());
    assert_pending!(first.poll());
    let (request, respond) = handle.next_request().await.unwrap();
    respond.send_response(request + 1);
    assert_eq!(assert_ready_ok!(first.poll()), 2);
}

#[test]
fn the_responses_outlive_the_queue() {
    let (mut queue, control) = queue(2, 0);
    let mut response = send(&mut queue, 1);
    assert_pending!(response.poll());
    drop(queue);
    control.allow(1);
    assert_eq!(assert_ready_ok!(response.poll()), 1);
}
