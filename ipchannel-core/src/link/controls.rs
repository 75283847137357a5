//! What is still to be said about the channel on one connection.

use std::collections::VecDeque;

use crate::frame::{Control, Fact};
use crate::peer::Term;

/// Controls that wait to be written: at most one of each kind, since a newer one says all that an older one did.
#[derive(Debug, Default)]
pub(super) struct Controls(VecDeque<Control>);

impl Controls {
    /// Adds one. Rosters of one term are merged, the later fact about a seat counts; a higher term replaces a lower.
    pub(super) fn push(&mut self, control: Control) {
        let waiting =
            self.0.iter_mut().find(|waiting| std::mem::discriminant(*waiting) == std::mem::discriminant(&control));
        let Some(waiting) = waiting else { return self.0.push_back(control) };
        match (term(waiting).cmp(&term(&control)), &mut *waiting, control) {
            (std::cmp::Ordering::Greater, ..) => {}
            (std::cmp::Ordering::Equal, Control::Roster { facts, .. }, Control::Roster { facts: newer, .. }) => {
                merge(facts, newer);
            }
            (_, waiting, control) => *waiting = control,
        }
    }

    pub(super) fn pop(&mut self) -> Option<Control> {
        self.0.pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

fn term(control: &Control) -> Term {
    match control {
        Control::Roster { term, .. } | Control::Beat { term, .. } | Control::Superseded { term, .. } => *term,
    }
}

fn merge(facts: &mut Vec<Fact>, newer: Vec<Fact>) {
    for fact in newer {
        match facts.iter_mut().find(|known| known.member.id() == fact.member.id()) {
            Some(known) => *known = fact,
            None => facts.push(fact),
        }
    }
}

#[cfg(test)]
#[path = "controls_tests.rs"]
mod tests;
