use tokio::sync::{Barrier, Semaphore};
use tokio::time::sleep;

use super::*;

#[tokio::test(start_paused = true)]
async fn messages_of_one_sender_are_handled_one_at_a_time_and_in_order() {
    let bench = Bench::new();
    let log = bench.log.clone();
    bench.on("n", move |_, n: u64| {
        let log = log.clone();
        async move {
            log.note(format!("begin {n}"));
            sleep(Duration::from_millis(10 - n)).await;
            log.note(format!("end {n}"));
        }
    });
    let peer = bench.peer(2);
    (1..=3).for_each(|n| peer.send("n", n));
    assert_eq!(bench.noted().await, ["begin 1", "end 1", "begin 2", "end 2", "begin 3", "end 3"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_does_not_overtake_one_of_another_event() {
    let bench = Bench::new();
    let log = bench.log.clone();
    bench.on("slow", move |_, n: u32| {
        let log = log.clone();
        async move {
            sleep(Duration::from_secs(1)).await;
            log.note(format!("slow {n}"));
        }
    });
    bench.note("fast");
    let peer = bench.peer(2);
    peer.send("slow", 1);
    peer.send("fast", 2);
    assert_eq!(bench.noted().await, ["slow 1", "2 says 2"]);
}

#[tokio::test(start_paused = true)]
async fn messages_of_different_senders_are_handled_side_by_side() {
    let bench = Bench::new();
    let (log, both) = (bench.log.clone(), Arc::new(Barrier::new(2)));
    bench.on("n", move |_, _: u32| {
        let (log, both) = (log.clone(), both.clone());
        async move {
            both.wait().await;
            log.note("met");
        }
    });
    let peers = [bench.peer(2), bench.peer(3)];
    peers.iter().for_each(|peer| peer.send("n", 1));
    assert_eq!(bench.noted().await, ["met", "met"]);
}

#[tokio::test(start_paused = true)]
async fn handlers_of_one_event_are_called_in_the_order_they_were_added() {
    let bench = Bench::new();
    for name in ["first", "second", "third"] {
        let log = bench.log.clone();
        bench.on("n", move |_, n: u32| {
            let log = log.clone();
            async move {
                tokio::task::yield_now().await;
                log.note(format!("{name} {n}"));
            }
        });
    }
    let peer = bench.peer(2);
    peer.send("n", 1);
    peer.send("n", 2);
    assert_eq!(bench.noted().await, ["first 1", "second 1", "third 1", "first 2", "second 2", "third 2"]);
}

#[tokio::test(start_paused = true)]
async fn once_takes_one_message_of_all_senders_and_the_rest_wait_for_another() {
    let bench = Bench::new();
    bench.once("n", noting(&bench.log));
    let peers = [bench.peer(2), bench.peer(3)];
    peers.iter().for_each(|peer| (1..=2).for_each(|n| peer.send("n", n)));
    assert_eq!(bench.noted().await, ["2 says 1"]);
    bench.note("n");
    let mut rest = bench.noted().await;
    rest.sort();
    assert_eq!(rest, ["2 says 2", "3 says 1", "3 says 2"]);
}

#[tokio::test(start_paused = true)]
async fn once_beside_a_lasting_handler_is_called_once() {
    let bench = Bench::new();
    let log = bench.log.clone();
    bench.once("n", move |_, n: u32| {
        log.note(format!("once {n}"));
        std::future::ready(())
    });
    bench.note("n");
    let peer = bench.peer(2);
    (1..=2).for_each(|n| peer.send("n", n));
    assert_eq!(bench.noted().await, ["once 1", "2 says 1", "2 says 2"]);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_was_cancelled_is_called_no_more() {
    let bench = Bench::new();
    let (peer, subscription) = (bench.peer(2), bench.note("n"));
    peer.send("n", 1);
    assert_eq!(bench.noted().await, ["2 says 1"]);
    subscription.cancel();
    peer.send("n", 2);
    assert_eq!(bench.noted().await, [] as [&str; 0]);
    bench.note("n");
    assert_eq!(bench.noted().await, ["2 says 2"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_takes_room_until_it_is_handled() {
    let bench = Bench::new();
    let gate = Arc::new(Semaphore::new(0));
    let held = gate.clone();
    bench.on("n", move |_, _: u32| {
        let held = held.clone();
        async move { held.acquire().await.unwrap().forget() }
    });
    let (slow, other) = (bench.peer(2), bench.peer(3));
    assert_eq!(slow.room(), ROOM);
    (0..ROOM).for_each(|n| slow.send("n", n));
    assert_eq!((slow.room(), other.room()), (0, ROOM));
    gate.add_permits(3);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(slow.room(), 3);
    gate.add_permits(ROOM as usize - 3);
    bench.noted().await;
    assert_eq!(slow.room(), ROOM);
}

#[tokio::test(start_paused = true)]
async fn a_sender_with_much_to_say_does_not_keep_the_thread_from_the_others() {
    let bench = Bench::with_room(1000);
    bench.note("n");
    let (first, second) = (bench.peer(2), bench.peer(3));
    (0..1000).for_each(|n| first.send("n", n));
    second.send("n", 0);
    let noted = bench.noted().await;
    assert_eq!(noted.len(), 1001);
    assert!(noted.iter().position(|said| said == "3 says 0") < Some(1000));
}
