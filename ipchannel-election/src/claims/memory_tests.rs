use ipchannel_core::{Endpoint, Incarnation, Lineage, PeerId, PeerRef};

use super::*;

const SEAT: Name = Name::Seat(PeerId::FIRST);

fn member(number: u64) -> Member {
    Member {
        peer: PeerRef { id: PeerId::FIRST, incarnation: Incarnation(number) },
        lineage: Lineage::of_executable("/usr/bin/test"),
        identity: None,
        endpoint: Endpoint::new("memory", "test"),
        pid: 1,
    }
}

fn take(claims: &MemoryClaims, name: Name) -> Option<Box<dyn Held>> {
    claims.take(name, None, &member).unwrap().won()
}

fn liveness(claims: &MemoryClaims) -> Option<Liveness> {
    claims.look(SEAT).unwrap().map(|claim| claim.liveness)
}

#[test]
fn a_crash_frees_all_claims_of_the_process_and_of_no_other() {
    let universe = Universe::new();
    let (first, second) = (universe.process(), universe.process());
    let (seat, host) = (take(&first, SEAT).unwrap(), take(&second, Name::Host).unwrap());
    first.crash();
    assert_eq!(liveness(&second), Some(Liveness::Free));
    assert_eq!(host.standing().unwrap(), Standing::Intact);
    let taken = take(&second, SEAT).unwrap();
    assert_eq!(taken.number(), seat.number() + 1);
    drop(seat);
    assert_eq!(liveness(&second), Some(Liveness::Held));
    drop(taken);
    assert!(take(&first, SEAT).is_none(), "the dead take nothing");
}

#[test]
fn what_a_forked_child_keeps_may_be_taken_over() {
    let universe = Universe::new();
    let (parent, other) = (universe.process(), universe.process());
    let held = take(&parent, SEAT).unwrap();
    parent.orphan();
    assert_eq!(liveness(&other), Some(Liveness::Orphaned));
    assert_eq!(take(&other, SEAT).unwrap().number(), held.number() + 1);
}

#[test]
fn the_same_calls_give_the_same_numbers() {
    let universe = Universe::new();
    let claims = universe.process();
    let mut numbers = Vec::new();
    for _ in 0..3 {
        numbers.push(take(&claims, SEAT).unwrap().number());
        numbers.push(take(&claims, SEAT).unwrap().number());
        universe.wipe();
    }
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
}
