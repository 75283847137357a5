//! One of the four processes.

use std::error::Error;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use ipchannel::{All, Channel, Event, Events, PeerId};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::broadcast;
use tokio::time::MissedTickBehavior;

use crate::report::{Command, What, report};

/// Started by the stage as `cluster worker <number of the process> <directory>`.
pub(crate) async fn run() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(2);
    let (Some(process), Some(directory)) = (args.next(), args.next()) else { return Err("started by hand".into()) };
    let process: usize = process.parse()?;

    let channel = Channel::builder("cluster")?
        .directory(directory)
        .ignore_environment()
        .deadline(Duration::from_secs(30)) // a slow machine is no loss
        .open()?;
    tokio::spawn(tell(channel.events()));
    channel.on("message", |from, text: String| async move {
        report(What::Heard { from: from.id.to_string(), event: "message".into(), text });
    });
    channel.on("count", |sender, (from, number): (usize, u64)| async move {
        report(What::Counted { from, number, redelivered: sender.redelivered });
    });
    let id = channel.ready().await?;
    report(What::Connected { id: id.get() });

    let commands = broadcast::Sender::new(16);
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    // The end of stdin is the end of the stage, and then of this process.
    while let Some(line) = lines.next_line().await? {
        match serde_json::from_str(&line)? {
            Command::Play => play(&channel, id).await?,
            Command::Count => {
                for to in (1..=4).filter_map(PeerId::new).filter(|to| *to != id) {
                    tokio::spawn(count(channel.clone(), process, to, commands.subscribe()));
                }
            }
            Command::Close => {
                report(What::Closing { id: channel.id().map(PeerId::get) });
                report(What::Closed { undelivered: channel.close().await.len() });
                break;
            }
            command => drop(commands.send(command)),
        }
    }
    Ok(())
}

/// The parts of the four: whoever has the id plays it.
async fn play(channel: &Channel, id: PeerId) -> Result<(), ipchannel::Error> {
    let mut events = channel.events();
    while channel.members().len() < 4 && events.next().await.is_some() {}
    match id.get() {
        1 => {
            channel.on("custom-event", |from, words: (String, String)| async move {
                let text = format!("{} {}", words.0, words.1);
                report(What::Heard { from: from.id.to_string(), event: "custom-event".into(), text });
            });
        }
        2 => {
            channel.to(1).send("Hi, peer 1!")?;
        }
        3 => {
            channel.to(1).emit("custom-event", &("hello", "world"))?;
        }
        _ => {
            channel.to(All).send("Attention, please!")?;
            channel.to(All).emit("custom-event", &("hello", "everybody"))?;
        }
    }
    Ok(())
}

/// Sends 1, 2, 3 and so on to one peer until it is told to stop, and waits for what becomes of them.
async fn count(channel: Channel, process: usize, to: PeerId, mut commands: broadcast::Receiver<Command>) {
    let (mut sent, mut acknowledged, mut failures) = (0, 0, Vec::new());
    let mut receipts = FuturesOrdered::new();
    let mut pace = tokio::time::interval(Duration::from_millis(1));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut counting = true;
    while counting || !receipts.is_empty() {
        tokio::select! {
            biased;
            Some(outcome) = receipts.next() => match outcome {
                Ok(()) => acknowledged += 1,
                Err(error) => failures.push(format!("{error}")),
            },
            command = commands.recv() => match command {
                Ok(Command::Acknowledged { by }) if to == by => {
                    report(What::Acknowledged { to: to.get(), numbers: acknowledged });
                }
                Ok(Command::Stop) | Err(_) => counting = false,
                Ok(_) => {}
            },
            _ = pace.tick(), if counting => {
                sent += 1;
                match channel.to(to).emit("count", &(process, sent)) {
                    Ok(receipt) => receipts.push_back(receipt),
                    Err(error) => failures.push(error.to_string()),
                }
            }
        }
    }
    report(What::Settled { to: to.get(), sent, failures });
}

async fn tell(mut events: Events) {
    while let Some(event) = events.next().await {
        match event {
            Event::HostChanged { host, term } => report(What::HostChanged { host: host.get(), term: term.0 }),
            Event::Left { member, .. } => report(What::Left { id: member.id().get() }),
            Event::HandlerFailed { error, .. } | Event::Trouble { error } => report(What::Trouble(error.to_string())),
            _ => {}
        }
    }
}
