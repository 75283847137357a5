//! What a person sees.

use std::fmt::Display;

use crate::report::{Micros, now};

/// Prints what happened when, counted from its beginning.
pub(crate) struct Timeline {
    start: Micros,
}

impl Timeline {
    pub(crate) fn begin(title: &str) -> Self {
        println!("\n  {title}\n");
        Timeline { start: now() }
    }

    pub(crate) fn at(&self, at: Micros, who: &str, what: impl Display) {
        let millis = at.saturating_sub(self.start) as f64 / 1000.0;
        println!("  {millis:>8.1} ms  {who:<10} {what}");
    }

    pub(crate) fn now(&self, who: &str, what: impl Display) {
        self.at(now(), who, what);
    }
}

/// `1,234,567`
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 2 3 4`
pub(crate) fn list(items: impl IntoIterator<Item: Display>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(" ")
}
