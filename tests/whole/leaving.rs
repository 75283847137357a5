//! Who goes, as others see it.

use std::time::Duration;

use ipchannel::{Event, Presence};
use tokio::time::sleep;

use crate::world::World;

#[tokio::test(start_paused = true)]
async fn who_comes_while_another_leaves_sees_it_leave_and_not_die() {
    let world = World::new();
    let leaver = world.start();
    leaver.channel.ready().await.unwrap();
    // It has said goodbye to all it knows, and waits for its handler.
    leaver.channel.on("message", |_, ()| sleep(Duration::from_secs(1)));
    leaver.channel.to(1).send(&()).unwrap().await.unwrap();
    let channel = leaver.channel.clone();
    let closing = tokio::spawn(async move { channel.close().await });
    sleep(Duration::from_millis(100)).await;

    let newcomer = world.start();
    let mut events = newcomer.channel.events();
    let presence = loop {
        if let Event::Left { member, presence } = events.next().await.unwrap() {
            assert_eq!(member.id(), 1);
            break presence;
        }
    };
    assert_eq!(presence, Presence::Left);
    assert_eq!(newcomer.channel.ready().await.unwrap(), 2);
    assert!(closing.await.unwrap().is_empty());
}
