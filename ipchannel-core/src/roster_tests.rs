use super::*;
use crate::peer::{Endpoint, Incarnation, Lineage};

fn member(id: u32, incarnation: u64) -> Member {
    Member {
        peer: PeerRef { id: PeerId::new(id).unwrap(), incarnation: Incarnation(incarnation) },
        lineage: Lineage::of_executable("/bin/test"),
        identity: None,
        endpoint: Endpoint::new("memory", &format!("{id}.{incarnation}")),
        pid: id,
    }
}

fn fact(id: u32, incarnation: u64, presence: Presence) -> Fact {
    Fact { member: member(id, incarnation), presence }
}

fn ids(roster: &Roster) -> Vec<u32> {
    roster.members().map(|member| member.id().get()).collect()
}

#[test]
fn a_member_joins_once_and_leaves_once() {
    let mut roster = Roster::new();
    assert_eq!(roster.merge(fact(2, 1, Presence::Here)), Some(Change::Joined(member(2, 1))));
    assert_eq!(roster.merge(fact(2, 1, Presence::Here)), None);
    assert_eq!(roster.merge(fact(2, 1, Presence::Left)), Some(Change::Left(member(2, 1), Presence::Left)));
    assert_eq!(roster.merge(fact(2, 1, Presence::Left)), None);
    assert_eq!(ids(&roster), []);
}

#[test]
fn who_is_gone_is_never_back_but_its_successor_joins() {
    let mut roster = Roster::new();
    assert_eq!(roster.merge(fact(1, 4, Presence::Died)), None);
    assert_eq!(roster.merge(fact(1, 4, Presence::Here)), None);
    assert_eq!(roster.merge(fact(1, 5, Presence::Here)), Some(Change::Joined(member(1, 5))));
    assert_eq!(roster.merge(fact(1, 4, Presence::Here)), None);
    assert_eq!(roster.get(PeerId::FIRST), Some(&member(1, 5)));
}

#[test]
fn a_higher_incarnation_replaces_and_a_late_word_on_the_lower_one_changes_nothing() {
    let mut roster = Roster::new();
    roster.merge(fact(1, 1, Presence::Here));
    let replaced = Change::Replaced { old: member(1, 1), new: member(1, 2) };
    assert_eq!(roster.merge(fact(1, 2, Presence::Here)), Some(replaced));
    assert_eq!(roster.mark(member(1, 1).peer, Presence::Died), None);
    assert_eq!(roster.holder(member(1, 1).peer), None);
    assert_eq!(roster.holder(member(1, 2).peer), Some(&member(1, 2)));
}

#[test]
fn a_goodbye_of_a_successor_never_seen_says_that_the_old_one_died() {
    let mut roster = Roster::new();
    roster.merge(fact(1, 1, Presence::Here));
    assert_eq!(roster.merge(fact(1, 2, Presence::Left)), Some(Change::Left(member(1, 1), Presence::Died)));
    assert_eq!(roster.fact(PeerId::FIRST), Some(&fact(1, 2, Presence::Left)));
}

#[test]
fn a_goodbye_corrects_a_supposed_death_in_silence() {
    let mut roster = Roster::new();
    roster.merge(fact(1, 1, Presence::Here));
    assert!(roster.mark(member(1, 1).peer, Presence::Died).is_some());
    assert_eq!(roster.mark(member(1, 1).peer, Presence::Left), None);
    assert_eq!(roster.fact(PeerId::FIRST), Some(&fact(1, 1, Presence::Left)));
    assert_eq!(roster.mark(member(1, 1).peer, Presence::Died), None);
    assert_eq!(roster.fact(PeerId::FIRST), Some(&fact(1, 1, Presence::Left)));
}

#[test]
fn marking_somebody_unknown_changes_nothing() {
    assert_eq!(Roster::new().mark(member(1, 1).peer, Presence::Died), None);
}

#[test]
fn ranks_count_members_here_with_lower_ids_but_not_the_host() {
    let mut roster = Roster::new();
    for id in [5, 1, 2, 4] {
        roster.merge(fact(id, 1, Presence::Here));
    }
    roster.mark(member(2, 1).peer, Presence::Died);
    assert_eq!(ids(&roster), [1, 4, 5]);
    let rank = |id, host: Option<u32>| roster.rank(PeerId::new(id).unwrap(), host.map(|id| member(id, 1).peer));
    assert_eq!([rank(1, None), rank(4, None), rank(5, None), rank(9, None)], [0, 1, 2, 3]);
    assert_eq!([rank(4, Some(1)), rank(5, Some(1)), rank(5, Some(4)), rank(4, Some(5))], [0, 1, 1, 1]);
}

fn random_facts(rng: &mut fastrand::Rng) -> Vec<Fact> {
    let presences = [Presence::Here, Presence::Left, Presence::Died];
    (0..rng.usize(0..16)).map(|_| fact(rng.u32(1..4), rng.u64(1..4), presences[rng.usize(0..3)])).collect()
}

fn merged(facts: &[Fact]) -> Roster {
    let mut roster = Roster::new();
    for fact in facts {
        roster.merge(fact.clone());
    }
    roster
}

#[test]
fn neither_the_order_nor_the_number_of_times_facts_come_changes_what_is_known() {
    for seed in 0..5_000 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut facts = random_facts(&mut rng);
        let once = merged(&facts);
        facts.extend(facts.clone());
        rng.shuffle(&mut facts);
        assert_eq!(once, merged(&facts), "seed {seed}");
    }
}

#[test]
fn two_rosters_that_tell_each_other_all_they_know_agree() {
    for seed in 0..5_000 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (mut left, mut right) = (merged(&random_facts(&mut rng)), merged(&random_facts(&mut rng)));
        let told: Vec<Fact> = left.facts().cloned().collect();
        for fact in right.facts() {
            left.merge(fact.clone());
        }
        for fact in told {
            right.merge(fact);
        }
        assert_eq!(left, right, "seed {seed}");
    }
}

#[test]
fn the_changes_alone_tell_who_is_here() {
    for seed in 0..5_000 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut roster = Roster::new();
        let mut watched = BTreeMap::new();
        for fact in random_facts(&mut rng) {
            let unchanged = match roster.merge(fact) {
                Some(Change::Joined(member)) => watched.insert(member.id(), member).is_none(),
                Some(Change::Left(member, presence)) => {
                    presence != Presence::Here && watched.remove(&member.id()) == Some(member)
                }
                Some(Change::Replaced { old, new }) => watched.insert(new.id(), new) == Some(old),
                None => true,
            };
            assert!(unchanged, "seed {seed}");
            assert!(watched.values().eq(roster.members()), "seed {seed}");
        }
    }
}
