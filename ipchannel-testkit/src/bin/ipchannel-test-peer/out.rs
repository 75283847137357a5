//! The standard output, in a thread of its own: whoever tells something never waits.

use std::io::Write;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use ipchannel_testkit::protocol::{Fate, Report, Run, Source, Stamped, now};

/// How long messages are collected before they are told: a line for each would cost more than the messages.
const COLLECT: Duration = Duration::from_millis(2);

/// Tells what happens. Clones tell on the same output.
#[derive(Clone)]
pub(crate) struct Out(Sender<Order>);

enum Order {
    Tell(Stamped),
    Flush(Sender<()>),
}

impl Out {
    pub(crate) fn start() -> Self {
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || write(&receiver));
        Out(sender)
    }

    pub(crate) fn tell(&self, report: Report) {
        let _ = self.0.send(Order::Tell(Stamped { at: now(), report }));
    }

    pub(crate) fn received(&self, of: Source, number: u64) {
        self.tell(Report::Received(Run { of, first: number, last: number }));
    }

    pub(crate) fn settled(&self, of: Fate, number: u64) {
        self.tell(Report::Settled(Run { of, first: number, last: number }));
    }

    /// Waits until all that was told is written.
    pub(crate) fn flush(&self) {
        let (done, flushed) = mpsc::channel();
        if self.0.send(Order::Flush(done)).is_ok() {
            let _ = flushed.recv();
        }
    }
}

fn write(orders: &Receiver<Order>) {
    let mut lines: Vec<Stamped> = Vec::new();
    while let Ok(order) = orders.recv() {
        let mut flushes = Vec::new();
        let mut take = |order| match order {
            Order::Tell(stamped) => collect(&mut lines, stamped),
            Order::Flush(done) => flushes.push(done),
        };
        let hurry = !matches!(&order, Order::Tell(Stamped { report: Report::Received(_) | Report::Settled(_), .. }));
        take(order);
        if !hurry {
            std::thread::sleep(COLLECT);
        }
        orders.try_iter().for_each(take);
        let mut out = std::io::stdout().lock();
        for line in lines.drain(..) {
            let line = serde_json::to_string(&line).expect("a report is JSON");
            if writeln!(out, "{line}").is_err() {
                std::process::exit(1); // the test is gone
            }
        }
        let _ = out.flush();
        for done in flushes {
            let _ = done.send(());
        }
    }
}

/// Adds a line, or makes one longer that goes before: runs may overtake each other, but nothing else.
fn collect(lines: &mut Vec<Stamped>, new: Stamped) {
    for line in lines.iter_mut().rev() {
        let joined = match (&mut line.report, &new.report) {
            (Report::Received(run), Report::Received(next)) if same_stream(run.of, next.of) => run.join(*next),
            (Report::Settled(run), Report::Settled(next))
                if (run.of.to, run.of.series) == (next.of.to, next.of.series) =>
            {
                run.join(*next)
            }
            (Report::Received(_) | Report::Settled(_), Report::Received(_) | Report::Settled(_)) => continue,
            _ => false,
        };
        if joined {
            line.at = new.at;
            return;
        }
        break;
    }
    lines.push(new);
}

fn same_stream(a: Source, b: Source) -> bool {
    (a.from, a.incarnation, a.series) == (b.from, b.incarnation, b.series)
}

trait Join: Sized {
    fn join(&mut self, next: Self) -> bool;
}

impl<T: PartialEq> Join for Run<T> {
    fn join(&mut self, next: Self) -> bool {
        let joins = self.of == next.of && self.last + 1 == next.first;
        if joins {
            self.last = next.last;
        }
        joins
    }
}
