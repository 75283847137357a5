//! Which claim counts, and which number is next: the same for every backend.

use super::{Name, Standing};

/// How many claims of a name a sweep leaves. Whoever is slow to link the next number must find it taken, or a higher one there.
pub(super) const KEPT: usize = 16;

/// The number of the next claim, given all on its name. `born` is the same for everybody who sees the same directory, so
/// that those who race compute the same number although some see a little more than others.
pub(super) fn next(born: u64, numbers: &[u64]) -> u64 {
    numbers.iter().max().map_or(born, |highest| born.max(highest.saturating_add(1)))
}

/// The number of the claim that counts, given all on its name.
///
/// New numbers begin at `born`, so a lower one was restored after the directory was lost.
pub(super) fn counting<E>(
    name: Name,
    born: u64,
    numbers: &[u64],
    mut is_held: impl FnMut(u64) -> Result<bool, E>,
) -> Result<Option<u64>, E> {
    if let Name::Seat(_) = name {
        let mut restored: Vec<u64> = numbers.iter().copied().filter(|&number| number < born).collect();
        restored.sort_unstable();
        for number in restored {
            if is_held(number)? {
                return Ok(Some(number));
            }
        }
    }
    Ok(numbers.iter().max().copied())
}

/// Where the claim `own`, which is there and held, stands.
pub(super) fn standing(own: u64, counting: Option<u64>, numbers: &[u64]) -> Standing {
    match (counting, numbers.iter().max()) {
        (Some(counting), _) if counting != own => Standing::Superseded(counting),
        (_, Some(&highest)) if highest > own => Standing::Contested(highest),
        _ => Standing::Intact,
    }
}

/// The numbers that a sweep may take away, if they are not held.
pub(super) fn stale(numbers: &[u64]) -> impl Iterator<Item = u64> + use<> {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    sorted.into_iter().skip(KEPT)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use ipchannel_core::PeerId;

    use super::*;

    const SEAT: Name = Name::Seat(PeerId::FIRST);

    fn counts(name: Name, born: u64, numbers: &[u64], held: &[u64]) -> Option<u64> {
        counting(name, born, numbers, |number| Ok::<_, Infallible>(held.contains(&number))).unwrap()
    }

    #[test]
    fn the_highest_number_counts_whether_held_or_not() {
        assert_eq!(counts(Name::Host, 10, &[11, 12, 10], &[10, 11]), Some(12));
        assert_eq!(counts(SEAT, 10, &[11, 12, 10], &[10, 11]), Some(12));
        assert_eq!(counts(SEAT, 10, &[], &[]), None);
    }

    #[test]
    fn of_seats_restored_from_a_lost_directory_the_oldest_held_one_counts() {
        assert_eq!(counts(SEAT, 10, &[5, 3, 4, 11], &[4, 5, 11]), Some(4));
        assert_eq!(counts(SEAT, 10, &[5, 3, 4, 11], &[11]), Some(11));
        assert_eq!(counts(Name::Host, 10, &[5, 11], &[5, 11]), Some(11));
    }

    #[test]
    fn numbers_begin_where_the_directory_was_born_and_then_grow_by_one() {
        assert_eq!(next(10, &[]), 10);
        assert_eq!(next(10, &[5]), 10);
        assert_eq!(next(10, &[5, 12, 11]), 13);
    }

    #[test]
    fn the_last_sixteen_are_never_stale() {
        let numbers: Vec<u64> = (1..=18).rev().collect();
        assert_eq!(stale(&numbers).collect::<Vec<_>>(), [2, 1]);
    }
}
