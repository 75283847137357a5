//! What only unix sockets promise: their files.
#![allow(clippy::unwrap_used)]
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::os::unix::net as std_net;
use std::path::Path;
use std::time::Duration;

use ipchannel_core::Endpoint;
use ipchannel_transport::uds::{Connection, Listener, Uds};
use ipchannel_transport::{
    BindError, ConnectError, Connection as _, Credentials, Listener as _, Place, Transport as _,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

async fn meet(listener: &mut Listener) -> (Connection, Connection) {
    let here = Uds::new().connect(listener.endpoint()).await.unwrap();
    (here, listener.accept().await.unwrap())
}

#[tokio::test]
async fn the_socket_is_a_file_of_mode_0600_that_goes_with_its_listener() {
    let directory = tempfile::tempdir().unwrap();
    let listener = Uds::new().bind(&Place::new(directory.path(), "a")).await.unwrap();
    let path = directory.path().join("a.sock");
    assert_eq!(listener.endpoint(), &Endpoint::new("uds", path.to_str().unwrap()));
    assert_eq!(mode(&path), 0o600);
    assert!(fs::metadata(&path).unwrap().file_type().is_socket());
    drop(listener);
    assert!(!path.exists());
}

#[tokio::test]
async fn what_others_have_left_is_neither_used_nor_removed() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(format!("{name}.sock"));
    drop(std_net::UnixListener::bind(at("stale")).unwrap());
    fs::write(at("file"), "precious").unwrap();
    symlink(directory.path().join("nowhere"), at("dangling")).unwrap();
    for name in ["stale", "file", "dangling"] {
        let result = Uds::new().bind(&Place::new(directory.path(), name)).await;
        assert!(matches!(result, Err(BindError::InUse(_))), "{name}: {result:?}");
        assert!(fs::symlink_metadata(at(name)).is_ok(), "{name} was removed");
    }
    assert_eq!(fs::read_to_string(at("file")).unwrap(), "precious");
    assert!(!directory.path().join("nowhere").exists());
}

#[tokio::test]
async fn a_listener_leaves_the_socket_of_its_successor_alone() {
    let directory = tempfile::tempdir().unwrap();
    let (place, path) = (Place::new(directory.path(), "a"), directory.path().join("a.sock"));
    let first = Uds::new().bind(&place).await.unwrap();
    fs::remove_file(&path).unwrap();
    let mut second = Uds::new().bind(&place).await.unwrap();
    drop(first);
    let (mut here, mut there) = meet(&mut second).await;
    here.write_u8(7).await.unwrap();
    assert_eq!(there.read_u8().await.unwrap(), 7);
    drop(second);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_path_as_long_as_the_system_allows_works_and_a_longer_one_is_named() {
    let limit = if cfg!(target_os = "linux") { 107 } else { 103 };
    let directory = tempfile::tempdir().unwrap();
    let room = limit - directory.path().as_os_str().len() - "/.sock".len();
    let mut listener = Uds::new().bind(&Place::new(directory.path(), "x".repeat(room))).await.unwrap();
    meet(&mut listener).await;

    let error = Uds::new().bind(&Place::new(directory.path(), "x".repeat(room + 1))).await.unwrap_err();
    let BindError::TooLong { path, limit: named } = &error else { panic!("{error:?}") };
    assert_eq!((path.len(), *named), (limit + 1, limit));
    assert!(error.to_string().contains(&format!("{} bytes", limit + 1)), "{error}");
}

#[tokio::test]
async fn a_missing_directory_is_an_error_of_the_system() {
    let directory = tempfile::tempdir().unwrap();
    let error = Uds::new().bind(&Place::new(directory.path().join("no"), "a")).await.unwrap_err();
    assert!(
        matches!(&error, BindError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound),
        "{error:?}"
    );
}

#[tokio::test]
async fn each_end_knows_the_process_at_the_other() {
    let directory = tempfile::tempdir().unwrap();
    let mut listener = Uds::new().bind(&Place::new(directory.path(), "a")).await.unwrap();
    let (here, there) = meet(&mut listener).await;
    assert_eq!(here.peer_credentials(), Credentials::of_this_process());
    assert_eq!(there.peer_credentials(), Credentials::of_this_process());
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_never_accepts_is_busy() {
    let directory = tempfile::tempdir().unwrap();
    let uds = Uds::new().with_backlog(1);
    let listener = uds.bind(&Place::new(directory.path(), "a")).await.unwrap();
    let (mut waiting, begun) = (Vec::new(), Instant::now());
    let error = loop {
        match uds.connect(listener.endpoint()).await {
            Ok(connection) => waiting.push(connection),
            Err(error) => break error,
        }
    };
    assert!(!waiting.is_empty() && waiting.len() < 10, "{} connections", waiting.len());
    // Only Linux tells it apart.
    if cfg!(target_os = "linux") {
        assert!(matches!(error, ConnectError::Busy(_)), "{error:?}");
        assert!(begun.elapsed() >= Duration::from_secs(5), "it gave up after {:?}", begun.elapsed());
    } else {
        assert!(matches!(error, ConnectError::Nobody { .. }), "{error:?}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn who_finds_the_backlog_full_gets_in_when_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let uds = Uds::new().with_backlog(1);
    let mut listener = uds.bind(&Place::new(directory.path(), "a")).await.unwrap();
    let endpoint = listener.endpoint().clone();
    let dials = (0..20).map(|_| uds.connect(&endpoint));
    let accepts = async {
        for _ in 0..20 {
            listener.accept().await.unwrap();
        }
    };
    let (dialled, ()) = futures_util::future::join(futures_util::future::join_all(dials), accepts).await;
    assert!(dialled.iter().all(Result::is_ok), "{dialled:?}");
}
