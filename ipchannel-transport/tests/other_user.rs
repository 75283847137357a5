//! Other users get in nowhere, and no process is harmed by what they or the limits of the system do.
#![allow(clippy::unwrap_used)]
#![cfg(unix)]

mod helper;

use std::fs::{self, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use helper::say;
use ipchannel_core::Endpoint;
use ipchannel_transport::uds::Uds;
use ipchannel_transport::{ConnectError, Listener as _, Place, Transport as _};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A directory that every user may use, which a channel's never is: only the checks of the transport are left.
fn open_directory() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    open_to_all(directory.path());
    let path = directory.path().join("a.sock");
    (directory, path)
}

fn open_to_all(path: &Path) {
    fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
}

fn endpoint(path: &Path) -> Endpoint {
    Endpoint::new("uds", path.to_str().unwrap())
}

#[tokio::test]
async fn another_user_is_refused_at_both_ends_whatever_the_modes_say() {
    let Some(nobody) = helper::another_user() else { return };
    let (directory, path) = open_directory();
    let mut listener = Uds::new().bind(&Place::new(directory.path(), "a")).await.unwrap();

    // The mode of the socket keeps it out in the first place.
    assert_eq!(nobody.run("connect", &path), "other user None");
    open_to_all(&path);
    assert_eq!(nobody.run("connect", &path), "other user Some(0)");
    let mut raw = nobody.start("connect without a check", &path);

    // Accepting goes on meanwhile: all that it returns is our own.
    while listener.refused() < 2 {
        let mut here = Uds::new().connect(&endpoint(&path)).await.unwrap();
        here.write_u8(7).await.unwrap();
        assert_eq!(listener.accept().await.unwrap().read_u8().await.unwrap(), 7);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(raw.output(), "the end");
    assert_eq!(listener.refused(), 2);
}

#[tokio::test]
async fn a_listener_of_another_user_is_not_spoken_to() {
    let Some(nobody) = helper::another_user() else { return };
    let (_directory, path) = open_directory();
    let mut squatter = nobody.start("squat", &path);
    squatter.ready();
    let error = Uds::new().connect(&endpoint(&path)).await.unwrap_err();
    assert!(matches!(error, ConnectError::OtherUser { uid: Some(helper::NOBODY), .. }), "{error:?}");
    assert_eq!(squatter.output(), "heard 0 bytes");
}

#[test]
fn no_umask_leaves_a_socket_open_to_others_for_an_instant() {
    let Some(nobody) = helper::another_user() else { return };
    let (_directory, path) = open_directory();
    let mut attacker = nobody.start("attack", &path);
    attacker.ready();
    assert_eq!(helper::same_user().umask(0).run("bind again and again", &path), "done");
    assert_eq!(attacker.output(), "0 accepted");
}

#[test]
fn a_listener_without_descriptors_rests_and_recovers() {
    let (_directory, path) = open_directory();
    let mut server = helper::same_user().descriptors(64).start("serve", &path);
    server.ready();
    let mut clients: Vec<_> = (0..100).map(|_| UnixStream::connect(&path).unwrap()).collect();
    let served = |client: &mut UnixStream| client.read_exact(&mut [0]);
    for client in &mut clients[..40] {
        served(client).unwrap();
    }
    // It has descriptors for some more, then none for as long as the first ones stay.
    let before = cpu_ticks(server.id());
    std::thread::sleep(Duration::from_secs(1));
    let used = cpu_ticks(server.id()) - before;
    let last = clients.last_mut().unwrap();
    last.set_nonblocking(true).unwrap();
    assert_eq!(served(last).unwrap_err().kind(), ErrorKind::WouldBlock, "there was no shortage");
    last.set_nonblocking(false).unwrap();
    assert!(used < 20, "it used {used} hundredths of a second of one");

    let rest = clients.split_off(40);
    drop(clients);
    for mut client in rest {
        served(&mut client).unwrap();
    }
}

/// Processor time that a process has used, in hundredths of a second; 0 where the system does not say.
fn cpu_ticks(process: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
}

/// What the processes that other tests start do; of itself, nothing.
#[test]
fn play_a_role() {
    let Ok(role) = std::env::var("ROLE") else { return };
    let path = PathBuf::from(std::env::var_os("ROLE_PATH").unwrap());
    let place = Place::new(path.parent().unwrap(), "a");
    let flag = path.with_extension("flag");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    match role.as_str() {
        "connect" => match runtime.block_on(Uds::new().connect(&endpoint(&path))) {
            Err(ConnectError::OtherUser { uid, .. }) => say(format_args!("other user {uid:?}")),
            other => say(format_args!("{other:?}")),
        },
        "connect without a check" => {
            let mut stream = UnixStream::connect(&path).unwrap();
            let read = stream.read(&mut [0]).unwrap();
            say(if read == 0 { "the end" } else { "a byte" });
        }
        "squat" => {
            let listener = UnixListener::bind(&path).unwrap();
            open_to_all(&path);
            say("ready");
            let (mut stream, _) = listener.accept().unwrap();
            let heard = stream.read_to_end(&mut Vec::new()).unwrap();
            say(format_args!("heard {heard} bytes"));
        }
        "attack" => {
            say("ready");
            let (mut accepted, mut tried) = (0, 0);
            while !fs::read(&flag).is_ok_and(|flag| flag == b"done") {
                match UnixStream::connect(&path) {
                    Ok(_) => accepted += 1,
                    Err(error) if error.kind() == ErrorKind::NotFound => continue,
                    Err(_) => tried += 1,
                }
                if tried == 100 {
                    let mut file = fs::File::create(&flag).unwrap();
                    open_to_all(&flag);
                    file.write_all(b"tried").unwrap();
                }
            }
            say(format_args!("{accepted} accepted"));
        }
        "bind again and again" => {
            for round in 0.. {
                drop(runtime.block_on(Uds::new().bind(&place)).unwrap());
                if round > 300 && fs::read(&flag).is_ok() {
                    break;
                }
            }
            fs::write(&flag, "done").unwrap();
            say("done");
        }
        "serve" => runtime.block_on(async {
            let mut listener = Uds::new().bind(&place).await.unwrap();
            say("ready");
            loop {
                let mut connection = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    connection.write_u8(7).await.unwrap();
                    // Held until the other end has gone.
                    let _ = connection.read_u8().await;
                });
            }
        }),
        role => panic!("nobody plays {role}"),
    }
}
