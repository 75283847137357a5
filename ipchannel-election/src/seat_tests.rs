use std::collections::BTreeMap;
use std::time::Duration;

use ipchannel_core::Incarnation;

use super::*;

fn seat(id: u32, identity: &str, alive: bool) -> SeatView {
    SeatView {
        peer: PeerRef { id: PeerId::new(id).unwrap(), incarnation: Incarnation(1) },
        identity: (!identity.is_empty()).then(|| Identity::new(identity)),
        alive,
    }
}

fn choose(wish: Wish, seats: &[SeatView]) -> Choice {
    let now = Instant::now();
    Seating::new(wish, now + Duration::from_secs(1)).choose(now, seats)
}

fn take(id: u32, identity: &str) -> Choice {
    Choice::Take { id: PeerId::new(id).unwrap(), identity: (!identity.is_empty()).then(|| Identity::new(identity)) }
}

fn prefer(identity: &str) -> Wish {
    Wish::Prefer(Identity::new(identity))
}

fn require(identity: &str) -> Wish {
    Wish::Require(Identity::new(identity))
}

#[test]
fn the_lowest_free_id_is_taken() {
    assert_eq!(choose(Wish::Any, &[]), take(1, ""));
    assert_eq!(choose(Wish::Any, &[seat(2, "", true)]), take(1, ""));
    assert_eq!(choose(Wish::Any, &[seat(3, "", true), seat(1, "", true), seat(2, "", false)]), take(2, ""));
    assert_eq!(choose(Wish::Any, &[seat(1, "", true), seat(2, "", true)]), take(3, ""));
}

#[test]
fn a_seat_is_reserved_for_its_identity_while_the_channel_has_members() {
    let left = [seat(1, "a", false), seat(2, "", true), seat(3, "", false)];
    assert_eq!(choose(Wish::Any, &left), take(3, ""));
    assert_eq!(choose(require("b"), &left), take(3, "b"));
    assert_eq!(choose(prefer("b"), &left), take(3, "b"));
    assert_eq!(choose(require("a"), &left), take(1, "a"));
}

#[test]
fn reservations_lapse_on_an_empty_channel_but_an_identity_finds_its_seat() {
    let empty = [seat(1, "a", false), seat(2, "b", false)];
    assert_eq!(choose(Wish::Any, &empty), take(1, ""));
    assert_eq!(choose(require("c"), &empty), take(1, "c"));
    assert_eq!(choose(require("b"), &empty), take(2, "b"));
    assert_eq!(choose(prefer("b"), &empty), take(2, "b"));
}

#[test]
fn a_required_identity_that_is_held_is_waited_for_and_then_an_error() {
    let now = Instant::now();
    let until = now + Duration::from_secs(1);
    let seating = Seating::new(require("a"), until);
    let held = [seat(1, "", false), seat(4, "a", true)];
    assert_eq!(seating.choose(now, &held), Choice::Wait { by: held[1].peer });
    assert_eq!(seating.choose(until, &held), Choice::Held { by: held[1].peer });
    assert_eq!(seating.choose(until, &[seat(1, "", false), seat(4, "a", false)]), take(4, "a"));
}

#[test]
fn a_preferred_identity_that_is_held_is_done_without() {
    let held = [seat(1, "a", true), seat(2, "b", false), seat(3, "a", false)];
    assert_eq!(choose(prefer("a"), &held), take(4, ""));
}

#[test]
fn an_identity_whose_old_seat_went_to_another_takes_the_lowest_free_id() {
    assert_eq!(choose(require("a"), &[seat(1, "", true), seat(2, "b", false)]), take(3, "a"));
}

/// Everything that may happen to seats, at random: members come by their wishes, crash, come back.
#[test]
fn no_seat_is_taken_from_the_living_and_identities_come_back_to_their_seats_while_anybody_lives() {
    for seed in 0..2_000 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut seats: BTreeMap<PeerId, SeatView> = BTreeMap::new();
        let mut homes: BTreeMap<Identity, PeerId> = BTreeMap::new();
        for _ in 0..40 {
            let view: Vec<SeatView> = seats.values().cloned().collect();
            if rng.bool() && !view.is_empty() {
                seats.get_mut(&view[rng.usize(0..view.len())].peer.id).unwrap().alive = false;
                if seats.values().all(|seat| !seat.alive) {
                    homes.clear();
                }
                continue;
            }
            let name = Identity::new(["a", "b", "c"][rng.usize(0..3)]);
            let wish = [Wish::Any, Wish::Prefer(name.clone()), Wish::Require(name.clone())][rng.usize(0..3)].clone();
            let Choice::Take { id, identity } = choose(wish.clone(), &view) else {
                let held = view.iter().any(|seat| seat.alive && seat.identity.as_ref() == Some(&name));
                assert!(held && wish == Wish::Require(name), "seed {seed}: waits for nobody");
                continue;
            };
            assert!(seats.get(&id).is_none_or(|seat| !seat.alive), "seed {seed}: {id} was taken from a live process");
            let double = view.iter().any(|seat| seat.alive && identity.is_some() && seat.identity == identity);
            assert!(!double, "seed {seed}: two live processes with one identity");
            for (home_of, home) in &homes {
                assert_eq!(*home == id, identity.as_ref() == Some(home_of), "seed {seed}: seat {id} is {home_of}'s");
            }
            if let Some(identity) = &identity {
                homes.insert(identity.clone(), id);
            }
            seats.insert(id, SeatView { peer: PeerRef { id, incarnation: Incarnation(1) }, identity, alive: true });
        }
    }
}
