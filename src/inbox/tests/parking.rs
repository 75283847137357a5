use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use tokio::time::sleep;

use super::*;

#[tokio::test(start_paused = true)]
async fn what_came_before_the_first_handler_waits_for_it_in_order() {
    let bench = Bench::new();
    let peer = bench.peer(2);
    (1..=3).for_each(|n| peer.send("n", n));
    peer.send("other", 9);
    assert_eq!(bench.noted().await, [] as [&str; 0]);
    assert_eq!(peer.room(), ROOM - 4);
    bench.note("n");
    peer.send("n", 4);
    bench.note("n");
    assert_eq!(bench.noted().await[..3], ["2 says 1", "2 says 1", "2 says 2"]);
    assert_eq!(peer.room(), ROOM - 1);
    bench.note("other");
    assert_eq!(bench.noted().await, ["2 says 9"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_nobody_subscribes_to_is_unhandled_at_its_deadline() {
    let mut bench = Bench::new();
    let (peer, begun) = (bench.peer(2), now());
    for (event, ttl) in [("c", Some(3)), ("a", Some(1)), ("never", None), ("b", Some(2))] {
        peer.put(Kind::Message, event, 1, ttl.map(Duration::from_secs)).unwrap();
    }
    for (event, at) in [("a", 1), ("b", 2), ("c", 3), ("never", PATIENCE.as_secs())] {
        assert_eq!(bench.event().await, format!("2 {event}: unhandled"));
        assert_eq!(now() - begun, Duration::from_secs(at));
    }
    assert_eq!(peer.room(), ROOM);
    // Nobody watched for a while; the next one is watched again.
    peer.send("again", 1);
    assert_eq!(bench.event().await, "2 again: unhandled");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_comes_before_those_already_waited_for_is_kept() {
    let mut bench = Bench::new();
    let (peer, begun) = (bench.peer(2), now());
    for (event, ttl) in [("late", 5), ("early", 3)] {
        peer.put(Kind::Message, event, 1, Some(Duration::from_secs(ttl))).unwrap();
        sleep(Duration::from_secs(1)).await;
    }
    for (event, at) in [("early", 4), ("late", 5)] {
        assert_eq!(bench.event().await, format!("2 {event}: unhandled"));
        assert_eq!(now() - begun, Duration::from_secs(at));
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_was_handled_in_time_is_not_unhandled_later() {
    let mut bench = Bench::new();
    let peer = bench.peer(2);
    peer.send("n", 1);
    sleep(TTL - Duration::from_millis(1)).await;
    bench.note("n");
    assert_eq!(bench.noted().await, ["2 says 1"]);
    peer.send("end", 2);
    assert_eq!(bench.event().await, "2 end: unhandled");
}

#[tokio::test(start_paused = true)]
async fn what_waited_goes_to_a_stream_as_well() {
    let bench = Bench::new();
    let peers = [bench.peer(2), bench.peer(3)];
    for n in 1..=2 {
        peers.iter().for_each(|peer| peer.send("n", n));
    }
    let mut messages = bench.inbox.stream::<u32>("n");
    for expected in [(2, 1), (3, 1), (2, 2), (3, 2)] {
        let (from, n) = messages.next().await.unwrap();
        assert!(from.id == expected.0 && n == expected.1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_waited_is_not_overtaken_by_what_its_sender_sent_later() {
    let bench = Bench::new();
    let begun = Arc::new(tokio::sync::Notify::new());
    let tell = begun.clone();
    bench.on("busy", move |_, _: u32| {
        tell.notify_one();
        sleep(Duration::from_secs(1))
    });
    let peer = bench.peer(2);
    peer.send("n", 1);
    peer.send("n", 2);
    peer.send("busy", 0);
    peer.send("n", 3);
    peer.send("busy", 0);
    peer.send("n", 4);
    // 1 and 2 waited from the start, 3 has been passed over, 4 is still to come.
    begun.notified().await;
    begun.notified().await;
    bench.note("n");
    assert_eq!(bench.noted().await, ["2 says 1", "2 says 2", "2 says 3", "2 says 4"]);
}

/// Either the message finds the handler, or the handler finds the message: on two threads, since the point is that
/// nothing comes between.
#[tokio::test]
async fn a_message_and_its_first_handler_never_miss_each_other() {
    const ROUNDS: u32 = 5_000;
    let bench = Bench::new();
    let runtime = tokio::runtime::Handle::current();
    let (sent, subscribed) = (AtomicU32::new(0), AtomicU32::new(0));
    let meet = |mine: &AtomicU32, other: &AtomicU32, round| {
        mine.store(round, SeqCst);
        let mut spun = 0;
        while other.load(SeqCst) < round {
            spun += 1;
            // The other one has no processor.
            if spun % 10_000 == 0 {
                std::thread::yield_now();
            } else {
                std::hint::spin_loop();
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _inside = runtime.enter();
            for round in 1..=ROUNDS {
                meet(&subscribed, &sent, round);
                // A little later each time: to send is a longer way than to subscribe.
                (0..round % 1000).for_each(|_| std::hint::spin_loop());
                bench.note(&round.to_string());
            }
        });
        for round in 1..=ROUNDS {
            // One whose lane does not run yet: to that one it would simply be added.
            let peer = bench.peer(round);
            meet(&sent, &subscribed, round);
            peer.send(&round.to_string(), round);
        }
    });
    assert_eq!(bench.noted().await.len(), ROUNDS as usize, "some wait although there is a handler");
}
