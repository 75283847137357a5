//! Starts and kills the workers, tells them what to do, and listens to them.

use std::error::Error;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command as Program};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::history::Process;
use crate::report::{Command, Micros, Report, now};

/// How long the whole play may take before something that it waits for is taken to be missing.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Stage {
    /// Killed when this is dropped; then the directory goes.
    actors: Vec<Actor>,
    /// Nobody else's, so that the play disturbs nobody.
    directory: TempDir,
    news: (mpsc::UnboundedSender<News>, mpsc::UnboundedReceiver<News>),
    deadline: Instant,
    /// What each process reported.
    pub history: Vec<Process>,
}

struct Actor {
    child: Child,
    stdin: ChildStdin,
    killed: bool,
}

/// A report of a process, or its end.
type News = (usize, Option<Report>);

impl Stage {
    pub(crate) fn new() -> Result<Self, Box<dyn Error>> {
        Ok(Stage {
            directory: tempfile::tempdir()?,
            actors: Vec::new(),
            news: mpsc::unbounded_channel(),
            deadline: Instant::now() + PATIENCE,
            history: Vec::new(),
        })
    }

    /// Starts a worker and gives the number of its process.
    pub(crate) fn start(&mut self) -> Result<usize, Box<dyn Error>> {
        let process = self.actors.len();
        let mut child = Program::new(std::env::current_exe()?)
            .args(["worker", &process.to_string()])
            .arg(self.directory.path().join("channels"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("a worker without pipes".into());
        };
        self.history.push(Process { pid: child.id().unwrap_or_default(), ..Process::default() });
        tokio::spawn(listen(process, stdout, self.news.0.clone()));
        self.actors.push(Actor { child, stdin, killed: false });
        Ok(process)
    }

    pub(crate) async fn tell(&mut self, process: usize, command: Command) -> Result<(), Box<dyn Error>> {
        let line = serde_json::to_string(&command)? + "\n";
        Ok(self.actors[process].stdin.write_all(line.as_bytes()).await?)
    }

    /// Kills it with SIGKILL, and tells when.
    pub(crate) async fn kill(&mut self, process: usize) -> Result<Micros, Box<dyn Error>> {
        let at = now();
        self.actors[process].killed = true;
        self.actors[process].child.kill().await?;
        Ok(at)
    }

    /// Takes reports in until `done` finds what it looks for in them.
    pub(crate) async fn until(&mut self, what: &str, done: impl Fn(&[Process]) -> bool) -> Result<(), Box<dyn Error>> {
        while !done(&self.history) {
            let news = timeout_at(self.deadline, self.news.1.recv()).await;
            let Ok(Some((process, report))) = news else {
                return Err(
                    format!("waited in vain for {what}; this is what was reported:\n{:#?}", self.tails()).into()
                );
            };
            match report {
                Some(report) => self.history[process].record(report),
                None => self.history[process].ended = true,
            }
            let Process { ended, undelivered, pid, .. } = self.history[process];
            if ended && undelivered.is_none() && !self.actors[process].killed {
                return Err(format!("process {pid} ended unexpectedly").into());
            }
        }
        Ok(())
    }

    /// The history without the many numbers.
    fn tails(&self) -> Vec<Process> {
        let last = |(from, numbers): (&usize, &Vec<_>)| (*from, numbers.last().copied().into_iter().collect());
        let tail =
            |process: &Process| Process { counted: process.counted.iter().map(last).collect(), ..process.clone() };
        self.history.iter().map(tail).collect()
    }
}

async fn listen(process: usize, stdout: ChildStdout, news: mpsc::UnboundedSender<News>) {
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str(&line) {
            Ok(report) => drop(news.send((process, Some(report)))),
            // The last line of one that was killed may be half a line.
            Err(error) => eprintln!("not a report of process {process}: {error}: {line}"),
        }
    }
    drop(news.send((process, None)));
}
