//! Runs parts of a test in another process, under another user or tighter limits: this test binary once more.

use std::io::{BufRead, BufReader, Lines, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// The user (and group) that has nothing.
pub(crate) const NOBODY: u32 = 65534;

const MARK: &str = "says: ";

/// What a process to be started is like.
pub(crate) struct Helper {
    binary: PathBuf,
    uid: Option<u32>,
    limits: String,
    _copy: Option<tempfile::TempDir>,
}

/// A helper that runs, until it is dropped.
pub(crate) struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

/// Another user; `None`, and a word of it, where the test does not run as root.
pub(crate) fn another_user() -> Option<Helper> {
    if !rustix::process::geteuid().is_root() {
        // Past the capture of the test harness, or nobody would see it.
        std::io::stderr().write_all(b"SKIPPED: only root can start a process of another user\n").unwrap();
        return None;
    }
    // The binary may lie where only root can read.
    let copy = tempfile::tempdir().unwrap();
    std::fs::set_permissions(copy.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let binary = copy.path().join("helper");
    std::fs::copy(std::env::current_exe().unwrap(), &binary).unwrap();
    Some(Helper { binary, uid: Some(NOBODY), limits: String::new(), _copy: Some(copy) })
}

pub(crate) fn same_user() -> Helper {
    Helper { binary: std::env::current_exe().unwrap(), uid: None, limits: String::new(), _copy: None }
}

impl Helper {
    pub(crate) fn umask(mut self, mask: u32) -> Self {
        self.limits += &format!("umask {mask:o}; ");
        self
    }

    pub(crate) fn descriptors(mut self, limit: u32) -> Self {
        self.limits += &format!("ulimit -n {limit}; ");
        self
    }

    /// Plays a role (see `role` in the test) and returns what it says.
    pub(crate) fn run(&self, role: &str, path: &Path) -> String {
        self.start(role, path).output()
    }

    pub(crate) fn start(&self, role: &str, path: &Path) -> Running {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("{}exec \"$0\" --exact play_a_role", self.limits)]);
        command.arg(&self.binary).env("ROLE", role).env("ROLE_PATH", path).current_dir("/").stdout(Stdio::piped());
        if let Some(uid) = self.uid {
            command.uid(uid).gid(uid);
        }
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Running { child, lines }
    }
}

impl Running {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn ready(&mut self) {
        assert_eq!(self.output(), "ready");
    }

    /// The next thing it says.
    pub(crate) fn output(&mut self) -> String {
        let said = self.lines.find_map(|line| line.unwrap().split_once(MARK).map(|(_, said)| said.to_owned()));
        said.expect("the helper ended without a word")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// On the side of the helper.
pub(crate) fn say(what: impl std::fmt::Display) {
    std::io::stdout().write_all(format!("{MARK}{what}\n").as_bytes()).unwrap();
}
