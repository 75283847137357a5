//! The contract of `Claims`, held against every backend.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Barrier};
use std::thread;

use common::{member, seat, sit};
use ipchannel_election::Directory;
use ipchannel_election::claims::{Claims, FileClaims, Held, Liveness, Name, Standing, Taken, Universe};
use tempfile::TempDir;

trait World: Sync {
    fn process(&self) -> Box<dyn Claims>;
    fn wipe(&self);
}

struct Files {
    base: TempDir,
}

impl Files {
    fn home(&self) -> PathBuf {
        self.base.path().join("home")
    }
}

impl World for Files {
    fn process(&self) -> Box<dyn Claims> {
        Box::new(FileClaims::new(Arc::new(Directory::open(Some(&self.home()), "conformance").unwrap())))
    }

    fn wipe(&self) {
        fs::remove_dir_all(self.home()).unwrap();
    }
}

impl World for Universe {
    fn process(&self) -> Box<dyn Claims> {
        Box::new(Universe::process(self))
    }

    fn wipe(&self) {
        Universe::wipe(self);
    }
}

#[test]
fn files_keep_the_contract() {
    conformance(&|| Box::new(Files { base: tempfile::tempdir().unwrap() }));
}

#[test]
fn memory_keeps_the_contract() {
    conformance(&|| Box::new(Universe::new()));
}

fn conformance(world: &dyn Fn() -> Box<dyn World>) {
    let contract: [fn(&dyn World); 11] = [
        a_claim_says_who_holds_it,
        numbers_grow_by_one,
        a_held_seat_is_never_taken,
        a_held_host_is_deposed_only_by_its_number,
        of_those_who_race_one_wins,
        of_those_who_depose_one_wins,
        those_who_sit_down_at_once_get_the_lowest_seats,
        what_was_lost_is_restored_under_its_number,
        the_older_keeps_a_seat_and_the_higher_term_hosts,
        a_sweep_takes_nothing_that_is_held_or_needed,
        whatever_happens_one_claim_counts,
    ];
    for check in contract {
        check(&*world());
    }
}

fn take(claims: &dyn Claims, name: Name) -> Option<Box<dyn Held>> {
    claims.take(name, None, &|number| member(name, number)).unwrap().won()
}

fn depose(claims: &dyn Claims, name: Name, number: u64) -> Option<Box<dyn Held>> {
    claims.take(name, Some(number), &|number| member(name, number)).unwrap().won()
}

fn liveness(claims: &dyn Claims, name: Name) -> Option<Liveness> {
    claims.look(name).unwrap().map(|claim| claim.liveness)
}

fn a_claim_says_who_holds_it(world: &dyn World) {
    let (ours, theirs) = (world.process(), world.process());
    assert_eq!(theirs.look(Name::Host).unwrap(), None);
    assert_eq!(theirs.look_all().unwrap(), []);
    let names = [Name::Host, seat(2), seat(10)];
    let held: Vec<_> = names.iter().rev().map(|&name| take(&*ours, name).unwrap()).collect();
    for claims in [&ours, &theirs] {
        let all = claims.look_all().unwrap();
        assert_eq!(all.iter().map(|claim| claim.name).collect::<Vec<_>>(), names);
        for (claim, held) in all.iter().zip(held.iter().rev()) {
            assert_eq!((claim.name, claim.number), (held.name(), held.number()));
            assert_eq!(claim.holder, member(claim.name, claim.number));
            assert_eq!(claim.liveness, Liveness::Held);
            assert_eq!(claims.look(claim.name).unwrap().as_ref(), Some(claim));
        }
    }
    drop(held);
    for claim in theirs.look_all().unwrap() {
        assert_eq!(claim.liveness, Liveness::Free);
        assert_eq!(claim.holder, member(claim.name, claim.number));
    }
}

fn numbers_grow_by_one(world: &dyn World) {
    for name in [Name::Host, seat(1)] {
        let mut last = None;
        for _ in 0..20 {
            let held = take(&*world.process(), name).unwrap();
            assert!(last.is_none_or(|last| held.number() == last + 1));
            assert_eq!(held.standing().unwrap(), Standing::Intact);
            last = Some(held.number());
        }
    }
}

fn a_held_seat_is_never_taken(world: &dyn World) {
    let (ours, theirs) = (world.process(), world.process());
    let held = take(&*ours, seat(1)).unwrap();
    for claims in [&ours, &theirs] {
        assert!(take(&**claims, seat(1)).is_none());
        assert!(depose(&**claims, seat(1), held.number()).is_none());
    }
    assert_eq!(held.standing().unwrap(), Standing::Intact);
    assert!(take(&*theirs, seat(2)).is_some());
}

