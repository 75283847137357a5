//! File claims between real processes: races and kills.
//!
//! `IPCHANNEL_ROUNDS` sets how many rounds are run: 10000 for a full count.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic and say its seed")]

mod common;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use common::crew::{self, Process};
use common::{member, seat, sit};
use ipchannel_election::Directory;
use ipchannel_election::claims::{Claims, FileClaims, Held, Liveness, Name};
use tempfile::TempDir;

const PROCESSES: usize = 16;

fn rounds(usual: usize) -> usize {
    std::env::var("IPCHANNEL_ROUNDS").map_or(usual, |rounds| rounds.parse().unwrap())
}

/// What each process does; of itself, nothing.
#[test]
fn process() {
    let mut held = Vec::new();
    crew::obey(|base, order| obey(base, order, &mut held));
}

fn obey(base: &Path, order: &str, held: &mut Vec<Box<dyn Held>>) -> String {
    let claims = claims(base);
    let take = |name| claims.take(name, None, &|number| member(name, number)).unwrap().won();
    match order.split_once(' ').unwrap_or((order, "")) {
        ("gate", order) => {
            let gate = File::open(base.join("gate")).unwrap();
            crew::say("ready");
            gate.lock_shared().unwrap();
            drop(gate);
            obey(base, order, held)
        }
        ("take", name) => match take(parse(name)) {
            Some(won) => {
                held.push(won);
                format!("won {}", held[held.len() - 1].number())
            }
            None => "lost".to_owned(),
        },
        ("sit", _) => {
            held.push(sit(&claims));
            held[held.len() - 1].name().to_string()
        }
        ("drop", _) => {
            held.clear();
            "dropped".to_owned()
        }
        ("look", name) => format!("{:?}", claims.look(parse(name)).unwrap().unwrap().liveness),
        // Holds the claim again and again, never for long; nobody else may then.
        ("alone", times) => {
            let room = File::options().write(true).open(base.join("room")).unwrap();
            let mut done = 0;
            while done < times.parse().unwrap() {
                let Some(host) = take(Name::Host) else {
                    thread::yield_now();
                    continue;
                };
                room.try_lock().expect("two processes hold the claim");
                let answer = format!("won {}", host.number());
                room.unlock().unwrap();
                drop(host);
                // Not while it holds the claim: this waits when nobody listens.
                crew::say(&answer);
                done += 1;
                if done % 16 == 0 {
                    claims.sweep().unwrap();
                }
            }
            "done".to_owned()
        }
        // The same, until it is killed.
        ("forever", _) => loop {
            if let Some(host) = take(Name::Host) {
                crew::say(&format!("won {}", host.number()));
            }
            claims.sweep().unwrap();
        },
        order => panic!("{order:?}"),
    }
}

fn parse(name: &str) -> Name {
    name.strip_prefix("seat-").map_or(Name::Host, |id| seat(id.parse().unwrap()))
}

fn claims(base: &Path) -> FileClaims {
    FileClaims::new(Arc::new(Directory::open(Some(&base.join("home")), "processes").unwrap()))
}

struct Crew {
    base: TempDir,
    gate: File,
    processes: Vec<Process>,
}

impl Crew {
    fn new(size: usize) -> Self {
        let base = tempfile::tempdir().unwrap();
        let gate = File::create(base.path().join("gate")).unwrap();
        File::create(base.path().join("room")).unwrap();
        let mut crew = Crew { base, gate, processes: Vec::new() };
        crew.processes.extend((0..size).map(|_| Process::start("process", crew.base.path())));
        crew
    }

    fn claims(&self) -> FileClaims {
        claims(self.base.path())
    }

    fn ask_all(&mut self, order: &str) -> Vec<String> {
        self.processes.iter_mut().for_each(|process| process.order(order));
        self.processes.iter_mut().map(|process| process.answer().unwrap()).collect()
    }

    /// All at the same moment.
    fn race(&mut self, order: &str) -> Vec<String> {
        self.gate.lock().unwrap();
        let ready = self.ask_all(&format!("gate {order}"));
        assert!(ready.iter().all(|answer| answer == "ready"), "{ready:?}");
        self.gate.unlock().unwrap();
        self.processes.iter_mut().map(|process| process.answer().unwrap()).collect()
    }
}

fn number(answer: &str) -> Option<u64> {
    answer.strip_prefix("won ").map(|number| number.parse().unwrap())
}

#[test]
fn of_sixteen_processes_that_take_the_host_claim_one_wins() {
    let mut crew = Crew::new(PROCESSES);
    let mut last = 0;
    for _ in 0..rounds(200) {
        let answers = crew.race("take host");
        let won: Vec<_> = answers.iter().filter_map(|answer| number(answer)).collect();
        assert_eq!(won.len(), 1, "{answers:?}");
        assert!(won[0] > last);
        last = won[0];
        crew.ask_all("drop");
        crew.claims().sweep().unwrap();
    }
}

