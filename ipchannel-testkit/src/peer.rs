//! One process on a channel, as its test sees it.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use crate::history::History;
use crate::protocol::{Command, Report, Sending, Stamped, State, To};

/// How many lines of a peer's log are kept, and shown if its test fails.
const LOG: usize = 200;

/// How many of its last reports are shown then.
const REPORTS: usize = 40;

/// A process. It is killed when dropped; if its test fails, its last words are shown.
pub struct Peer {
    child: Child,
    commands: Option<ChildStdin>,
    incoming: Receiver<Stamped>,
    reports: Vec<Stamped>,
    history: History,
    log: Arc<Mutex<VecDeque<String>>>,
    until: Instant,
}

/// A moment in what a peer told.
#[derive(Clone, Copy, Debug)]
pub struct Mark(usize);

impl Mark {
    /// The beginning of its life.
    pub const START: Mark = Mark(0);
}

impl Peer {
    pub(crate) fn start(program: &Path, environment: &[(&str, &str)], many_threads: bool, until: Instant) -> Self {
        let mut child = std::process::Command::new(program)
            .args(many_threads.then_some("multi"))
            .env("RUST_BACKTRACE", "0")
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::<Mutex<VecDeque<String>>>::default();
        keep_log(child.stderr.take().unwrap(), log.clone());
        let incoming = read(child.stdout.take().unwrap());
        let commands = child.stdin.take();
        Peer { child, commands, incoming, reports: Vec::new(), history: History::default(), log, until }
    }

    /// Tells it to do something.
    pub fn tell(&mut self, command: &Command) {
        let line = serde_json::to_string(command).unwrap();
        writeln!(self.commands.as_mut().expect("it has ended"), "{line}").unwrap();
    }

    /// Tells it to send.
    pub fn send(&mut self, sending: Sending) {
        self.tell(&Command::Send(sending));
    }

    /// Now, in what it told: what it told before is not looked at from there.
    pub fn mark(&mut self) -> Mark {
        while let Ok(report) = self.incoming.try_recv() {
            self.keep(report);
        }
        Mark(self.reports.len())
    }

    /// Everything it has told since.
    pub fn since(&self, mark: Mark) -> &[Stamped] {
        &self.reports[mark.0..]
    }

    /// The first report, of all it ever told, that `pick` wants; waits for it if it must.
    pub fn find<T>(&mut self, what: &str, pick: impl FnMut(&Report) -> Option<T>) -> T {
        self.find_from(Mark::START, what, pick)
    }

    /// The first report since `mark` that `pick` wants; waits for it if it must.
    pub fn find_from<T>(&mut self, mark: Mark, what: &str, mut pick: impl FnMut(&Report) -> Option<T>) -> T {
        self.find_at(mark, what, |report| pick(&report.report))
    }

    /// As [`find_from`](Self::find_from), with the time.
    pub fn find_at<T>(&mut self, mark: Mark, what: &str, mut pick: impl FnMut(&Stamped) -> Option<T>) -> T {
        let mut next = mark.0;
        loop {
            while let Some(report) = self.reports.get(next) {
                if let Some(found) = pick(report) {
                    return found;
                }
                next += 1;
            }
            self.wait(what);
        }
    }

    /// Waits until `holds` says so of the messages it received and sent.
    pub fn until(&mut self, what: &str, mut holds: impl FnMut(&History) -> bool) {
        while !holds(&self.history) {
            self.wait(what);
        }
    }

    /// The messages it received and sent, as far as it has told.
    pub fn history(&self) -> &History {
        &self.history
    }

    fn wait(&mut self, what: &str) {
        let time = self.until.saturating_duration_since(Instant::now());
        match self.incoming.recv_timeout(time) {
            Ok(report) => self.keep(report),
            Err(RecvTimeoutError::Timeout) => panic!("the time is over, and {} has not told {what}", self.child.id()),
            Err(RecvTimeoutError::Disconnected) => panic!("{} has ended without telling {what}", self.child.id()),
        }
    }

    fn keep(&mut self, report: Stamped) {
        self.history.add(&report.report);
        self.reports.push(report);
    }

    /// How it is now.
    pub fn state(&mut self) -> State {
        let mark = self.mark();
        self.tell(&Command::State);
        self.find_from(mark, "its state", |report| match report {
            Report::State(state) => Some(state.clone()),
            _ => None,
        })
    }

    /// Waits until a sending has ended and all it sent is settled, and returns its last number.
    pub fn settled(&mut self, to: To, series: u32) -> u64 {
        let wanted = (to, series);
        self.find("that all is settled", |report| match report {
            Report::AllSettled { to, series } => (wanted == (*to, *series)).then_some(()),
            _ => None,
        });
        self.sent(to, series)
    }

    /// Waits until a sending has ended, and returns its last number.
    pub fn sent(&mut self, to: To, series: u32) -> u64 {
        let wanted = (to, series);
        self.find("that a sending has ended", |report| match report {
            Report::Sent { to, series, last } => (wanted == (*to, *series)).then_some(*last),
            _ => None,
        })
    }

    /// Sends a signal: `KILL`, `TERM`, `STOP`, `CONT`. Once stopped, no thread of it runs any more.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        while signal == Signal::STOP && !self.is_stopped() {
            std::thread::yield_now();
        }
    }

    fn is_stopped(&self) -> bool {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        threads.into_iter().all(|thread| {
            let stat = std::fs::read_to_string(thread.unwrap().path().join("stat")).unwrap();
            // What follows the name in brackets, which may hold anything.
            stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T'))
        })
    }

    /// Kills it, and waits for its end. What it told before can still be asked for.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.ended();
    }

    /// Waits for its end; everything it told is kept.
    pub fn ended(&mut self) -> ExitStatus {
        loop {
            let time = self.until.saturating_duration_since(Instant::now());
            match self.incoming.recv_timeout(time) {
                Ok(report) => self.keep(report),
                Err(RecvTimeoutError::Timeout) => panic!("the time is over, and {} has not ended", self.child.id()),
                Err(RecvTimeoutError::Disconnected) => return self.child.wait().unwrap(),
            }
        }
    }

    /// How much memory it has, in KiB.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// How many lines of its log contain this text; only the last 200 are kept.
    pub fn logged(&self, text: &str) -> usize {
        self.log.lock().unwrap().iter().filter(|line| line.contains(text)).count()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            self.mark();
            let log = self.log.lock().unwrap();
            let reports = &self.reports[self.reports.len().saturating_sub(REPORTS)..];
            eprintln!("---- peer {}, its last reports:", self.child.id());
            reports.iter().for_each(|report| eprintln!("{report}"));
            eprintln!("---- peer {}, its log:", self.child.id());
            log.iter().for_each(|line| eprintln!("{line}"));
        }
    }
}

fn read(out: impl Read + Send + 'static) -> Receiver<Stamped> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            // A process that was killed may have left half a line.
            let Ok(report) = serde_json::from_str(&line) else { return };
            if sender.send(report).is_err() {
                return;
            }
        }
    });
    receiver
}

fn keep_log(err: impl Read + Send + 'static, log: Arc<Mutex<VecDeque<String>>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(err).lines().map_while(Result::ok) {
            let mut log = log.lock().unwrap();
            if log.len() == LOG {
                log.pop_front();
            }
            log.push_back(line);
        }
    });
}