fn a_held_host_is_deposed_only_by_its_number(world: &dyn World) {
    let (frozen, second, third) = (world.process(), world.process(), world.process());
    let first = take(&*frozen, Name::Host).unwrap();
    assert!(take(&*second, Name::Host).is_none());
    assert!(depose(&*second, Name::Host, first.number() - 1).is_none());
    assert!(depose(&*second, Name::Host, first.number() + 1).is_none());
    let new = depose(&*second, Name::Host, first.number()).unwrap();
    assert_eq!(new.number(), first.number() + 1);
    assert_eq!(first.standing().unwrap(), Standing::Superseded(new.number()));
    assert_eq!(new.standing().unwrap(), Standing::Intact);
    assert!(depose(&*third, Name::Host, first.number()).is_none());
    drop(first);
    assert_eq!(liveness(&*third, Name::Host), Some(Liveness::Held));
    drop(new);
    assert_eq!(liveness(&*third, Name::Host), Some(Liveness::Free));
}

fn of_those_who_race_one_wins(world: &dyn World) {
    for name in [Name::Host, seat(1)] {
        let mut last = 0;
        for _ in 0..50 {
            let winners: Vec<_> = race(world, 8, |claims| take(claims, name)).into_iter().flatten().collect();
            assert_eq!(winners.len(), 1, "{winners:?}");
            assert!(winners[0].number() > last);
            last = winners[0].number();
        }
    }
}

fn of_those_who_depose_one_wins(world: &dyn World) {
    let mut host = take(&*world.process(), Name::Host).unwrap();
    for _ in 0..50 {
        let frozen = host.number();
        let mut winners: Vec<_> =
            race(world, 8, |claims| depose(claims, Name::Host, frozen)).into_iter().flatten().collect();
        assert_eq!(winners.len(), 1, "{winners:?}");
        assert_eq!(winners[0].number(), frozen + 1);
        host = winners.remove(0);
    }
}

fn those_who_sit_down_at_once_get_the_lowest_seats(world: &dyn World) {
    for _ in 0..20 {
        let held = race(world, 16, sit);
        let ids: BTreeSet<_> = held.iter().map(|held| held.name()).collect();
        assert_eq!(ids, (1..=16).map(seat).collect());
    }
}