#[test]
fn of_sixteen_processes_in_an_empty_directory_one_wins() {
    let mut crew = Crew::new(PROCESSES);
    for _ in 0..rounds(200) {
        fs::remove_dir_all(crew.base.path().join("home")).unwrap_or_default();
        let answers = crew.race("take host");
        assert_eq!(answers.iter().filter_map(|answer| number(answer)).count(), 1, "{answers:?}");
        crew.ask_all("drop");
    }
}

#[test]
fn sixteen_processes_get_the_ids_one_to_sixteen() {
    let mut crew = Crew::new(PROCESSES);
    let expected: BTreeSet<_> = (1..=16).map(|id| seat(id).to_string()).collect();
    for _ in 0..rounds(30) {
        let answers = crew.race("sit");
        assert_eq!(answers.iter().cloned().collect::<BTreeSet<_>>(), expected, "{answers:?}");
        crew.ask_all("drop");
        crew.claims().sweep().unwrap();
    }
}

#[test]
fn a_claim_that_changes_hands_all_the_time_is_never_in_two() {
    let mut crew = Crew::new(4);
    let times = rounds(250);
    crew.processes.iter_mut().for_each(|process| process.order(&format!("alone {times}")));
    let mut numbers = Vec::new();
    for process in &mut crew.processes {
        let answers = std::iter::from_fn(|| process.answer().filter(|answer| answer != "done"));
        numbers.extend(answers.map(|answer| number(&answer).unwrap()));
    }
    numbers.sort_unstable();
    assert_eq!(numbers.len(), 4 * times);
    assert!(numbers.windows(2).all(|two| two[0] < two[1]), "a number was won twice");
}

#[test]
fn a_killed_process_frees_its_claims_and_only_those() {
    let mut crew = Crew::new(2);
    let claims = crew.claims();
    let liveness = |name| claims.look(name).unwrap().unwrap().liveness;
    for process in &mut crew.processes {
        process.ask("sit");
    }
    crew.processes[0].ask("take host");
    crew.processes[0].kill();
    assert_eq!((liveness(Name::Host), liveness(seat(1))), (Liveness::Free, Liveness::Free));
    assert_eq!(liveness(seat(2)), Liveness::Held);
    assert_eq!(crew.processes[1].ask("sit"), "seat-1");
}

#[test]
fn looking_at_its_own_claims_does_not_free_them() {
    let mut crew = Crew::new(2);
    crew.processes[0].ask("take seat-1");
    for _ in 0..3 {
        assert_eq!(crew.processes[0].ask("look seat-1"), "Held");
        assert_eq!(crew.processes[0].ask("take seat-1"), "lost");
        assert_eq!(crew.processes[1].ask("look seat-1"), "Held");
        assert_eq!(crew.processes[1].ask("take seat-1"), "lost");
    }
}

#[test]
fn processes_killed_at_any_moment_leave_whole_claims_that_are_free() {
    let mut crew = Crew::new(6);
    let seed = std::env::var("IPCHANNEL_SEED").map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    eprintln!("IPCHANNEL_SEED={seed}");
    let mut lot = fastrand::Rng::with_seed(seed);
    let claims = crew.claims();
    let mut numbers = Vec::new();
    let mut collect = |process: &mut Process| {
        process.kill();
        numbers.extend(std::iter::from_fn(|| process.answer()).filter_map(|answer| number(&answer)));
    };
    crew.processes.iter_mut().for_each(|process| process.order("forever"));
    for _ in 0..rounds(100) {
        thread::sleep(Duration::from_micros(lot.u64(..5000)));
        let mut victim = crew.processes.swap_remove(lot.usize(..crew.processes.len()));
        collect(&mut victim);
        // An error here would be a claim that is held and cannot be read.
        claims.look_all().unwrap();
        assert_eq!(unfinished(&home_of(&crew)), [] as [PathBuf; 0]);
        let mut next = Process::start("process", crew.base.path());
        next.order("forever");
        crew.processes.push(next);
    }
    crew.processes.iter_mut().for_each(&mut collect);
    numbers.sort_unstable();
    assert!(numbers.windows(2).all(|two| two[0] < two[1]), "a number was won twice");
    if let Some(claim) = claims.look(Name::Host).unwrap() {
        assert_eq!(claim.liveness, Liveness::Free);
    }
    assert!(claims.take(Name::Host, None, &|number| member(Name::Host, number)).unwrap().won().is_some());
}

fn home_of(crew: &Crew) -> PathBuf {
    let mut channels = fs::read_dir(crew.base.path().join("home")).unwrap();
    channels.next().unwrap().unwrap().path()
}

/// Claims whose file has no last line.
fn unfinished(directory: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let claims = files.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("host."));
    // Swept meanwhile, it is not half written.
    claims.filter(|path| fs::read_to_string(path).is_ok_and(|text| !text.contains("\nlife "))).collect()
}
