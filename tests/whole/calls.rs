//! Calls, answers and handlers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::world::{LONG, World};
use ipchannel::{Error, Event};
use tokio::time::{Instant, timeout};

#[tokio::test(start_paused = true)]
async fn a_call_gets_its_answer_or_the_reason_why_not() {
    let world = World::new();
    let [a, b] = world.start_in_turn().await;
    b.channel.answer("add", |_, numbers: Vec<u64>| async move { Ok::<u64, String>(numbers.iter().sum()) });
    b.channel.answer("fail", |_, (): ()| async { Err::<(), _>("out of paper") });
    b.channel.answer("panic", |_, (): ()| async { panic!("on fire") as Result<(), String> });
    b.channel.answer("slow", |_, (): ()| async {
        tokio::time::sleep(LONG).await;
        Ok::<(), String>(())
    });
    let to = a.channel.to(b.id());
    assert_eq!(to.call::<_, u64>("add", &[1, 2, 39]).await.unwrap(), 42);
    let error: Error = to.call::<_, ()>("fail", &()).await.unwrap_err();
    assert!(error.is_remote() && error.to_string().contains("out of paper"), "{error}");
    let error = to.call::<_, ()>("panic", &()).await.unwrap_err();
    assert!(error.is_remote() && error.to_string().contains("on fire"), "{error}");
    assert!(to.call::<_, String>("add", &[1]).await.unwrap_err().is_codec());
    assert!(to.call::<_, u64>("add", "not numbers").await.unwrap_err().is_remote());
    assert!(to.call::<_, ()>("nobody answers this", &()).await.unwrap_err().is_unhandled());
    let start = Instant::now();
    assert!(to.call::<_, ()>("slow", &()).await.unwrap_err().is_timeout());
    assert_eq!(start.elapsed().as_secs(), 5);
    assert!(a.channel.to(a.id()).deadline(Duration::from_secs(1)).call::<_, u64>("add", &[1]).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_when_the_process_that_has_it_does() {
    let world = World::new();
    let [a, b] = world.start_in_turn().await;
    let (called, mut was_called) = tokio::sync::mpsc::channel(1);
    b.channel.answer("hang", move |_, (): ()| {
        let called = called.clone();
        async move {
            called.send(()).await.unwrap();
            std::future::pending::<Result<(), String>>().await
        }
    });
    let id = b.id();
    let call = tokio::spawn({
        let channel = a.channel.clone();
        async move { channel.to(id).deadline(LONG).call::<_, ()>("hang", &()).await }
    });
    was_called.recv().await.unwrap();
    let start = Instant::now();
    b.crash();
    assert!(call.await.unwrap().unwrap_err().is_unreachable());
    assert!(start.elapsed() < LONG / 2, "it waited for its deadline");
}

#[tokio::test(start_paused = true)]
async fn a_failing_handler_takes_nothing_else_down() {
    let world = World::new();
    let [a, b] = world.start_in_turn().await;
    let mut events = b.channel.events();
    let (done, mut is_done) = tokio::sync::mpsc::channel(1);
    b.channel.on("message", |_, number: u32| async move {
        if number == 1 {
            panic!("one")
        }
    });
    b.channel.on("message", |_, number: u32| async move { if number == 2 { Err("two") } else { Ok(()) } });
    b.channel.on("done", move |_, (): ()| {
        let done = done.clone();
        async move { done.send(()).await.unwrap() }
    });
    for number in [1u32, 2, 3] {
        a.channel.to(b.id()).send(&number).unwrap().await.unwrap();
    }
    a.channel.to(b.id()).send("not a number").unwrap().await.unwrap();
    a.channel.to(b.id()).emit("done", &()).unwrap().await.unwrap();
    timeout(LONG, is_done.recv()).await.unwrap().unwrap();
    let mut failures = Vec::new();
    while let Ok(Some(event)) = timeout(Duration::from_secs(1), events.next()).await {
        if let Event::HandlerFailed { error, .. } = event {
            failures.push(error.to_string());
        }
    }
    assert_eq!(failures.len(), 3, "{failures:?}");
    assert!(failures[0].contains("one") && failures[1].contains("two"), "{failures:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_given_up_while_it_waited_is_not_answered_any_more() {
    let world = World::new();
    let [a, b] = world.start_in_turn().await;
    let answered = Arc::new(Mutex::new(Vec::new()));
    let notes = answered.clone();
    b.channel.answer("slow", move |_, number: u32| {
        notes.lock().unwrap().push(number);
        async {
            tokio::time::sleep(Duration::from_secs(20)).await;
            Ok::<(), String>(())
        }
    });
    let to = a.channel.to(b.id()).deadline(LONG);
    let impatient = a.channel.to(b.id()).deadline(Duration::from_secs(10));
    let (first, second, third) = tokio::join!(
        to.call::<_, ()>("slow", &1u32),
        impatient.call::<_, ()>("slow", &2u32),
        to.call::<_, ()>("slow", &3u32)
    );
    assert!(first.is_ok() && second.unwrap_err().is_timeout() && third.is_ok());
    assert_eq!(*answered.lock().unwrap(), [1, 3]);
}
