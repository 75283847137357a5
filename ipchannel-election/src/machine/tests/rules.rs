//! Each rule on its own.

use std::time::Duration;

use ipchannel_core::Term;

use super::super::{Action, Heard};
use super::member::{Member, TAKE, announce, beat, depose, follow, free, held, lost, peer, probe};
use super::world::ms;

#[test]
fn a_free_claim_is_taken_and_a_held_one_followed() {
    let mut member = Member::seated(0);
    assert_eq!(member.look(None), [TAKE]);
    assert_eq!(member.take(Some(1)), [announce(1)]);
    assert_eq!(member.election.host(), Some((Term(1), peer(9))));
    assert_eq!(member.election.hosting(), Some(Term(1)));

    let member = Member::following(0);
    assert_eq!(member.election.host(), Some((Term(5), peer(1))));
    assert_eq!(member.election.hosting(), None);
}

#[test]
fn who_loses_the_claim_looks_who_has_it() {
    let mut member = Member::seated(0);
    assert_eq!(member.look(None), [TAKE]);
    assert_eq!(member.take(None), [Action::Look]);
    assert_eq!(member.look(held(1, 2)), [follow(1, 2)]);
}

#[test]
fn who_loses_a_claim_that_stays_free_tries_again_in_growing_intervals() {
    let mut member = Member::seated(0);
    assert_eq!(member.look(None), [TAKE]);
    for pause in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_000, 1_000, 1_000] {
        assert_eq!(member.take(None), [Action::Look]);
        assert_eq!(member.look(None), []);
        assert_eq!(member.pass(ms(pause) - Duration::from_micros(1)), []);
        assert_eq!(member.pass(Duration::from_micros(1)), [TAKE]);
    }
}

#[test]
fn members_try_to_take_a_free_claim_in_the_order_of_their_rank() {
    for rank in 1..100 {
        let mut member = Member::following(rank);
        assert_eq!(member.disconnect(1), [Action::Look]);
        assert_eq!(member.look(free(5, 1)), []);
        let turn = ms(u64::from(rank.min(64)));
        assert_eq!(member.pass(turn - Duration::from_micros(1)), []);
        assert_eq!(member.pass(Duration::from_micros(1)), [TAKE]);
    }
}

#[test]
fn who_waits_for_its_turn_follows_whoever_was_first() {
    let mut member = Member::following(3);
    member.disconnect(1);
    assert_eq!(member.look(free(5, 1)), []);
    assert_eq!(member.hear(6, 2), Heard::Accepted);
    assert_eq!(member.actions(), [follow(6, 2)]);
    assert_eq!(member.pass(ms(1_999)), []);
}

#[test]
fn the_end_of_a_connection_is_no_end_of_the_host_while_its_claim_is_held() {
    let mut member = Member::following(0);
    assert_eq!(member.disconnect(1), [Action::Look]);
    assert_eq!(member.look(held(5, 1)), [probe(1)]);
    assert_eq!(member.pass(ms(1)), [Action::Look]);
    assert_eq!(member.look(held(5, 1)), []);
    assert_eq!(member.election.host(), Some((Term(5), peer(1))));
}

#[test]
fn a_claim_let_go_of_a_moment_after_the_connections_is_found_free_by_another_look() {
    let mut member = Member::following(0);
    member.disconnect(1);
    assert_eq!(member.look(held(5, 1)), [probe(1)]);
    // What the host said last, over another connection, is read only now.
    assert_eq!(member.hear(5, 1), Heard::Accepted);
    assert_eq!(member.pass(ms(1)), [Action::Look]);
    assert_eq!(member.look(free(5, 1)), [TAKE]);
}

#[test]
fn looks_after_a_disconnect_grow_rare_and_end_when_the_host_is_heard_again() {
    let mut member = Member::following(0);
    member.disconnect(1);
    member.look(held(5, 1));
    let mut looks = 0;
    for _ in 0..10_000 {
        for action in member.pass(ms(1)) {
            assert_eq!(action, Action::Look);
            looks += 1;
            assert_eq!(member.look(held(5, 1)), []);
        }
        assert_eq!(member.hear(5, 1), Heard::Accepted);
    }
    assert!((8..=12).contains(&looks), "{looks}");
}

#[test]
fn the_end_of_other_connections_is_of_no_interest() {
    let mut member = Member::following(0);
    assert_eq!(member.disconnect(2), []);
    let mut member = Member::hosting();
    assert_eq!(member.disconnect(1), []);
    assert_eq!(member.disconnect(9), []);
}

#[test]
fn a_silent_host_is_probed_first_and_deposed_at_the_limit() {
    let mut member = Member::following(0);
    assert_eq!(member.pass(ms(1_999)), []);
    assert_eq!(member.pass(ms(1)), [probe(1), Action::Look]);
    assert_eq!(member.look(held(5, 1)), []);
    assert_eq!(member.pass(ms(999)), []);
    assert_eq!(member.pass(ms(1)), [depose(5)]);
    assert_eq!(member.take(Some(6)), [announce(6)]);
}

