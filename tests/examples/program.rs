//! A running example: its lines, its input, its end.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Once, mpsc};
use std::time::Duration;

/// Far beyond what anything here takes: it only keeps what hangs from hanging the tests.
const WATCHDOG: Duration = Duration::from_secs(120);

pub(crate) struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: mpsc::Receiver<String>,
    heard: Vec<String>,
}

/// The program of an example, as it is in the sources now: `cargo test --test examples` alone builds none of them.
fn example(name: &str) -> PathBuf {
    static BUILT: Once = Once::new();
    let tests = std::env::current_exe().expect("this program has a path");
    let profile = tests.ancestors().nth(2).expect("it is in a directory of a profile");
    BUILT.call_once(|| {
        let name = profile.file_name().and_then(|name| name.to_str()).expect("the name of a profile");
        let name = if name == "debug" { "dev" } else { name };
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--package", "ipchannel", "--examples", "--profile", name])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(built.is_ok_and(|status| status.success()), "the examples cannot be built");
    });
    profile.join("examples").join(name)
}

impl Program {
    pub(crate) fn start(name: &str, args: &[&str]) -> Self {
        Self::spawn(Command::new(example(name)).args(args))
    }

    /// With the private directories of its channels in `home`.
    pub(crate) fn start_in(name: &str, args: &[&str], home: &Path) -> Self {
        Self::spawn(Command::new(example(name)).args(args).env("IPCHANNEL_DIR", home))
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .env_remove("IPCHANNEL_IDENTITY")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("an example");
        let stdout = child.stdout.take().expect("a pipe");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Program { stdin: child.stdin.take(), child, lines, heard: Vec::new() }
    }

    /// Waits for a line with this in it, and gives it. Earlier lines are passed over.
    pub(crate) fn hears(&mut self, text: &str) -> String {
        loop {
            match self.lines.recv_timeout(WATCHDOG) {
                Ok(line) => {
                    self.heard.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(error) => panic!("{error} while waiting for `{text}` after:\n{}", self.heard.join("\n")),
            }
        }
    }

    pub(crate) fn says(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("input that is open");
        writeln!(stdin, "{line}").expect("a reader");
    }

    pub(crate) fn says_no_more(&mut self) {
        self.stdin = None;
    }

    pub(crate) fn is_sent(&self, name: &str) {
        signal(name, &self.child.id().to_string());
    }

    pub(crate) fn is_killed(&mut self) {
        self.child.kill().expect("a child");
        self.child.wait().expect("a child");
    }

    /// Waits until it has closed its output and ended.
    pub(crate) fn ends(&mut self) -> ExitStatus {
        loop {
            match self.lines.recv_timeout(WATCHDOG) {
                Ok(line) => self.heard.push(line),
                Err(mpsc::RecvTimeoutError::Disconnected) => return self.child.wait().expect("a child"),
                Err(error) => panic!("{error} while waiting for the end after:\n{}", self.heard.join("\n")),
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn signal(name: &str, pid: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), pid]).status();
    assert!(sent.is_ok_and(|status| status.success()), "cannot send SIG{name} to {pid}");
}
