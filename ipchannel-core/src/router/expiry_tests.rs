use std::time::Duration;

use super::*;
use crate::layer::now;

#[derive(Clone, Copy, PartialEq, Debug)]
struct Item(u64, Option<Instant>);

impl HasDeadline for Item {
    fn deadline(&self) -> Option<Instant> {
        self.1
    }
}

#[test]
fn exactly_what_is_late_is_taken_out_and_nothing_is_late_before_the_soonest() {
    let start = now();
    for seed in 0..2000 {
        let rng = &mut fastrand::Rng::with_seed(seed);
        let (mut line, mut model, mut clock) = (Line::default(), VecDeque::new(), start);
        for number in 0..rng.u64(1..60) {
            match rng.u32(..6) {
                0..3 => {
                    let deadline = rng.bool().then(|| clock + Duration::from_secs(rng.u64(..20)));
                    let mut other = Line::default();
                    other.push(Item(number, deadline));
                    line.append(&mut other);
                    assert!(other.is_empty() && other.soonest().is_none());
                    model.push_back(Item(number, deadline));
                }
                3 => assert_eq!(line.pop(), model.pop_front()),
                _ => {
                    clock += Duration::from_secs(rng.u64(..10));
                    let is_late = |item: &Item| item.1.is_some_and(|deadline| deadline <= clock);
                    let (late, rest): (VecDeque<_>, VecDeque<_>) = model.into_iter().partition(is_late);
                    assert_eq!(line.take_expired(clock), late, "seed {seed}");
                    model = rest;
                }
            }
            let earliest = model.iter().filter_map(|item| item.1).min();
            assert!(earliest.is_none_or(|earliest| line.soonest().is_some_and(|soonest| soonest <= earliest)));
            assert_eq!(line.len(), model.len());
        }
    }
}

#[test]
fn when_to_look_next_is_exact_after_a_search_so_that_nobody_looks_in_vain_for_long() {
    let start = now();
    let mut line = Line::default();
    let at = |seconds| Some(start + Duration::from_secs(seconds));
    [1, 5, 9].into_iter().for_each(|seconds| line.push(Item(seconds, at(seconds))));
    line.pop();
    assert_eq!(line.soonest(), at(1));
    assert!(line.take_expired(start + Duration::from_secs(2)).is_empty());
    assert_eq!(line.soonest(), at(5));
}

#[tokio::test(start_paused = true)]
async fn an_alarm_goes_by_what_it_was_last_set_to() {
    let mut alarm = Alarm::default();
    let start = now();
    let at = |seconds| Some(start + Duration::from_secs(seconds));
    let mut waiting = tokio_test::task::spawn(());
    let mut poll = |at| waiting.enter(|cx, _| alarm.poll_at(cx, at));
    assert!(poll(at(5)).is_pending());
    assert!(poll(at(9)).is_pending());
    tokio::time::advance(Duration::from_secs(6)).await;
    assert!(poll(at(9)).is_pending());
    assert!(poll(None).is_pending());
    assert!(poll(at(6)).is_ready());
    assert!(poll(at(7)).is_pending());
}
