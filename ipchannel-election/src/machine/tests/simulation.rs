//! Thousands of worlds, each from its seed.

use std::time::Duration;

use super::world::{Faults, Life, World, ms};

/// Runs a test in many worlds: their number, or the seed of a single one, may be set by `SEEDS` and `SEED`.
fn worlds(count: u64, test: impl Fn(u64)) {
    let set = |name| std::env::var(name).ok().map(|value| value.parse::<u64>().unwrap());
    match set("SEED") {
        Some(seed) => test(seed),
        None => (0..set("SEEDS").unwrap_or(count)).for_each(test),
    }
}

/// A world whose members have agreed on a host some time ago.
fn settled(seed: u64, faults: Faults) -> (World, usize) {
    let size = 2 + (seed % 7) as usize;
    let mut world = World::new(seed, size, faults);
    for index in 0..size {
        world.start(index);
    }
    world.run(ms(2_000) + Duration::from_micros(seed * 7_919 % 1_000_000));
    let host = world.agreed();
    world.check(host.is_some(), || "no host".into());
    (world, host.unwrap())
}

fn assert_agreed(world: &World) -> usize {
    let host = world.agreed();
    world.check(host.is_some(), || format!("no agreement: {:?}", world.views()));
    host.unwrap()
}

#[test]
fn processes_that_start_at_once_agree_on_one_host_at_once() {
    worlds(2_000, |seed| {
        let mut world = World::new(seed, 2 + (seed % 7) as usize, Faults::default());
        for index in 0..world.processes.len() {
            world.start(index);
        }
        world.run(ms(50));
        assert_agreed(&world);
        world.run(ms(10_000));
        assert_agreed(&world);
        let terms = world.accepted.len();
        world.check(terms == 1, || format!("{terms} terms where one would do"));
    });
}

#[test]
fn when_a_host_crashes_or_leaves_another_takes_over_at_once() {
    worlds(2_000, |seed| {
        let (mut world, host) = settled(seed, Faults::default());
        if seed % 2 == 0 {
            world.crash(host)
        } else {
            world.leave(host)
        }
        world.run(ms(60));
        assert_agreed(&world);
    });
}

#[test]
fn a_host_whose_end_nobody_is_told_of_is_replaced_within_the_limit() {
    worlds(2_000, |seed| {
        let (mut world, host) = settled(seed, Faults { lost_ends: 1.0, ..Faults::default() });
        world.crash(host);
        world.run(world.policy.limit);
        assert_agreed(&world);
    });
}

#[test]
fn a_frozen_host_is_replaced_after_the_limit_and_no_later_than_a_fifth_of_a_second_after_it() {
    worlds(2_000, |seed| {
        let (mut world, host) = settled(seed, Faults::default());
        let frozen = world.now;
        world.freeze(host);
        let limit = world.policy.limit;
        let terms = world.accepted.len();
        // The last word may be as old as a beat.
        world.run(limit - world.policy.beat - ms(10));
        let (now, early) = (world.now, world.accepted.len());
        world.check(early == terms, || format!("replaced {:?} after it froze", now - frozen));
        world.run(frozen + limit + ms(200) - now);
        let next = assert_agreed(&world);
        world.check(next != host, || "the frozen one still hosts".into());
        let rest = Duration::from_micros(world.rng.u64(0..5_000_000));
        world.run(rest);
        world.thaw(host);
        world.run(ms(50));
        let after = assert_agreed(&world);
        world.check(after == next, || "the thawed one took over".into());
    });
}

#[test]
fn a_host_that_freezes_for_less_than_the_limit_goes_on_hosting() {
    worlds(2_000, |seed| {
        let (mut world, host) = settled(seed, Faults::default());
        let silence = world.policy.limit - world.policy.beat - ms(20);
        for _ in 0..3 {
            world.freeze(host);
            let frozen = Duration::from_micros(world.rng.u64(0..silence.as_micros() as u64));
            world.run(frozen);
            world.thaw(host);
            let awake = ms(world.rng.u64(100..2_000));
            world.run(awake);
        }
        let terms = world.accepted.len();
        world.check(assert_agreed(&world) == host && terms == 1, || "it was replaced".into());
    });
}