#[test]
fn any_sign_of_life_begins_the_limit_anew() {
    let mut member = Member::following(0);
    for _ in 0..10 {
        assert_eq!(member.pass(ms(2_000)), [probe(1), Action::Look]);
        assert_eq!(member.look(held(5, 1)), []);
        assert_eq!(member.pass(ms(900)), []);
        member.election.handle_alive(member.now, peer(2));
        member.election.handle_alive(member.now, peer(1));
    }
    for _ in 0..10 {
        assert_eq!(member.pass(ms(1_900)), []);
        assert_eq!(member.hear(5, 1), Heard::Accepted);
    }
}

#[test]
fn a_sign_of_life_stops_who_waits_to_depose() {
    for word in [true, false] {
        let mut member = Member::following(30);
        member.pass(ms(2_000));
        assert_eq!(member.look(held(5, 1)), []);
        assert_eq!(member.pass(ms(1_010)), []);
        if word {
            assert_eq!(member.hear(5, 1), Heard::Accepted);
        } else {
            member.election.handle_alive(member.now, peer(1));
        }
        assert_eq!(member.pass(ms(1_999)), []);
    }
}

#[test]
fn a_silent_host_that_hosts_no_more_is_left_by_the_look_that_goes_with_the_probe() {
    let mut member = Member::following(0);
    assert_eq!(member.pass(ms(2_000)), [probe(1), Action::Look]);
    assert_eq!(member.look(held(6, 2)), [follow(6, 2)]);
}

#[test]
fn deposers_wait_for_their_turn_and_take_the_claim_as_free_once_it_is() {
    let mut member = Member::following(7);
    member.pass(ms(2_000));
    member.look(held(5, 1));
    assert_eq!(member.pass(ms(1_006)), []);
    assert_eq!(member.disconnect(1), [Action::Look]);
    assert_eq!(member.look(free(5, 1)), []);
    assert_eq!(member.pass(ms(1)), [TAKE]);
}

#[test]
fn a_member_that_stood_still_suspects_itself() {
    let mut member = Member::following(0);
    assert_eq!(member.freeze(ms(10_000)), []);
    assert_eq!(member.pass(ms(1_999)), []);
    // In the middle of the suspicion too: the answer to the probe may wait to be read.
    assert_eq!(member.pass(ms(1)), [probe(1), Action::Look]);
    assert_eq!(member.look(held(5, 1)), []);
    assert_eq!(member.freeze(ms(1_300)), []);
    assert_eq!(member.pass(ms(1_999)), []);
    // And while it waits to depose.
    let mut member = Member::following(30);
    member.pass(ms(3_010));
    assert_eq!(member.freeze(ms(600)), []);
    assert_eq!(member.pass(ms(1_999)), []);
}

#[test]
fn a_timer_that_is_a_little_late_suspects_nobody_and_shortens_nothing() {
    let mut member = Member::following(0);
    assert_eq!(member.freeze(ms(2_400)), [probe(1), Action::Look]);
    member.look(held(5, 1));
    assert_eq!(member.pass(ms(999)), []);
    assert_eq!(member.pass(ms(1)), [depose(5)]);
}

#[test]
fn a_host_beats_after_each_look_that_shows_its_claim() {
    let mut member = Member::hosting();
    for _ in 0..5 {
        assert_eq!(member.pass(ms(1_000)), [Action::Look]);
        assert_eq!(member.look(held(5, 9)), [beat(5)]);
    }
}

#[test]
fn a_host_whose_claim_is_gone_or_free_loses_its_term_and_tries_again() {
    for view in [None, free(5, 9), free(3, 2)] {
        let mut member = Member::hosting();
        member.pass(ms(1_000));
        assert_eq!(member.look(view), [lost(5), TAKE]);
        assert_eq!(member.election.hosting(), None);
        assert_eq!(member.take(Some(70)), [announce(70)]);
    }
}

#[test]
fn a_host_that_was_deposed_follows_before_it_says_anything() {
    let mut member = Member::hosting();
    assert_eq!(member.freeze(ms(10_000)), [Action::Look]);
    assert_eq!(member.look(held(6, 2)), [lost(5), follow(6, 2)]);
}

#[test]
fn a_host_that_froze_while_it_looked_looks_again() {
    let mut member = Member::hosting();
    assert_eq!(member.pass(ms(1_000)), [Action::Look]);
    member.now += ms(10_000);
    assert_eq!(member.look(held(5, 9)), [Action::Look]);
    assert_eq!(member.look(held(5, 9)), [beat(5)]);
}

