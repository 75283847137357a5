//! What one test has for itself.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use crate::peer::Peer;
use crate::protocol::{Command, Report, Settings};

/// A channel for one test, and the time the test has.
///
/// No other test runs meanwhile.
pub struct Stage {
    peer: PathBuf,
    name: String,
    root: tempfile::TempDir,
    until: Instant,
    started: usize,
    _over: Sender<()>,
    _alone: File,
}

impl Stage {
    /// A stage for peers that run the program `peer`. After `limit` the test fails.
    pub fn new(peer: &str, limit: Duration) -> Self {
        let alone = File::create(format!("{peer}.lock")).unwrap();
        alone.lock().unwrap();
        let root = tempfile::Builder::new().prefix("ipc").tempdir_in("/tmp").unwrap();
        let name = root.path().file_name().unwrap().to_str().unwrap().to_owned();
        let over = watch(limit);
        let until = Instant::now() + limit;
        Stage { peer: peer.into(), name, root, until, started: 0, _over: over, _alone: alone }
    }

    /// The library's own settings, for this stage's channel.
    pub fn settings(&self) -> Settings {
        Settings {
            name: self.name.clone(),
            directory: self.root.path().join("home"),
            identity: None,
            identity_deadline_ms: None,
            outgoing: None,
            incoming: None,
            idle_ms: None,
            close_deadline_ms: None,
        }
    }

    /// The channel's private directory.
    pub fn directory(&self) -> PathBuf {
        let mut inside = std::fs::read_dir(self.root.path().join("home")).unwrap();
        inside.next().expect("no process has opened the channel").unwrap().path()
    }

    /// Waits until the seats 1 to `count` are claimed in the directory, which may have been deleted.
    pub fn wait_for_seats(&self, count: u32) {
        let claimed = |id: u32| {
            let inside = std::fs::read_dir(self.root.path().join("home")).ok()?.next()?.ok()?;
            let mut names =
                std::fs::read_dir(inside.path()).ok()?.filter_map(|file| file.ok()?.file_name().into_string().ok());
            names.find(|name| name.starts_with(&format!("seat-{id}.")))
        };
        while !(1..=count).all(|id| claimed(id).is_some()) {
            assert!(Instant::now() < self.until, "the time is over, and the seats are not claimed");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Starts a process that does not open the channel yet. Every other one has a runtime of many threads.
    pub fn start(&mut self) -> Peer {
        self.start_with(&[])
    }

    /// As [`start`](Self::start), with these variables in its environment.
    pub fn start_with(&mut self, environment: &[(&str, &str)]) -> Peer {
        let peer = self.peer.clone();
        self.start_program(&peer, environment)
    }

    /// As [`start`](Self::start), from a copy of the program: another one, as far as the channel can see.
    pub fn start_stranger(&mut self) -> Peer {
        let copy = self.root.path().join("stranger");
        if !copy.exists() {
            std::fs::copy(&self.peer, &copy).unwrap();
        }
        self.start_program(&copy, &[])
    }

    fn start_program(&mut self, program: &Path, environment: &[(&str, &str)]) -> Peer {
        self.started += 1;
        Peer::start(program, environment, self.started.is_multiple_of(2), self.until)
    }

    /// Starts a process and opens the channel in it.
    pub fn open(&mut self) -> Peer {
        let mut peer = self.start();
        peer.tell(&Command::Open(self.settings()));
        peer
    }

    /// Opens so many, one after the other: the first hosts, and they have the ids 1, 2, 3 and so on.
    pub fn open_all(&mut self, count: u32) -> Vec<Peer> {
        self.open_all_with(count, &self.settings())
    }

    /// As [`open_all`](Self::open_all), with settings of one's own.
    pub fn open_all_with(&mut self, count: u32, settings: &Settings) -> Vec<Peer> {
        let mut peers: Vec<Peer> = Vec::new();
        for id in 1..=count {
            let mut peer = self.start();
            peer.tell(&Command::Open(settings.clone()));
            assert_eq!(peer.connected(), id);
            peers.push(peer);
        }
        for peer in &mut peers {
            peer.knows(count as usize);
        }
        peers
    }
}

/// Ends this process, and its peers with it, should a test hang in spite of what ends its peers' answers.
fn watch(limit: Duration) -> Sender<()> {
    let (over, ended) = mpsc::channel();
    std::thread::spawn(move || {
        if ended.recv_timeout(limit + Duration::from_secs(10)) == Err(RecvTimeoutError::Timeout) {
            std::process::abort();
        }
    });
    over
}

impl Peer {
    /// Waits until each has an id.
    pub fn by_id(peers: impl IntoIterator<Item = Peer>) -> BTreeMap<u32, Peer> {
        let mut seated = BTreeMap::new();
        for mut peer in peers {
            let id = peer.connected();
            assert!(seated.insert(id, peer).is_none(), "two have the id {id}");
        }
        seated
    }

    /// Waits until it has an id.
    pub fn connected(&mut self) -> u32 {
        self.find("its id", |report| match report {
            Report::Connected { id } => Some(*id),
            _ => None,
        })
    }

    /// Waits until it knows so many members, itself included.
    pub fn knows(&mut self, count: usize) {
        loop {
            let mark = self.mark();
            let members = self.state().members.len();
            if members == count {
                return;
            }
            // No polling: the members change when somebody joins or leaves, and that is told.
            let change = |report: &Report| matches!(report, Report::Joined { .. } | Report::Left { .. }).then_some(());
            self.find_from(mark, "a change of members", change);
        }
    }
}
