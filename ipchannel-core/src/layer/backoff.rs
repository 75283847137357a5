//! How long to wait before trying again.

use std::time::Duration;

/// Exponential backoff with jitter over the whole range: each wait is drawn evenly between `min` and a ceiling that
/// doubles with every try, up to `max`.
///
/// This is the policy; [`waits`](Self::waits) starts one run of it. Runs draw independently of each other, so
/// processes that failed together do not come back together.
///
/// ```
/// use std::time::Duration;
/// use ipchannel_core::layer::Backoff;
///
/// let mut waits = Backoff::new(Duration::from_millis(10), Duration::from_secs(1)).waits();
/// assert!(waits.next_wait() <= Duration::from_millis(20));
/// assert!(waits.next_wait() <= Duration::from_millis(40));
/// waits.reset();
/// assert!(waits.next_wait() <= Duration::from_millis(20));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    seed: Option<u64>,
}

/// One run of a [`Backoff`].
#[derive(Debug)]
pub struct Waits {
    backoff: Backoff,
    ceiling: Duration,
    rng: fastrand::Rng,
}

impl Backoff {
    /// Waits of at least `min` and at most `max`.
    ///
    /// So that no wait is a spin, `min` counts as a millisecond where it is less; `max` counts as `min` where it is less.
    pub fn new(min: Duration, max: Duration) -> Self {
        let min = min.max(Duration::from_millis(1));
        Backoff { min, max: max.max(min), seed: None }
    }

    /// The same waits in every run: for tests and simulations.
    #[must_use]
    pub fn seeded(self, seed: u64) -> Self {
        Backoff { seed: Some(seed), ..self }
    }

    /// Starts a run.
    pub fn waits(&self) -> Waits {
        let rng = self.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        Waits { backoff: *self, ceiling: self.min, rng }
    }

    /// The longest wait.
    pub fn max(&self) -> Duration {
        self.max
    }
}

/// 10 milliseconds to 1 second: for peers on the same machine.
impl Default for Backoff {
    fn default() -> Self {
        Backoff::new(Duration::from_millis(10), Duration::from_secs(1))
    }
}

impl Waits {
    /// The next wait.
    pub fn next_wait(&mut self) -> Duration {
        self.ceiling = self.ceiling.saturating_mul(2).min(self.backoff.max);
        let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.rng.u64(nanos(self.backoff.min)..=nanos(self.ceiling)))
    }

    /// Starts again at the shortest waits, after a success or news.
    pub fn reset(&mut self) {
        self.ceiling = self.backoff.min;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: Duration = Duration::from_millis(10);
    const MAX: Duration = Duration::from_secs(1);

    #[test]
    fn waits_spread_over_the_whole_range_between_the_least_and_a_ceiling_that_doubles() {
        for try_number in 1..12u32 {
            let ceiling = (MIN * 2u32.pow(try_number)).min(MAX);
            let drawn: Vec<_> = (0..500)
                .map(|seed| {
                    let mut waits = Backoff::new(MIN, MAX).seeded(seed).waits();
                    (0..try_number).map(|_| waits.next_wait()).last().unwrap()
                })
                .collect();
            assert!(drawn.iter().all(|wait| (MIN..=ceiling).contains(wait)));
            let tenth = (ceiling - MIN) / 10;
            assert!(drawn.iter().any(|wait| *wait < MIN + tenth));
            assert!(drawn.iter().any(|wait| *wait > ceiling - tenth));
        }
    }

    #[test]
    fn runs_differ_unless_they_are_seeded() {
        let run = |backoff: Backoff| {
            let mut waits = backoff.waits();
            (0..8).map(|_| waits.next_wait()).collect::<Vec<_>>()
        };
        let backoff = Backoff::new(MIN, MAX);
        assert_ne!(run(backoff), run(backoff));
        assert_eq!(run(backoff.seeded(7)), run(backoff.seeded(7)));
    }

    #[test]
    fn no_policy_makes_a_wait_of_nothing_or_overflows() {
        let mut none = Backoff::new(Duration::ZERO, Duration::ZERO).waits();
        let mut endless = Backoff::new(Duration::MAX, Duration::MAX).waits();
        for _ in 0..200 {
            assert_eq!(none.next_wait(), Duration::from_millis(1));
            assert!(endless.next_wait() >= Duration::from_secs(u64::MAX / 1_000_000_000));
        }
    }
}