#[test]
fn a_host_that_froze_while_it_took_the_claim_looks_before_it_announces_itself() {
    let mut member = Member::seated(0);
    member.look(None);
    member.now += ms(10_000);
    assert_eq!(member.take(Some(5)), [Action::Look]);
    assert_eq!(member.look(held(5, 9)), [announce(5)]);
    let mut member = Member::seated(0);
    member.look(None);
    member.now += ms(10_000);
    assert_eq!(member.take(Some(5)), [Action::Look]);
    assert_eq!(member.look(held(6, 1)), [lost(5), follow(6, 1)]);
}

#[test]
fn a_look_that_began_before_the_claim_was_taken_is_repeated() {
    let mut member = Member::following(0);
    member.pass(ms(3_000));
    assert_eq!(member.take(Some(6)), [announce(6)]);
    assert_eq!(member.look(held(5, 1)), [Action::Look]);
    assert_eq!(member.look(held(6, 9)), []);
    assert_eq!(member.election.hosting(), Some(Term(6)));
}

#[test]
fn lower_terms_are_refused_with_the_name_of_the_host() {
    let mut member = Member::following(0);
    assert_eq!(member.hear(4, 2), Heard::Superseded { term: Term(5), host: peer(1) });
    let mut member = Member::hosting();
    assert_eq!(member.hear(4, 2), Heard::Superseded { term: Term(5), host: peer(9) });
    assert_eq!(member.actions(), []);
    // A look of the past changes nothing either.
    let mut member = Member::following(0);
    member.election.handle_superseded(member.now, Term(7));
    assert_eq!(member.hear(6, 2), Heard::Accepted);
    assert_eq!(member.actions(), [Action::Look, follow(6, 2)]);
    assert_eq!(member.look(held(5, 1)), []);
    assert_eq!(member.election.host(), Some((Term(6), peer(2))));
}

#[test]
fn a_higher_term_ends_ones_own() {
    let mut member = Member::hosting();
    assert_eq!(member.hear(6, 2), Heard::Accepted);
    assert_eq!(member.actions(), [lost(5), follow(6, 2)]);
}

#[test]
fn a_second_host_of_one_term_is_not_believed_but_the_claim_is() {
    let mut member = Member::following(0);
    assert_eq!(member.hear(5, 2), Heard::Ignored);
    assert_eq!(member.actions(), [Action::Look]);
    assert_eq!(member.look(held(5, 1)), []);
    assert_eq!(member.hear(5, 2), Heard::Ignored);
    assert_eq!(member.actions(), [Action::Look]);
    assert_eq!(member.look(held(5, 2)), [follow(5, 2)]);
}

#[test]
fn who_is_told_of_a_higher_term_looks_and_only_then() {
    let mut member = Member::hosting();
    member.election.handle_superseded(member.now, Term(5));
    assert_eq!(member.actions(), []);
    member.election.handle_superseded(member.now, Term(6));
    assert_eq!(member.actions(), [Action::Look]);
    assert_eq!(member.look(held(6, 2)), [lost(5), follow(6, 2)]);
}

#[test]
fn a_claim_won_after_a_higher_term_was_heard_is_given_up() {
    let mut member = Member::seated(0);
    member.look(None);
    assert_eq!(member.hear(6, 2), Heard::Accepted);
    assert_eq!(member.take(Some(5)), [follow(6, 2), lost(5)]);
    assert_eq!(member.election.host(), Some((Term(6), peer(2))));
}

#[test]
fn who_left_takes_no_part_and_gives_back_what_it_wins() {
    let mut member = Member::hosting();
    member.election.handle_leave();
    assert_eq!(member.actions(), [lost(5)]);
    assert_eq!(member.hear(6, 2), Heard::Ignored);
    assert_eq!(member.pass(ms(10_000)), []);

    let mut member = Member::seated(0);
    member.look(None);
    member.election.handle_leave();
    assert_eq!(member.take(Some(5)), [lost(5)]);
    assert_eq!(member.election.poll_timeout(), None);
}

#[test]
fn who_changes_its_seat_gives_up_what_it_held_in_the_name_of_the_old_one() {
    let mut member = Member::hosting();
    member.election.handle_seated(member.now, peer(10), 0);
    assert_eq!(member.actions(), [lost(5), Action::Look]);
    assert_eq!(member.look(free(5, 9)), [TAKE]);
    member.election.handle_seated(member.now, peer(11), 0);
    assert_eq!(member.actions(), [Action::Look]);
    assert_eq!(member.take(Some(6)), [lost(6)]);
    assert_eq!(member.look(free(6, 10)), [TAKE]);
    assert_eq!(member.take(Some(7)), [announce(7)]);
}

#[test]
fn a_lost_directory_is_left_to_the_host_unless_it_is_gone_too() {
    let mut member = Member::following(0);
    member.pass(ms(2_000));
    assert_eq!(member.look(None), []);
    assert_eq!(member.disconnect(1), [Action::Look]);
    assert_eq!(member.look(None), [TAKE]);
}
