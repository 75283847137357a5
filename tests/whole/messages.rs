//! Messages to one and to many.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::world::{LONG, Process, World, until};
use ipchannel::{All, Config, Event, Limits, Others, Reason};
use tokio::time::{Instant, timeout};

type Seen = Arc<Mutex<Vec<(u32, u32, bool)>>>;

/// Notes the sender and number of each message, and whether it is redelivered.
fn note(process: &Process) -> Seen {
    let seen = Seen::default();
    let notes = seen.clone();
    process.channel.on("message", move |from, number: u32| {
        let from_id = from.peer.map_or(0, |peer| peer.id.get());
        notes.lock().unwrap().push((from_id, number, from.redelivered));
        async {}
    });
    seen
}

#[tokio::test(start_paused = true)]
async fn ids_are_the_lowest_free_numbers_and_one_of_them_hosts() {
    let world = World::new();
    let processes: [Process; 5] = world.start_in_turn().await;
    let mut ids: Vec<u32> = processes.iter().map(Process::id).collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 3, 4, 5]);
    for process in &processes {
        assert_eq!(process.channel.host(), processes[0].channel.host());
        until("everybody knows everybody", || process.channel.members().len() == 5).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_reaches_each_member_and_tells_of_each() {
    let world = World::new();
    let processes: [Process; 3] = world.start_in_turn().await;
    until("all are known", || processes[0].channel.members().len() == 3).await;
    let seen: Vec<Seen> = processes.iter().map(note).collect();
    let outcomes = processes[0].channel.to(All).send(&7u32).unwrap().await.unwrap();
    assert!(outcomes.iter().all(|(_, outcome)| outcome.is_ok()) && outcomes.len() == 3, "{outcomes:?}");
    let outcomes = processes[0].channel.to(Others).send(&8u32).unwrap().await.unwrap();
    assert_eq!(outcomes.len(), 2);
    let me = processes[0].id();
    until("handled", || seen.iter().map(|seen| seen.lock().unwrap().len()).sum::<usize>() == 5).await;
    assert_eq!(*seen[0].lock().unwrap(), [(me, 7, false)]);
    assert_eq!(*seen[1].lock().unwrap(), [(me, 7, false), (me, 8, false)]);
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_before_anybody_is_there_arrives_in_order() {
    let world = World::new();
    let first = world.start();
    let receipts: Vec<_> = (0..800u32).map(|n| first.channel.to(2).send(&n).unwrap()).collect();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let second = world.start();
    let seen = note(&second);
    for receipt in receipts {
        timeout(LONG, receipt).await.unwrap().unwrap();
    }
    until("handled", || seen.lock().unwrap().len() == 800).await;
    assert_eq!(*seen.lock().unwrap(), (0..800).map(|n| (1, n, false)).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn what_is_for_nobody_fails_at_its_deadline() {
    let world = World::new();
    let alone = world.start();
    let start = Instant::now();
    let receipts: Vec<_> = (0..800u32).map(|n| alone.channel.to(9).send(&n).unwrap()).collect();
    for receipt in receipts {
        let error = timeout(LONG, receipt).await.unwrap().unwrap_err();
        assert_eq!(error, ipchannel::Undelivered::NotDelivered(Reason::Deadline));
    }
    assert_eq!(start.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_crashed_host_is_replaced_and_its_seat_taken_again() {
    let world = World::new();
    let [host, second, third] = world.start_in_turn().await;
    let mut events = second.channel.events();
    let (dead, ids) = (host.id(), (second.id(), third.id()));
    host.crash();
    let changed = async {
        loop {
            if let Some(Event::HostChanged { host, .. }) = events.next().await {
                return host;
            }
        }
    };
    let next = timeout(LONG, changed).await.unwrap();
    until("both agree", || second.channel.host() == third.channel.host()).await;
    assert_eq!(second.channel.host().unwrap().0, next);
    assert_eq!((second.id(), third.id()), ids);
    let seen = note(&third);
    second.channel.to(third.id()).send(&1u32).unwrap().await.unwrap();
    until("handled", || !seen.lock().unwrap().is_empty()).await;
    let again = world.start();
    assert_eq!(again.channel.ready().await.unwrap(), dead);
    assert_ne!(again.channel.host().unwrap().0, dead);
}

#[tokio::test(start_paused = true)]
async fn what_a_crashed_receiver_had_not_acknowledged_goes_to_its_successor_marked() {
    let world = World::new();
    let [first, second] = world.start_in_turn().await;
    let (sender, receiver) = if first.id() == 1 { (first, second) } else { (second, first) };
    let seen = note(&receiver);
    sender.channel.to(2).send(&0u32).unwrap().await.unwrap();
    until("handled", || seen.lock().unwrap().len() == 1).await;
    // From here on it takes in nothing: as when its process is stopped.
    let wires = sender.transport.dialled();
    wires.freeze();
    let written = sender.channel.to(2).send(&1u32).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    receiver.crash();
    wires.cut();
    wires.thaw();
    let successor = world.start();
    let seen = note(&successor);
    timeout(LONG, written).await.unwrap().unwrap();
    until("handled", || !seen.lock().unwrap().is_empty()).await;
    assert_eq!(*seen.lock().unwrap(), [(1, 1, true)]);
}

#[tokio::test(start_paused = true)]
async fn a_full_peer_refuses_at_once_and_send_wait_waits() {
    let world = World::new();
    let config = Config { outgoing: Limits { messages: 2, bytes: 64 << 20 }, ..Config::default() };
    let sender = world.start_with(config);
    let early: Vec<_> = (0..2u32).map(|n| sender.channel.to(2).send(&n).unwrap()).collect();
    assert!(sender.channel.to(2).send(&2u32).unwrap_err().is_full());
    let waiting = tokio::spawn({
        let channel = sender.channel.clone();
        async move { channel.to(2).send_wait(&2u32).await.unwrap().await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!waiting.is_finished());
    let receiver = world.start();
    let seen = note(&receiver);
    timeout(LONG, waiting).await.unwrap().unwrap().unwrap();
    for receipt in early {
        receipt.await.unwrap();
    }
    until("handled", || seen.lock().unwrap().len() == 3).await;
    assert_eq!(seen.lock().unwrap().iter().map(|seen| seen.1).collect::<Vec<_>>(), [0, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_is_refused_with_a_reason() {
    let world = World::new();
    let config = Config { max_message: 1000, ..Config::default() };
    let alone = world.start_with(config);
    assert!(alone.channel.to(1).send(&vec![0u8; 1001]).unwrap_err().is_too_large());
    assert!(alone.channel.to(0).send("x").unwrap_err().to_string().contains("begin with 1"));
    assert!(alone.channel.to(1).emit("", "x").unwrap_err().to_string().contains("event"));
    alone.channel.close().await;
    assert!(alone.channel.to(1).send("x").unwrap_err().is_closed());
    assert!(alone.channel.ready().await.unwrap_err().is_closed());
}

#[tokio::test(start_paused = true)]
async fn close_returns_what_was_not_delivered_and_gives_back_the_id() {
    let world = World::new();
    let channel = world.start().channel;
    channel.ready().await.unwrap();
    let lost = channel.to(7).deadline(LONG).send("nobody").unwrap();
    let undelivered = channel.close().await;
    assert_eq!(undelivered.len(), 1);
    assert_eq!(undelivered[0].to.unwrap(), 7);
    assert_eq!(*lost.await.unwrap_err().reason(), Reason::Closed);
    assert!(channel.close().await.is_empty());
    let again = world.start();
    assert_eq!(again.channel.ready().await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn close_waits_for_what_is_under_way() {
    let world = World::new();
    let [first, second] = world.start_in_turn().await;
    let seen = note(&second);
    for n in 0..100u32 {
        drop(first.channel.to(second.id()).send(&n).unwrap());
    }
    assert!(first.channel.close().await.is_empty());
    until("handled", || seen.lock().unwrap().len() == 100).await;
    until("the leaver is known to have left", || second.channel.members().len() == 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_channel_dropped_gives_back_the_id() {
    let world = World::new();
    let first = world.start();
    first.channel.ready().await.unwrap();
    drop(first);
    let second = world.start();
    assert_eq!(second.channel.ready().await.unwrap(), 1);
}

#[test]
fn a_channel_may_outlive_its_runtime() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let process = runtime.block_on(async { World::new().start() });
    drop(process.channel.to(2).send("never").unwrap());
    drop(runtime);
    assert!(process.channel.to(2).send("never").is_ok());
    drop(process);
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_is_written_when_the_last_handle_is_dropped() {
    let world = World::new();
    let [first, second] = world.start_in_turn().await;
    let seen = note(&second);
    first.channel.to(second.id()).send(&0u32).unwrap().await.unwrap();
    for n in 1..100u32 {
        drop(first.channel.to(second.id()).send(&n).unwrap());
    }
    drop(first);
    until("handled", || seen.lock().unwrap().len() == 100).await;
}

#[tokio::test]
async fn a_channel_needs_a_runtime_and_a_name() {
    assert!(ipchannel::Channel::open("").is_err());
    let outside = std::thread::spawn(|| ipchannel::Channel::open("outside").unwrap_err()).join().unwrap();
    assert!(outside.to_string().contains("tokio runtime"));
}

#[tokio::test(start_paused = true)]
async fn after_the_directory_was_deleted_the_older_process_keeps_the_id_and_can_be_reached() {
    let world = World::new();
    let [first, second] = world.start_in_turn().await;
    let (one, two) = if first.id() == 1 { (first, second) } else { (second, first) };
    let (seen_by_one, seen_by_two) = (note(&one), note(&two));
    two.channel.to(1).send(&0u32).unwrap().await.unwrap();
    one.channel.to(2).send(&0u32).unwrap().await.unwrap();
    world.claims.wipe();
    // It finds an empty directory, and takes the first seat there is.
    let newcomer = world.start();
    let seen_by_newcomer = note(&newcomer);
    until("everybody has an id", || {
        let ids = [one.channel.id(), two.channel.id(), newcomer.channel.id()];
        ids.map(|id| id.map_or(0, |id| id.get())) == [1, 2, 3]
    })
    .await;
    until("they agree who hosts", || {
        one.channel.host() == two.channel.host() && two.channel.host() == newcomer.channel.host()
    })
    .await;
    for process in [&one, &two, &newcomer] {
        for id in 1..=3u32 {
            timeout(LONG, process.channel.to(id).send(&id).unwrap()).await.unwrap().unwrap();
        }
    }
    until("handled", || seen_by_newcomer.lock().unwrap().len() == 3).await;
    let numbers = |seen: &Seen| seen.lock().unwrap().iter().map(|seen| seen.1).collect::<Vec<_>>();
    assert_eq!(numbers(&seen_by_one), [0, 1, 1, 1]);
    assert_eq!(numbers(&seen_by_two), [0, 2, 2, 2]);
    assert_eq!(numbers(&seen_by_newcomer), [3, 3, 3]);
}
