//! The verdict over the play.

use std::fmt;

use crate::act::pairs;
use crate::history::Process;
use crate::judge::Tally;
use crate::report::Micros;
use crate::timeline::thousands;

pub(crate) struct Verdict {
    tallies: Vec<(String, Tally)>,
    faults: Vec<String>,
}

/// Who was who.
pub(crate) struct Cast {
    /// The host that was killed.
    pub(crate) dead: usize,
    /// Its second life.
    pub(crate) back: usize,
    pub(crate) survivors: Vec<usize>,
    /// When the first was told to leave.
    pub(crate) end: Micros,
}

impl Verdict {
    pub(crate) fn of(history: &[Process], cast: &Cast) -> Verdict {
        let Cast { dead, back, survivors, .. } = cast;
        let (dead, back) = (*dead, *back);
        let id = history[dead].id.unwrap_or_default();
        let mut verdict = Verdict { tallies: Vec::new(), faults: Vec::new() };
        let numbers = |from: usize, to: usize| history[to].from(from).iter().map(|c| (c.number, c.redelivered));
        let sent = |from: usize, to: usize| history[to].id.and_then(|id| history[from].sent.get(&id)).copied();
        let sent = |from, to| sent(from, to).unwrap_or_default();

        let lived = pairs(survivors).map(|(from, to)| Tally::of(1..=sent(from, to), numbers(from, to)));
        verdict.add("among those who lived on".into(), lived);
        let to_both = survivors.iter().map(|from| {
            let acknowledged = history[*from].acknowledged.get(&id).copied().unwrap_or_default();
            Tally::of_two_lives(sent(*from, back), acknowledged, numbers(*from, dead), numbers(*from, back))
        });
        verdict.add(format!("to {id}, in both its lives"), to_both);
        // What it sent last died with it: how much that was nobody knows.
        let until = |to: usize| numbers(dead, to).map(|(number, _)| number).max().unwrap_or_default();
        let from_dead = survivors.iter().map(|to| Tally::of(1..=until(*to), numbers(dead, *to)));
        verdict.add(format!("from {id}, as far as they came"), from_dead);
        let from_back = survivors.iter().map(|to| Tally::of(1..=sent(back, *to), numbers(back, *to)));
        verdict.add(format!("from {id}, in its second life"), from_back);

        verdict.judge_ids(history, cast);
        verdict.judge_hosts(history, cast);
        verdict.judge_talk(history);
        for process in history {
            verdict.faults.extend(process.failures.iter().map(|failure| format!("pid {}: {failure}", process.pid)));
        }
        verdict
    }

    fn add(&mut self, what: String, tallies: impl Iterator<Item = Tally>) {
        let mut sum = Tally::default();
        tallies.for_each(|tally| sum += tally);
        if sum.sent == 0 {
            self.faults.push(format!("nothing was sent {what}"));
        } else if !sum.is_clean() {
            self.faults.push(format!("messages {what}: {sum:?}"));
        }
        self.tallies.push((what, sum));
    }

    fn judge_ids(&mut self, history: &[Process], cast: &Cast) {
        let mut ids: Vec<_> = history[..4].iter().filter_map(|process| process.id).collect();
        ids.sort_unstable();
        self.demand(ids == [1, 2, 3, 4], || format!("the four ids were {ids:?}"));
        for process in cast.survivors.iter().chain([&cast.back]).map(|process| &history[*process]) {
            let (first, last) = (process.id, process.last_id);
            self.demand(first == last, || format!("an id changed from {first:?} to {last:?}"));
            let undelivered = process.undelivered;
            self.demand(undelivered == Some(0), || format!("{first:?} closed with {undelivered:?} undelivered"));
        }
        let (before, after) = (history[cast.dead].id, history[cast.back].id);
        self.demand(before == after, || format!("the dead one was {before:?} and came back as {after:?}"));
    }

    fn judge_hosts(&mut self, history: &[Process], cast: &Cast) {
        let alive = cast.survivors.iter().chain([&cast.back]);
        let hosts: Vec<_> = alive.map(|process| history[*process].host_at(cast.end)).collect();
        let agreed = hosts.iter().all(|host| *host == hosts[0] && host.is_some() && *host != history[cast.dead].id);
        self.demand(agreed, || format!("they saw these hosts after the death: {hosts:?}"));
        let grew = |process: &Process| process.hosts.is_sorted_by(|(_, _, a), (_, _, b)| a < b);
        self.demand(history.iter().all(grew), || "the term of the host did not always grow".into());
    }

    fn judge_talk(&mut self, history: &[Process]) {
        let mut heard: Vec<_> = history
            .iter()
            .flat_map(|process| {
                process.heard.iter().map(|(_, [from, event, text])| (process.id, &**from, &**event, &**text))
            })
            .collect();
        heard.sort_unstable();
        let all = |id| (Some(id), "4", "message", "Attention, please!");
        let expected = [
            (Some(1), "2", "message", "Hi, peer 1!"),
            (Some(1), "3", "custom-event", "hello world"),
            (Some(1), "4", "custom-event", "hello everybody"),
            all(1),
            all(2),
            all(3),
            all(4),
        ];
        self.demand(heard == expected, || format!("what they heard was {heard:?}"));
    }

    fn demand(&mut self, holds: bool, fault: impl FnOnce() -> String) {
        if !holds {
            self.faults.push(fault());
        }
    }

    /// Prints it. `false`: something happened that should not.
    pub(crate) fn tell(&self) -> bool {
        println!("\n{self}");
        self.faults.is_empty()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let titles = ["sent", "arrived", "lost", "doubled", "disordered", "mismarked"];
        write!(f, "  {:<28}", "numbers")?;
        titles.iter().try_for_each(|title| write!(f, "{title:>12}"))?;
        writeln!(f)?;
        for (what, tally) in &self.tallies {
            let Tally { sent, arrived, lost, doubled, disordered, mismarked } = *tally;
            write!(f, "  {what:<28}")?;
            let columns = [sent, arrived, lost, doubled, disordered, mismarked];
            columns.iter().try_for_each(|column| write!(f, "{:>12}", thousands(*column)))?;
            writeln!(f)?;
        }
        match &*self.faults {
            [] => writeln!(f, "\n  Nothing was lost, doubled or out of order, and no id changed."),
            faults => faults.iter().try_for_each(|fault| writeln!(f, "\n  WRONG: {fault}")),
        }
    }
}
