#![cfg(unix)]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use ipchannel_core::{Endpoint, Incarnation, Lineage, PeerId, PeerRef};
use tempfile::TempDir;

use super::*;
use crate::claims::{Held, Liveness, Standing};
use crate::directory::TEMPORARY;

#[path = "../../../tests/common/crew.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod crew;

const SEAT: Name = Name::Seat(PeerId::FIRST);

struct Place {
    base: TempDir,
    claims: FileClaims,
}

impl Place {
    fn new() -> Self {
        let base = tempfile::tempdir().unwrap();
        let claims = claims(base.path());
        Place { base, claims }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.claims.directory.path().join(name)
    }

    /// Makes a file that nobody has touched for this long.
    fn plant(&self, name: &str, age: Duration) -> PathBuf {
        let path = self.file(name);
        fs::write(&path, "").unwrap();
        self.make_old(name, age);
        path
    }

    fn make_old(&self, name: &str, age: Duration) {
        let file = fs::File::options().write(true).open(self.file(name)).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    }

    fn names(&self, suffix: &str) -> Vec<String> {
        let files = fs::read_dir(self.claims.directory.path()).unwrap();
        let names = files.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(suffix)).collect()
    }

    fn take(&self) -> Option<Box<dyn Held>> {
        self.claims.take(SEAT, None, &|number| member(number, "a")).unwrap().won()
    }

    fn liveness(&self) -> Option<Liveness> {
        self.claims.look(SEAT).unwrap().map(|claim| claim.liveness)
    }
}

fn claims(base: &std::path::Path) -> FileClaims {
    FileClaims::new(Arc::new(Directory::open(Some(&base.join("home")), "files").unwrap()))
}

fn member(number: u64, socket: &str) -> Member {
    Member {
        peer: PeerRef { id: PeerId::FIRST, incarnation: Incarnation(number) },
        lineage: Lineage::of_executable("/usr/bin/test"),
        identity: None,
        endpoint: Endpoint::new("uds", &format!("/tmp/{socket}.sock")),
        pid: 1,
    }
}

const OLD: Duration = Duration::from_secs(61);
const YOUNG: Duration = Duration::from_secs(30);

/// In a process of its own, holds the seat and leaves a child that keeps its locked file open, as a fork does.
#[test]
fn parent_with_a_forked_child() {
    let mut kept = Vec::new();
    crew::obey(|base, _| {
        let claims = claims(base);
        let open = claims.directory.with(|open| Ok::<_, ClaimError>(open.clone())).unwrap();
        let number = rule::next(open.born(), &[]);
        let file_name = record::file_name(SEAT, number);
        let published = Published::publish(&open.folder, &file_name, member(number, "a")).unwrap().unwrap();
        let inherited = Stdio::from(published.sealed().try_clone().unwrap());
        #[expect(clippy::zombie_processes, reason = "it is to outlive this process")]
        let child = Command::new("sleep")
            .arg("1000")
            .stdin(inherited)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        kept.push(published);
        child.id().to_string()
    });
}

#[test]
fn a_claim_that_only_a_forked_child_holds_is_orphaned_and_may_be_taken_over() {
    let place = Place::new();
    let mut parent = crew::Process::start("claims::file::tests::parent_with_a_forked_child", place.base.path());
    let child = Killed(rustix::process::Pid::from_raw(parent.ask("fork").parse().unwrap()).unwrap());
    assert_eq!(place.liveness(), Some(Liveness::Held));
    assert!(place.take().is_none());
    parent.kill();
    assert_eq!(place.liveness(), Some(Liveness::Orphaned));
    let taken = place.take().unwrap();
    assert_eq!(taken.standing().unwrap(), Standing::Intact);
    assert_eq!(place.liveness(), Some(Liveness::Held));
    drop(child);
}

/// A process that is killed when this is dropped.
struct Killed(rustix::process::Pid);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = rustix::process::kill_process(self.0, rustix::process::Signal::KILL);
    }
}

#[test]
fn a_claim_leaves_its_file_and_nothing_temporary() {
    let place = Place::new();
    let held = place.take().unwrap();
    assert_eq!(place.names(TEMPORARY), [] as [&str; 0]);
    let file = record::file_name(SEAT, held.number());
    drop(held);
    assert!(place.file(&file).exists());
}

#[test]
fn who_finds_the_number_taken_loses_and_leaves_nothing() {
    let place = Place::new();
    let held = place.take().unwrap();
    let open = place.claims.directory.with(|open| Ok::<_, ClaimError>(open.clone())).unwrap();
    let file = record::file_name(SEAT, held.number());
    assert!(Published::publish(&open.folder, &file, member(held.number(), "b")).unwrap().is_none());
    assert_eq!((place.names(life::SUFFIX).len(), place.names(TEMPORARY).len()), (1, 0));
}