#[test]
fn a_machine_that_slept_wakes_up_with_the_same_host() {
    worlds(2_000, |seed| {
        let (mut world, host) = settled(seed, Faults::default());
        let everybody = world.running();
        everybody.iter().for_each(|&index| world.freeze(index));
        world.run(ms(10_000));
        for index in everybody {
            world.thaw(index);
            // Not all wake in the same moment.
            let gap = ms(world.rng.u64(0..200));
            world.run(gap);
        }
        world.run(ms(6_000));
        let terms = world.accepted.len();
        world.check(assert_agreed(&world) == host && terms == 1, || "the host changed".into());
    });
}

#[test]
fn a_host_whose_claim_was_deleted_claims_anew_and_all_follow() {
    worlds(2_000, |seed| {
        let (mut world, host) = settled(seed, Faults::default());
        world.lose_directory();
        world.run(world.policy.beat + ms(50));
        let after = assert_agreed(&world);
        world.check(after == host && world.accepted.len() == 2, || "the host changed".into());
    });
}

#[test]
fn a_host_whose_connections_end_is_not_replaced() {
    worlds(2_000, |seed| {
        let (mut world, host) = settled(seed, Faults::default());
        for _ in 0..5 {
            world.disconnect(host);
            let pause = ms(world.rng.u64(0..1_500));
            world.run(pause);
        }
        let terms = world.accepted.len();
        world.check(assert_agreed(&world) == host && terms == 1, || "it was replaced".into());
    });
}

#[test]
fn whatever_happens_there_is_one_host_in_each_term_and_one_in_the_end() {
    worlds(3_000, |seed| {
        let faults = Faults { lost_words: 0.1, lost_ends: 0.1, slow: 0.05, late: 0.02 };
        let size = 2 + (seed % 7) as usize;
        let mut world = World::new(seed, size, faults);
        let mut befell = 0;
        for index in 0..size {
            world.start(index);
        }
        for _ in 0..20 {
            // Often in the middle of something, sometimes long after.
            let pause = Duration::from_micros(match world.rng.u32(0..4) {
                0 => world.rng.u64(0..5_000),
                1 => world.rng.u64(0..100_000),
                _ => world.rng.u64(0..2_500_000),
            });
            world.run(pause);
            befell += befall(&mut world);
        }
        world.faults = Faults::default();
        for index in 0..size {
            if world.processes[index].life == Life::Frozen && world.rng.bool() {
                world.thaw(index);
            }
        }
        if world.running().is_empty() {
            world.start_or_thaw(0);
        }
        world.run(world.policy.limit * 3);
        assert_agreed(&world);
        let terms = world.accepted.len();
        world.check(terms <= 2 + 2 * befell, || format!("{terms} terms"));
        world.check_actions(befell);
    });
}

/// Something happens to somebody, or to the directory.
fn befall(world: &mut World) -> usize {
    let hosts = world.running().into_iter().find(|&index| world.processes[index].election.hosting().is_some());
    let index = match hosts {
        Some(host) if world.rng.bool() => host,
        _ => world.rng.usize(0..world.processes.len()),
    };
    match (world.processes[index].life, world.rng.u32(0..20)) {
        (_, 0) => world.lose_directory(),
        (Life::Running, 1..=6) => world.crash(index),
        (Life::Running, 7..=8) => world.leave(index),
        (Life::Running, 9..=10) => world.disconnect(index),
        (Life::Running, _) => world.freeze(index),
        (Life::Frozen, 1..=3) => world.crash(index),
        (Life::Frozen | Life::Dead, _) => world.start_or_thaw(index),
    }
    1
}
