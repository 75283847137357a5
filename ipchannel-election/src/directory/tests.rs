use std::fs;
use std::sync::Barrier;
use std::thread;

use tempfile::TempDir;

use super::*;

fn base() -> TempDir {
    tempfile::Builder::new().prefix("ipc").tempdir().unwrap()
}

#[test]
fn everybody_who_opens_a_channel_finds_the_same_directory() {
    let base = base();
    let home = base.path().join("home");
    let barrier = Barrier::new(8);
    let found: Vec<(PathBuf, u64)> = thread::scope(|scope| {
        let open = || {
            barrier.wait();
            let directory = Directory::open(Some(&home), "jobs").unwrap();
            (directory.path().to_owned(), directory.latest().born())
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(found.iter().all(|one| *one == found[0]), "{found:?}");
    assert_ne!(Directory::open(Some(&home), "other").unwrap().path(), found[0].0);
    let files: Vec<_> = fs::read_dir(&found[0].0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["channel"]);
}

#[test]
fn names_with_the_same_hash_are_an_error_and_not_one_channel() {
    let base = base();
    let directory = Directory::open(Some(&base.path().join("home")), "first").unwrap();
    let other = base.path().join("home").join(path::folder_name("second"));
    fs::rename(directory.path(), &other).unwrap();
    match Directory::open(Some(&base.path().join("home")), "second").unwrap_err() {
        DirectoryError::OtherChannel { path, other: channel } => assert_eq!((path, &*channel), (other, "first")),
        error => panic!("{error:?}"),
    }
}

#[test]
fn a_deleted_directory_is_noticed_and_made_anew_once() {
    let base = base();
    let home = base.path().join("home");
    let first = Directory::open(Some(&home), "jobs").unwrap();
    let second = Directory::open(Some(&home), "jobs").unwrap();
    let born = first.latest().born();
    assert!(first.is_intact() && !first.reopen().unwrap());

    fs::remove_dir_all(&home).unwrap();
    assert!(!first.is_intact() && !second.is_intact());
    assert!(first.reopen().unwrap());
    assert!(first.is_intact() && !second.is_intact());
    assert!(second.reopen().unwrap());
    assert!(first.is_intact() && second.is_intact());
    assert_eq!(first.latest().born(), second.latest().born());
    assert!(first.latest().born() > born);
}

#[test]
fn a_directory_without_its_stamp_is_another_one() {
    let base = base();
    let directory = Directory::open(Some(&base.path().join("home")), "jobs").unwrap();
    let born = directory.latest().born();
    fs::remove_file(directory.path().join("channel")).unwrap();
    assert!(!directory.is_intact());
    assert!(directory.reopen().unwrap());
    assert!(directory.latest().born() > born);
}

#[test]
fn a_stamp_of_another_version_is_an_error() {
    let base = base();
    let directory = Directory::open(Some(&base.path().join("home")), "jobs").unwrap();
    fs::write(directory.path().join("channel"), "ipchannel directory 2\n").unwrap();
    let error = Directory::open(Some(&base.path().join("home")), "jobs").unwrap_err();
    assert!(matches!(&error, DirectoryError::Unreadable { path } if path == directory.path()), "{error:?}");
}

#[test]
fn a_home_with_nothing_above_it_is_an_error() {
    let base = base();
    let home = base.path().join("missing/home");
    let error = Directory::open(Some(&home), "jobs").unwrap_err();
    assert!(error.is_not_found(), "{error:?}");
    assert!(error.to_string().contains(home.to_str().unwrap()), "{error}");
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

    use super::*;

    const NOBODY: u32 = 65534;

    fn is_root() -> bool {
        rustix::process::geteuid().is_root()
    }

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Tries an attack on the home, then on the directory in it. Nothing may come to lie in what is there.
    fn attack(plant: impl Fn(&Path), expected: impl Fn(&DirectoryError, &Path) -> bool) {
        for below in [false, true] {
            let base = base();
            let home = base.path().join("home");
            let mut place = home.clone();
            if below {
                drop(Directory::open(Some(&home), "other").unwrap());
                place.push(path::folder_name("jobs"));
            }
            plant(&place);
            let before = fs::symlink_metadata(&place).unwrap();
            let error = Directory::open(Some(&home), "jobs").unwrap_err();
            assert!(expected(&error, &place), "{error:?}");
            assert!(error.to_string().contains(place.to_str().unwrap()), "{error}");
            let after = fs::symlink_metadata(&place).unwrap();
            assert_eq!(
                (before.mode(), before.uid(), before.mtime_nsec(), before.ino()),
                (after.mode(), after.uid(), after.mtime_nsec(), after.ino())
            );
            if place.is_dir() {
                assert_eq!(fs::read_dir(&place).unwrap().count(), 0);
            }
        }
    }

    #[test]
    fn the_directory_is_closed_to_others_from_the_beginning() {
        let base = base();
        let home = base.path().join("home");
        let directory = Directory::open(Some(&home), "jobs").unwrap();
        for path in [&*home, directory.path()] {
            assert_eq!(fs::metadata(path).unwrap().mode() & 0o7777, 0o700);
        }
        assert_eq!(fs::metadata(directory.path().join("channel")).unwrap().mode() & 0o7777, 0o600);
    }

    #[test]
    fn a_directory_of_another_user_is_refused() {
        if !is_root() {
            return eprintln!("skipped: only root can give a directory away");
        }
        let plant = |path: &Path| {
            fs::create_dir(path).unwrap();
            mode(path, 0o700);
            chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        };
        attack(
            plant,
            |error, place| matches!(error, DirectoryError::Owner { path, owner: NOBODY, user: 0 } if path == place),
        );
    }

    #[test]
    fn a_directory_open_to_others_is_refused() {
        for bits in [0o777, 0o1777, 0o755, 0o770, 0o701, 0o710] {
            let plant = |path: &Path| {
                fs::create_dir(path).unwrap();
                mode(path, bits);
            };
            attack(
                plant,
                |error, place| matches!(error, DirectoryError::Mode { path, mode } if path == place && *mode == bits & 0o777),
            );
        }
    }

    #[test]
    fn a_link_to_a_directory_is_refused() {
        let elsewhere = base();
        let plant = |path: &Path| symlink(elsewhere.path(), path).unwrap();
        attack(plant, |error, place| matches!(error, DirectoryError::NotADirectory { path } if path == place));
        let plant = |path: &Path| symlink("nowhere", path).unwrap();
        attack(plant, |error, place| matches!(error, DirectoryError::NotADirectory { path } if path == place));
    }

    #[test]
    fn a_link_with_a_slash_behind_it_is_refused() {
        let (base, elsewhere) = (base(), base());
        let link = base.path().join("link");
        symlink(elsewhere.path(), &link).unwrap();
        let error = Directory::open(Some(&link.join("")), "jobs").unwrap_err();
        assert!(matches!(error, DirectoryError::NotADirectory { .. }), "{error:?}");
    }

    #[test]
    fn a_file_in_its_place_is_refused() {
        let plant = |path: &Path| fs::write(path, "").unwrap();
        attack(plant, |error, place| matches!(error, DirectoryError::NotADirectory { path } if path == place));
    }

    #[test]
    fn an_open_directory_that_was_replaced_is_not_followed() {
        let base = base();
        let directory = Directory::open(Some(&base.path().join("home")), "jobs").unwrap();
        let copy = base.path().join("copy");
        fs::rename(directory.path(), &copy).unwrap();
        fs::create_dir(directory.path()).unwrap();
        mode(directory.path(), 0o777);
        fs::copy(copy.join("channel"), directory.path().join("channel")).unwrap();
        assert!(!directory.is_intact());
        assert!(matches!(directory.reopen().unwrap_err(), DirectoryError::Mode { mode: 0o777, .. }));
    }

    #[test]
    fn a_cleaner_that_asks_for_the_lock_of_the_directory_does_not_get_it() {
        use rustix::fs::{FlockOperation, flock};

        let base = base();
        let directory = Directory::open(Some(&base.path().join("home")), "jobs").unwrap();
        let cleaner = fs::File::open(directory.path()).unwrap();
        assert!(flock(&cleaner, FlockOperation::NonBlockingLockExclusive).is_err());
        let path = directory.path().to_owned();
        drop(directory);
        let cleaner = fs::File::open(path).unwrap();
        flock(&cleaner, FlockOperation::NonBlockingLockExclusive).unwrap();
    }

    #[test]
    fn without_a_home_it_lies_where_the_environment_has_no_say() {
        let home = folder::default_home().unwrap();
        assert!(home.ends_with(format!("ipchannel-{}", rustix::process::geteuid().as_raw())), "{home:?}");
        #[cfg(not(target_os = "macos"))]
        assert!(home.starts_with("/tmp"));
    }
}
