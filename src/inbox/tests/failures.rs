use std::future::ready;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_handler_that_fails_is_told_and_the_next_message_is_handled() {
    let mut bench = Bench::new();
    let log = bench.log.clone();
    bench.on("n", move |_, n: u32| {
        log.note(n.to_string());
        ready(if n == 1 { Err("one is too few") } else { Ok(()) })
    });
    let peer = bench.peer(2);
    (1..=2).for_each(|n| peer.send("n", n));
    assert_eq!(bench.noted().await, ["1", "2"]);
    assert_eq!(bench.event().await, "2 n: one is too few");
    assert_eq!(peer.room(), ROOM);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_takes_nothing_else_down() {
    let mut bench = Bench::new();
    bench.on("n", |_, n: u32| {
        assert_ne!(n, 1, "at once");
        async move { assert_ne!(n, 2, "later") }
    });
    bench.note("n");
    let (peer, other) = (bench.peer(2), bench.peer(3));
    (1..=3).for_each(|n| peer.send("n", n));
    other.send("n", 4);
    let mut noted = bench.noted().await;
    noted.sort();
    assert_eq!(noted, ["2 says 1", "2 says 2", "2 says 3", "3 says 4"]);
    for when in ["at once", "later"] {
        let told = bench.event().await;
        assert!(told.starts_with("2 n: the handler panicked: ") && told.contains(when), "{told}");
    }
    assert_eq!((peer.room(), other.room()), (ROOM, ROOM));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_not_what_its_handler_takes_is_told() {
    let mut bench = Bench::new();
    bench.note("n");
    let peer = bench.peer(2);
    peer.send("n", "a text");
    peer.send("n", 2);
    assert_eq!(bench.noted().await, ["2 says 2"]);
    let told = bench.event().await;
    assert!(told.starts_with("2 n: ") && told.contains("json"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_handler_knows_that_it_runs_inside_one() {
    let bench = Bench::new();
    let log = bench.log.clone();
    bench.on("n", move |_, _: u32| {
        log.note(inside_handler().to_string());
        ready(())
    });
    let log = bench.log.clone();
    bench.answer("ask", move |_, _: u32| {
        log.note(inside_handler().to_string());
        ready(Ok(()))
    });
    let peer = bench.peer(2);
    peer.send("n", 1);
    peer.ask(1, "ask", 1);
    assert_eq!(bench.noted().await, ["true", "true"]);
    assert!(!inside_handler());
}
