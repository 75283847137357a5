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
