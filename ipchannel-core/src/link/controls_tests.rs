use super::*;
use crate::frame::Presence;
use crate::link::fixture::{beat, member, peer};

fn roster(term: u64, facts: &[(u32, Presence)]) -> Control {
    let fact = |&(seat, presence)| Fact { member: member(seat, 1, "a"), presence };
    Control::Roster { term: Term(term), host: peer(1, 1), facts: facts.iter().map(fact).collect() }
}

fn drain(mut controls: Controls) -> Vec<Control> {
    std::iter::from_fn(|| controls.pop()).collect()
}

#[test]
fn rosters_of_one_term_merge_and_the_later_fact_counts() {
    let mut controls = Controls::default();
    controls.push(roster(1, &[(1, Presence::Here), (2, Presence::Here)]));
    controls.push(beat(1));
    controls.push(roster(1, &[(2, Presence::Died), (3, Presence::Here)]));
    let merged = roster(1, &[(1, Presence::Here), (2, Presence::Died), (3, Presence::Here)]);
    assert_eq!(drain(controls), [merged, beat(1)]);
}

#[test]
fn a_higher_term_replaces_a_lower_and_not_the_other_way_round() {
    let mut controls = Controls::default();
    for term in [2, 3, 1] {
        controls.push(roster(term, &[(term as u32, Presence::Here)]));
        controls.push(beat(term));
    }
    assert_eq!(drain(controls), [roster(3, &[(3, Presence::Here)]), beat(3)]);
}
