//! A process that does on a channel what it is told on its standard input, and tells what happens on its standard output.

mod answers;
mod out;
mod receiving;
mod sending;
mod telling;

use std::time::Duration;

use ipchannel::{Channel, Config, Error};
use ipchannel_testkit::protocol::{Command, Report, Seat, Settings, State};
use out::Out;
use tokio::runtime::{Builder, Handle};
use tokio::sync::{mpsc, watch};
use tokio_util::task::TaskTracker;

fn main() {
    let filter = std::env::var("RUST_LOG").ok().and_then(|filter| filter.parse().ok());
    log(filter.unwrap_or_else(|| "info".parse().expect("a level is a filter")));
    let many_threads = std::env::args().nth(1).as_deref() == Some("multi");
    let mut builder = if many_threads { Builder::new_multi_thread() } else { Builder::new_current_thread() };
    let runtime = builder.worker_threads(2).enable_all().build().expect("a runtime");
    let out = Out::start();
    let code = runtime.block_on(obey(commands(), out.clone()));
    drop(runtime);
    out.flush();
    std::process::exit(code);
}

fn log(filter: tracing_subscriber::filter::Targets) {
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    tracing_subscriber::registry().with(lines).with(filter).init();
}

/// The commands, from a thread of their own: reading the standard input blocks.
fn commands() -> mpsc::Receiver<Command> {
    let (sender, receiver) = mpsc::channel(64);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            let line = line.expect("a line of text");
            let command = serde_json::from_str(&line).unwrap_or_else(|error| panic!("not a command: {line}: {error}"));
            if sender.blocking_send(command).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Obeys until told to end, or until whoever gives the commands is gone. Returns the code to exit with.
async fn obey(mut commands: mpsc::Receiver<Command>, out: Out) -> i32 {
    let mut channel: Option<Channel> = None;
    let (reading, halted) = (watch::Sender::new(true), watch::Sender::new(0));
    let mut sendings = TaskTracker::new();
    while let Some(command) = commands.recv().await {
        match (command, channel.take()) {
            (Command::Open(settings), _) => channel = open(settings, &reading, &out),
            (Command::Close, Some(open)) => {
                let (out, sendings) = (out.clone(), std::mem::take(&mut sendings));
                // Commands go on meanwhile.
                tokio::spawn(async move {
                    let undelivered = open.close().await.len();
                    drop(open);
                    // They end with the channel; what they tell comes first.
                    sendings.close();
                    sendings.wait().await;
                    out.tell(Report::Closed { undelivered });
                });
            }
            (Command::Drop, Some(open)) => drop(open),
            (Command::Exit { code }, open) => {
                out.flush();
                // As in any program: whatever there is, is not dropped.
                std::mem::forget(open);
                std::process::exit(code);
            }
            (Command::Return, open) => {
                drop(open);
                return 0;
            }
            (Command::Send(sending), Some(open)) => {
                sending::start(&sendings, open.clone(), sending, halted.subscribe(), out.clone());
                channel = Some(open);
            }
            (Command::Halt, open) => {
                halted.send_modify(|times| *times += 1);
                channel = open;
            }
            (Command::Read { on }, open) => {
                reading.send_replace(on);
                channel = open;
            }
            (Command::Call { to, event, value, deadline_ms }, Some(open)) => {
                let deadline = Duration::from_millis(deadline_ms);
                answers::call(open.clone(), to, event, value, deadline, out.clone());
                channel = Some(open);
            }
            (Command::State, open) => {
                out.tell(Report::State(state(open.as_ref())));
                channel = open;
            }
            (command, None) => panic!("no channel is open to {command:?}"),
        }
    }
    0
}

fn open(settings: Settings, reading: &watch::Sender<bool>, out: &Out) -> Option<Channel> {
    let channel = match build(settings) {
        Ok(channel) => channel,
        Err(error) => {
            out.tell(Report::Failed { identity_held: error.is_identity_held(), error: format!("{error:?}") });
            return None;
        }
    };
    answers::install(&channel);
    tokio::spawn(telling::tell(channel.events(), out.clone()));
    tokio::spawn(receiving::receive(channel.stream("message"), reading.subscribe(), out.clone()));
    let (ready, out) = (channel.clone(), out.clone());
    tokio::spawn(async move {
        if let Err(error) = ready.ready().await
            && error.is_identity_held()
        {
            out.tell(Report::Failed { identity_held: true, error: error.to_string() });
        }
    });
    Some(channel)
}

fn build(settings: Settings) -> Result<Channel, Error> {
    let mut config = Config { directory: Some(settings.directory), ..Config::default() };
    let duration = |millis: Option<u64>, default| millis.map_or(default, Duration::from_millis);
    config.identity = settings.identity.map(ipchannel::Identity::new);
    config.identity_deadline = duration(settings.identity_deadline_ms, config.identity_deadline);
    config.idle = duration(settings.idle_ms, config.idle);
    config.close_deadline = duration(settings.close_deadline_ms, config.close_deadline);
    config.outgoing.messages = settings.outgoing.unwrap_or(config.outgoing.messages);
    config.incoming.messages = settings.incoming.unwrap_or(config.incoming.messages);
    Channel::builder(&settings.name)?.config(config).open()
}

fn state(channel: Option<&Channel>) -> State {
    let seat = |member: ipchannel::Member| Seat {
        id: member.id().get(),
        incarnation: member.peer.incarnation.0,
        endpoint: member.endpoint.to_string(),
    };
    State {
        id: channel.and_then(Channel::id).map(|id| id.get()),
        host: channel.and_then(Channel::host).map(|(id, term)| (id.get(), term.0)),
        members: channel.map(Channel::members).unwrap_or_default().into_iter().map(seat).collect(),
        tasks: Handle::current().metrics().num_alive_tasks(),
        descriptors: std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count),
    }
}
