//! Processes of this test binary that claim what they are told to.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const ANSWER: &str = "=> ";
const HOME: &str = "IPCHANNEL_TEST_HOME";

/// One process. It is killed when dropped.
pub(crate) struct Process {
    child: Child,
    orders: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Runs the test `entry` of this binary in a process of its own.
    pub(crate) fn start(entry: &str, home: &std::path::Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([entry, "--exact", "--nocapture", "--test-threads=1"])
            .env(HOME, home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        Process { child, orders, answers }
    }

    pub(crate) fn order(&mut self, order: &str) {
        writeln!(self.orders.as_mut().unwrap(), "{order}").unwrap();
    }

    /// The next answer; `None` at the end of the process.
    pub(crate) fn answer(&mut self) -> Option<String> {
        let mut answers = self.answers.by_ref().map_while(Result::ok);
        // What the test harness says comes before, without a line end.
        answers.find_map(|line| line.split_once(ANSWER).map(|(_, answer)| answer.to_owned()))
    }

    pub(crate) fn ask(&mut self, order: &str) -> String {
        self.order(order);
        self.answer().expect("the process has ended")
    }

    /// Kills it; what it had said before can still be read.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In such a process: answers each order until there are no more. Does nothing elsewhere.
pub(crate) fn obey(mut carry_out: impl FnMut(&std::path::Path, &str) -> String) {
    let Some(home) = std::env::var_os(HOME) else { return };
    for order in std::io::stdin().lines() {
        let answer = carry_out(home.as_ref(), &order.unwrap());
        say(&answer);
    }
}

/// In such a process: an answer that comes early.
pub(crate) fn say(answer: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{ANSWER}{answer}").and_then(|()| out.flush()).unwrap();
}