fn race<T: Send>(world: &dyn World, processes: usize, run: impl Fn(&dyn Claims) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(processes);
    thread::scope(|scope| {
        let one = || {
            let claims = world.process();
            barrier.wait();
            run(&*claims)
        };
        let threads: Vec<_> = (0..processes).map(|_| scope.spawn(one)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn what_was_lost_is_restored_under_its_number(world: &dyn World) {
    let claims = world.process();
    for name in [Name::Host, seat(3)] {
        let mut held = take(&*claims, name).unwrap();
        for _ in 0..3 {
            assert_eq!(held.restore(&member(name, held.number())).unwrap(), Standing::Intact);
            world.wipe();
            assert_eq!(held.standing().unwrap(), Standing::Gone);
            assert_eq!(world.process().look(name).unwrap(), None);
            let mut moved = member(name, held.number());
            moved.pid = 99;
            assert_eq!(held.restore(&moved).unwrap(), Standing::Intact);
            let found = world.process().look(name).unwrap().unwrap();
            assert_eq!((found.number, found.liveness), (held.number(), Liveness::Held));
            assert_eq!(found.holder, moved);
            assert!(take(&*world.process(), name).is_none());
        }
        let last = held.number();
        drop(held);
        assert!(take(&*claims, name).unwrap().number() > last);
    }
}

fn the_older_keeps_a_seat_and_the_higher_term_hosts(world: &dyn World) {
    let (old, new) = (world.process(), world.process());
    let mut old_host = take(&*old, Name::Host).unwrap();
    let mut old_seat = take(&*old, seat(1)).unwrap();
    let frozen_seat = take(&*old, seat(2)).unwrap();
    world.wipe();
    let new_host = take(&*new, Name::Host).unwrap();
    let mut new_seat = take(&*new, seat(1)).unwrap();
    assert!(new_host.number() > old_host.number() && new_seat.number() > old_seat.number());
    assert!(take(&*new, seat(2)).is_some(), "nobody can know of a seat that is not restored");

    assert_eq!(
        old_host.restore(&member(Name::Host, old_host.number())).unwrap(),
        Standing::Superseded(new_host.number())
    );
    assert_eq!(new_host.standing().unwrap(), Standing::Intact);
    let contested = Standing::Contested(new_seat.number());
    assert_eq!(old_seat.restore(&member(seat(1), old_seat.number())).unwrap(), contested);
    assert_eq!(new_seat.standing().unwrap(), Standing::Superseded(old_seat.number()));
    assert_eq!(new.look(seat(1)).unwrap().unwrap().number, old_seat.number());

    // Renewed, it is later than what anybody knows of, and nobody could take it meanwhile.
    assert_eq!(old_seat.renew(&|number| member(seat(1), number)).unwrap(), Standing::Intact);
    assert!(old_seat.number() > new_seat.number());
    assert_eq!(new.look(seat(1)).unwrap().unwrap().number, old_seat.number());
    assert_eq!(new_seat.renew(&|number| member(seat(1), number)).unwrap(), Standing::Superseded(old_seat.number()));

    // Whichever goes first, the seat is held until both are gone, and numbers grow beyond both.
    let newest = old_seat.number();
    drop(new_seat);
    assert!(take(&*new, seat(1)).is_none());
    drop(old_seat);
    assert!(take(&*new, seat(1)).unwrap().number() > newest);
    assert_eq!(frozen_seat.standing().unwrap(), Standing::Gone);
}

fn a_sweep_takes_nothing_that_is_held_or_needed(world: &dyn World) {
    let (ours, theirs) = (world.process(), world.process());
    let mut seated = take(&*ours, seat(1)).unwrap();
    world.wipe();
    let newer = take(&*theirs, seat(1)).unwrap().number();
    assert_eq!(seated.restore(&member(seat(1), seated.number())).unwrap(), Standing::Contested(newer));
    let mut hosts: Vec<Box<dyn Held>> = vec![take(&*ours, Name::Host).unwrap()];
    for _ in 0..40 {
        let number = hosts.last().unwrap().number();
        hosts.push(depose(&*theirs, Name::Host, number).unwrap());
        drop(take(&*theirs, seat(2)).unwrap());
        theirs.sweep().unwrap();
    }
    let last = hosts.last().unwrap().number();
    for host in &hosts[..hosts.len() - 1] {
        assert_eq!(host.standing().unwrap(), Standing::Superseded(last));
    }
    assert_eq!(seated.standing().unwrap(), Standing::Contested(newer));
    hosts.clear();
    theirs.sweep().unwrap();
    assert_eq!(take(&*theirs, Name::Host).unwrap().number(), last + 1);
    assert_eq!(liveness(&*theirs, seat(2)), Some(Liveness::Free));
}

/// Processes come and go, hosts are deposed, the place is wiped, in an order drawn by lot.
fn whatever_happens_one_claim_counts(world: &dyn World) {
    let seed = std::env::var("IPCHANNEL_SEED").map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    eprintln!("IPCHANNEL_SEED={seed}");
    let mut lot = fastrand::Rng::with_seed(seed);
    let names = [Name::Host, seat(1), seat(2)];
    let claims = world.process();
    let mut held: Vec<Box<dyn Held>> = Vec::new();
    let mut highest: BTreeMap<Name, u64> = BTreeMap::new();
    for _ in 0..1000 {
        let name = names[lot.usize(..names.len())];
        match lot.u32(..100) {
            0..50 => {
                let before = claims.look(name).unwrap();
                let allowed = lot.bool().then(|| highest.get(&name).copied().unwrap_or(7));
                let won = claims.take(name, allowed, &|number| member(name, number)).unwrap();
                let free = before.as_ref().is_none_or(|claim| claim.liveness == Liveness::Free);
                let deposed = name == Name::Host && before.is_some_and(|claim| allowed == Some(claim.number));
                assert_eq!(matches!(won, Taken::Won(_)), free || deposed);
                if let Taken::Won(won) = won {
                    assert!(highest.get(&name).is_none_or(|&last| won.number() > last));
                    highest.insert(name, won.number());
                    held.push(won);
                }
            }
            50..70 if !held.is_empty() => drop(held.swap_remove(lot.usize(..held.len()))),
            70..90 if !held.is_empty() => {
                let index = lot.usize(..held.len());
                let one = &mut held[index];
                let before = one.standing().unwrap();
                let after = one.restore(&member(one.name(), one.number())).unwrap();
                assert_ne!(after, Standing::Gone);
                assert!(before == after || before == Standing::Gone);
            }
            90..97 => claims.sweep().unwrap(),
            97 => world.wipe(),
            _ => {}
        }
        for name in names {
            let intact: Vec<_> = held
                .iter()
                .filter(|held| held.name() == name)
                .filter(|held| matches!(held.standing().unwrap(), Standing::Intact | Standing::Contested(_)))
                .map(|held| held.number())
                .collect();
            let counts = claims.look(name).unwrap();
            let counts = counts.filter(|claim| claim.liveness == Liveness::Held).map(|claim| claim.number);
            assert_eq!(intact, counts.into_iter().collect::<Vec<_>>(), "{name}");
        }
    }
}
