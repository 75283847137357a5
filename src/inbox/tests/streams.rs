use super::*;

async fn next(messages: &mut Messages<u32>) -> Option<String> {
    let next = tokio::time::timeout(LONG, messages.next()).await.expect("no message comes");
    next.map(|(from, n)| format!("{} says {n}", from.id))
}

fn said(from: u32, n: u32) -> Option<String> {
    Some(format!("{from} says {n}"))
}

#[tokio::test(start_paused = true)]
async fn streams_and_handlers_of_one_event_each_have_every_message() {
    let bench = Bench::new();
    let mut streams = [bench.inbox.stream("n"), bench.inbox.stream("n")];
    bench.note("n");
    let peer = bench.peer(2);
    (1..=2).for_each(|n| peer.send("n", n));
    assert_eq!(bench.noted().await, ["2 says 1", "2 says 2"]);
    for stream in &mut streams {
        assert_eq!((next(stream).await, next(stream).await), (said(2, 1), said(2, 2)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_waits_is_woken() {
    let bench = Bench::new();
    let (mut messages, peer) = (bench.inbox.stream("n"), bench.peer(2));
    let reader = tokio::spawn(async move { next(&mut messages).await });
    tokio::task::yield_now().await;
    peer.send("n", 1);
    assert_eq!(reader.await.unwrap(), said(2, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_of_the_type_is_told_and_passed_over() {
    let mut bench = Bench::new();
    let (mut messages, peer) = (bench.inbox.stream("n"), bench.peer(2));
    peer.send("n", "a text");
    peer.send("n", 2);
    assert_eq!(next(&mut messages).await, said(2, 2));
    assert!(bench.event().await.starts_with("2 n: "));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_read_takes_the_room_of_its_sender_alone() {
    let bench = Bench::new();
    let mut messages = bench.inbox.stream("n");
    let (peer, other) = (bench.peer(2), bench.peer(3));
    (0..ROOM).for_each(|n| peer.send("n", n));
    assert_eq!((peer.room(), other.room()), (0, ROOM));
    assert_eq!((next(&mut messages).await, next(&mut messages).await), (said(2, 0), said(2, 1)));
    assert_eq!(peer.room(), 2);
    drop(messages);
    assert_eq!(peer.room(), ROOM);
}

#[tokio::test(start_paused = true)]
async fn after_a_stream_was_dropped_messages_wait_for_the_next_subscriber() {
    let bench = Bench::new();
    let peer = bench.peer(2);
    drop(bench.inbox.stream::<u32>("n"));
    peer.send("n", 1);
    let mut messages = bench.inbox.stream("n");
    assert_eq!(next(&mut messages).await, said(2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_cleared_inbox_ends_streams_once_they_are_read_and_lets_go_of_all_the_rest() {
    let bench = Bench::new();
    let (mut messages, captured) = (bench.inbox.stream("n"), Arc::new(()));
    let kept = captured.clone();
    bench.on("other", move |_, _: u32| {
        let _kept = &kept;
        std::future::pending::<()>()
    });
    let peer = bench.peer(2);
    peer.send("n", 1);
    peer.send("nobody's", 2);
    peer.send("n", 3);
    bench.inbox.clear();
    assert_eq!((Arc::strong_count(&captured), peer.room()), (1, ROOM - 2));
    assert_eq!((next(&mut messages).await, next(&mut messages).await), (said(2, 1), said(2, 3)));
    assert_eq!(next(&mut messages).await, None);
    assert_eq!(peer.room(), ROOM);
}