#[test]
fn who_was_too_slow_finds_a_higher_number_and_gives_up() {
    let place = Place::new();
    let fast = std::cell::Cell::new(None);
    let slow = place.claims.take(SEAT, None, &|number| {
        // Meanwhile this number comes, goes and is swept, and the next is held.
        drop(place.take().unwrap());
        fast.set(place.take());
        fs::remove_file(place.file(&record::file_name(SEAT, number))).unwrap();
        member(number, "b")
    });
    assert!(slow.unwrap().won().is_none());
    let fast = fast.take().unwrap();
    assert_eq!(fast.standing().unwrap(), Standing::Intact);
    assert_eq!(place.claims.look(SEAT).unwrap().unwrap().number, fast.number());
}

#[test]
fn a_claim_that_a_power_cut_left_empty_is_free_and_its_number_is_used() {
    let place = Place::new();
    let number = place.take().unwrap().number() + 5;
    place.plant(&record::file_name(SEAT, number), OLD);
    assert_eq!(place.liveness(), None);
    assert_eq!(place.claims.look_all().unwrap(), []);
    assert_eq!(place.take().unwrap().number(), number + 1);
}

#[test]
fn a_held_claim_of_another_version_is_an_error() {
    let place = Place::new();
    let number = place.take().unwrap().number() + 1;
    let path = place.plant(&record::file_name(SEAT, number), OLD);
    fs::write(&path, "ipchannel claim 2\n").unwrap();
    let file = fs::File::open(&path).unwrap();
    file.lock().unwrap();
    for error in [place.claims.look(SEAT).unwrap_err(), place.claims.look_all().unwrap_err()] {
        assert!(matches!(&error, ClaimError::Unreadable { path: found } if *found == path), "{error:?}");
    }
    assert_eq!(place.claims.look(Name::Host).unwrap(), None);
}

#[test]
fn a_sweep_removes_old_files_that_no_live_process_has_a_use_for() {
    let place = Place::new();
    let held = place.claims.take(SEAT, None, &|number| member(number, "used")).unwrap().won().unwrap();
    let life = place.names(life::SUFFIX).remove(0);
    place.make_old(&life, OLD);
    place.make_old("channel", OLD);
    let kept = [
        place.file(&life),
        place.file("channel"),
        place.plant("used.sock", OLD),
        place.plant("young.sock", YOUNG),
        place.plant("0000000000000001.tmp", YOUNG),
        place.plant("locked.tmp", OLD),
        place.plant("notes of the user", OLD),
    ];
    let gone = [
        place.plant("unused.sock", OLD),
        place.plant("0000000000000002.life", Duration::ZERO),
        place.plant("0000000000000002.tmp", OLD),
    ];
    let locked = fs::File::open(place.file("locked.tmp")).unwrap();
    locked.lock().unwrap();
    place.claims.sweep().unwrap();
    assert_eq!(kept.iter().filter(|path| !path.exists()).collect::<Vec<_>>(), [] as [&PathBuf; 0]);
    assert_eq!(gone.iter().filter(|path| path.exists()).collect::<Vec<_>>(), [] as [&PathBuf; 0]);

    drop(held);
    place.claims.sweep().unwrap();
    assert!(!place.file("used.sock").exists() && !place.file(&life).exists());
    assert_eq!(place.liveness(), Some(Liveness::Free));
}

#[test]
fn a_sweep_leaves_the_last_sixteen_claims() {
    let place = Place::new();
    for _ in 0..20 {
        drop(place.take().unwrap());
    }
    place.claims.sweep().unwrap();
    let claims = place.names("").into_iter().filter(|name| name.starts_with("seat-1."));
    assert_eq!(claims.count(), 16);
}

#[test]
fn a_claim_whose_file_alone_was_deleted_is_gone_until_restored() {
    let place = Place::new();
    let mut held = place.take().unwrap();
    fs::remove_file(place.file(&record::file_name(SEAT, held.number()))).unwrap();
    assert_eq!(held.standing().unwrap(), Standing::Gone);
    assert_eq!(held.restore(&member(held.number(), "b")).unwrap(), Standing::Intact);
    assert!(place.take().is_none());
}

#[test]
fn a_number_that_somebody_else_took_meanwhile_is_not_restored() {
    let place = Place::new();
    let mut held = place.take().unwrap();
    fs::remove_file(place.file(&record::file_name(SEAT, held.number()))).unwrap();
    let other = place.take().unwrap();
    assert_eq!(other.number(), held.number());
    assert_eq!(held.restore(&member(held.number(), "b")).unwrap(), Standing::Superseded(other.number()));
    drop(held);
    assert_eq!(other.standing().unwrap(), Standing::Intact);
}
