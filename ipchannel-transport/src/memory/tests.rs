use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use tokio_test::{assert_pending, assert_ready_ok, task::spawn};

use super::*;
use crate::Listener as _;

async fn pair(memory: &Memory) -> (Listener, Connection, Connection) {
    let mut listener = memory.bind(&Place::new("/nowhere", "one")).await.unwrap();
    let (here, there) = meet(memory, &mut listener).await;
    (listener, here, there)
}

async fn meet(memory: &Memory, listener: &mut Listener) -> (Connection, Connection) {
    (memory.connect(listener.endpoint()).await.unwrap(), listener.accept().await.unwrap())
}

#[tokio::test]
async fn universes_do_not_meet() {
    let (one, other) = (Memory::new(), Memory::new());
    let (listener, ..) = pair(&one).await;
    assert!(matches!(other.connect(listener.endpoint()).await, Err(ConnectError::Nobody { .. })));
    assert!(one.process().connect(listener.endpoint()).await.is_ok());
}

#[tokio::test]
async fn cutting_one_connection_leaves_the_others() {
    let memory = Memory::new();
    let (mut listener, mut here, mut there) = pair(&memory).await;
    let (mut here2, mut there2) = meet(&memory, &mut listener).await;
    here.write_all(b"lost").await.unwrap();
    memory.faults(listener.endpoint()).cables()[0].cut();
    assert_eq!(there.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(here.write_u8(1).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    here2.write_u8(7).await.unwrap();
    assert_eq!(there2.read_u8().await.unwrap(), 7);
    assert_eq!(memory.faults(listener.endpoint()).cut(), 1);
    assert_eq!(memory.faults(listener.endpoint()).cut(), 0);
    assert!(there2.read_u8().await.is_err());
}

#[tokio::test]
async fn a_cut_wakes_who_reads_and_who_writes() {
    let memory = Memory::with_limits(1, 1);
    let (_listener, mut here, mut there) = pair(&memory).await;
    there.write_u8(1).await.unwrap();
    let mut write = spawn(there.write_u8(2));
    let (mut read, mut rest) = tokio::io::split(&mut here);
    assert_eq!(read.read_u8().await.unwrap(), 1);
    assert_ready_ok!(write.poll());
    drop(write);
    assert_eq!(read.read_u8().await.unwrap(), 2);
    rest.write_u8(1).await.unwrap();
    let (mut read, mut write) = (spawn(read.read_u8()), spawn(rest.write_u8(2)));
    assert_pending!(read.poll());
    assert_pending!(write.poll());
    memory.dialled().cut();
    assert!(read.is_woken() && write.is_woken());
}

#[tokio::test]
async fn a_frozen_endpoint_takes_bytes_until_its_buffer_is_full_and_gives_them_when_thawed() {
    let memory = Memory::with_limits(3, 1);
    let (listener, mut here, mut there) = pair(&memory).await;
    let faults = memory.faults(listener.endpoint());
    faults.freeze();
    here.write_all(b"abc").await.unwrap();
    let mut write = spawn(here.write_u8(b'd'));
    assert_pending!(write.poll());
    let mut read = spawn(there.read_u8());
    assert_pending!(read.poll());
    faults.thaw();
    assert!(read.is_woken());
    assert_eq!(assert_ready_ok!(read.poll()), b'a');
    assert!(write.is_woken());
    assert_ready_ok!(write.poll());
}

#[tokio::test]
async fn a_process_freezes_with_its_dialled_connections_and_others_do_not() {
    let memory = Memory::new();
    let (mut listener, mut here, mut there) = pair(&memory).await;
    let other = memory.process();
    let (mut here2, mut there2) = meet(&other, &mut listener).await;
    other.dialled().freeze();
    here.write_u8(1).await.unwrap();
    assert_eq!(there.read_u8().await.unwrap(), 1);
    here2.write_u8(2).await.unwrap();
    let mut read = spawn(there2.read_u8());
    assert_pending!(read.poll());
    drop(here2);
    assert_pending!(read.poll());
    other.dialled().thaw();
    assert_eq!(assert_ready_ok!(read.poll()), 2);
    drop(read);
    assert_eq!(there2.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn an_endpoint_refuses_on_demand_and_keeps_what_stands() {
    let memory = Memory::new();
    let (mut listener, mut here, mut there) = pair(&memory).await;
    let faults = memory.faults(listener.endpoint());
    faults.refuse(true);
    assert!(matches!(memory.connect(listener.endpoint()).await, Err(ConnectError::Nobody { .. })));
    here.write_u8(1).await.unwrap();
    assert_eq!(there.read_u8().await.unwrap(), 1);
    faults.refuse(false);
    meet(&memory, &mut listener).await;
}

#[tokio::test(start_paused = true)]
async fn delayed_bytes_arrive_in_order_after_the_delay() {
    let memory = Memory::new();
    let (listener, mut here, mut there) = pair(&memory).await;
    let (faults, begun) = (memory.faults(listener.endpoint()), Instant::now());
    faults.delay(Duration::from_secs(3));
    here.write_u8(1).await.unwrap();
    faults.delay(Duration::ZERO);
    here.write_u8(2).await.unwrap();
    drop(here);
    assert_eq!(there.read_u8().await.unwrap(), 1);
    assert_eq!(begun.elapsed(), Duration::from_secs(3));
    assert_eq!(there.read_u8().await.unwrap(), 2);
    assert_eq!(there.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(begun.elapsed(), Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_full_backlog_is_waited_out_and_then_busy() {
    let memory = Memory::with_limits(1, 1);
    let mut listener = memory.bind(&Place::new("/nowhere", "one")).await.unwrap();
    let endpoint = listener.endpoint().clone();
    let _first = memory.connect(&endpoint).await.unwrap();
    let (second, accepted) = tokio::join!(memory.connect(&endpoint), async {
        tokio::time::sleep(PATIENCE / 2).await;
        listener.accept().await
    });
    assert!(second.is_ok() && accepted.is_ok());
    let begun = Instant::now();
    assert!(matches!(memory.connect(&endpoint).await, Err(ConnectError::Busy(_))));
    assert_eq!(begun.elapsed(), PATIENCE);
}
