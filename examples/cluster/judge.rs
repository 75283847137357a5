//! Finds what should not have happened.

use std::collections::BTreeSet;
use std::ops::{AddAssign, RangeInclusive};

/// What became of a series of numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Tally {
    pub sent: u64,
    pub arrived: u64,
    pub lost: u64,
    pub doubled: u64,
    pub disordered: u64,
    /// Seen by a second process though a first had it, or might have, and not marked so; or marked without a reason.
    pub mismarked: u64,
}

impl Tally {
    /// One process should have had exactly the `expected` numbers, once and in order, and none that is marked.
    pub(crate) fn of(expected: RangeInclusive<u64>, got: impl IntoIterator<Item = (u64, bool)>) -> Tally {
        let mut tally = Tally { sent: length(&expected), ..Tally::default() };
        let (mut seen, mut highest) = (BTreeSet::new(), 0);
        for (number, redelivered) in got {
            tally.mismarked += u64::from(redelivered);
            if !expected.contains(&number) || !seen.insert(number) {
                tally.doubled += 1;
            } else if number < highest {
                tally.disordered += 1;
            }
            highest = highest.max(number);
        }
        tally.arrived = seen.len() as u64;
        tally.lost = tally.sent - tally.arrived;
        tally
    }

    /// `before` died when it had acknowledged so many of the numbers, and `after` took its seat: `after` should have had
    /// the rest, once and in order, and those marked that `before` had seen.
    pub(crate) fn of_two_lives(
        sent: u64,
        acknowledged: u64,
        before: impl IntoIterator<Item = (u64, bool)>,
        after: impl IntoIterator<Item = (u64, bool)>,
    ) -> Tally {
        let before: Vec<_> = before.into_iter().collect();
        let last = before.iter().map(|(number, _)| *number).max().unwrap_or(0);
        let first = Tally::of(1..=last, before);
        // A mark is right on any of these, since what was written may have been read; it is wanted on those that were.
        let unmarked = |(number, redelivered): &(u64, bool)| *number <= last && !redelivered;
        let after: Vec<_> = after.into_iter().collect();
        let mismarked = after.iter().filter(|seen| unmarked(seen)).count() as u64;
        let rest =
            Tally { mismarked, ..Tally::of(acknowledged + 1..=sent, after.into_iter().map(|(n, _)| (n, false))) };
        // The last that it acknowledged may have died with it unreported.
        let mut both = Tally { sent: acknowledged, arrived: acknowledged, ..first };
        both += rest;
        both
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.lost + self.doubled + self.disordered + self.mismarked == 0
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.sent += other.sent;
        self.arrived += other.arrived;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.disordered += other.disordered;
        self.mismarked += other.mismarked;
    }
}

fn length(range: &RangeInclusive<u64>) -> u64 {
    (range.end() + 1).saturating_sub(*range.start())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh(numbers: &[u64]) -> Vec<(u64, bool)> {
        numbers.iter().map(|number| (*number, false)).collect()
    }

    #[test]
    fn once_and_in_order_is_clean() {
        let tally = Tally::of(1..=3, fresh(&[1, 2, 3]));
        assert!(tally.is_clean());
        assert_eq!((tally.sent, tally.arrived), (3, 3));
    }

    #[test]
    fn a_hole_a_double_and_a_swap_are_each_found() {
        assert_eq!(Tally::of(1..=4, fresh(&[1, 2, 4])).lost, 1);
        assert_eq!(Tally::of(1..=3, fresh(&[1, 2])).lost, 1);
        assert_eq!(Tally::of(1..=3, fresh(&[1, 2, 2, 3])).doubled, 1);
        assert_eq!(Tally::of(1..=3, fresh(&[1, 2, 3, 4])).doubled, 1);
        assert_eq!(Tally::of(1..=3, fresh(&[1, 3, 2])).disordered, 1);
        assert_eq!(Tally::of(1..=1, [(1, true)]).mismarked, 1);
    }

    #[test]
    fn the_second_life_has_what_the_first_did_not_acknowledge() {
        let (before, after) = (fresh(&[1, 2, 3]), [(3, true), (4, true), (5, false)]);
        assert!(Tally::of_two_lives(5, 2, before.clone(), after).is_clean());
        assert_eq!(Tally::of_two_lives(5, 3, before.clone(), after).doubled, 1);
        assert_eq!(Tally::of_two_lives(5, 1, before.clone(), after).lost, 1);
        assert_eq!(Tally::of_two_lives(5, 2, before, fresh(&[3, 4, 5])).mismarked, 1);
    }

    #[test]
    fn what_was_acknowledged_unreported_is_no_loss() {
        let tally = Tally::of_two_lives(5, 4, fresh(&[1, 2]), [(5, true)]);
        assert!(tally.is_clean());
        assert_eq!((tally.sent, tally.arrived), (5, 5));
    }
}
