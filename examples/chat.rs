//! A chat between terminals: `cargo run --example chat -- room name`.
//!
//! The name is an identity: it is unique in the room, and whoever crashes and comes back has the same id again.

use std::time::Duration;

use ipchannel::{Channel, Config, Event, Identity, Member, Others, PeerId, Presence, Receipt};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

/// What is said to one or to all.
#[derive(Serialize, Deserialize)]
struct Line {
    text: String,
    private: bool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(room), Some(name), None) = (args.next(), args.next(), args.next()) else {
        return Err("usage: chat <room> <name>".into());
    };
    let identity = Some(Identity::new(name));
    let config = Config { identity, identity_deadline: Duration::from_secs(1), ..Config::default() };
    let channel = Channel::builder(&room)?.config(config).open()?;
    let mut chat = Chat { events: channel.events(), members: Vec::new(), channel };
    let id = chat.channel.ready().await?;
    chat.members = chat.channel.members();
    println!("* you are {id}; /who, /to <id> <text>, /quit");
    chat.who();
    chat.run().await;

    let left = chat.channel.close().await.len();
    println!("* you left{}", if left > 0 { format!(", and {left} messages did not arrive") } else { String::new() });
    Ok(())
}

struct Chat {
    channel: Channel,
    events: ipchannel::Events,
    /// Who is here, as the events told: so that who left still has a name.
    members: Vec<Member>,
}

impl Chat {
    /// Goes on until `/quit`, Ctrl-C, the end of the input, or the end of the channel.
    async fn run(&mut self) {
        let (mut typed, mut lines) = (typed_lines(), self.channel.stream::<Line>("line"));
        let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
        loop {
            tokio::select! {
                biased;
                _ = &mut interrupted => return,
                line = typed.recv() => match line.as_deref().map(str::trim) {
                    None | Some("/quit") => return,
                    Some(line) => self.command(line),
                },
                Some((from, line)) = lines.next() => {
                    let private = if line.private { " to you" } else { "" };
                    println!("{}{private}: {}", self.name(from.peer.map(|peer| peer.id)), line.text);
                }
                event = self.events.next() => match event {
                    None => return,
                    Some(event) => self.tell(event),
                },
            }
        }
    }

    fn command(&self, line: &str) {
        let sent = match line.split_once(' ') {
            _ if line.is_empty() => return,
            _ if line == "/who" => return self.who(),
            Some(("/to", rest)) => match rest.split_once(' ').map(|(id, text)| (id.parse::<u32>(), text)) {
                Some((Ok(id), text)) => self.whisper(id, text),
                _ => return println!("* /to <id> <text>"),
            },
            _ if line.starts_with('/') => return println!("* /who, /to <id> <text>, /quit"),
            // Whoever does not get it has left: the events tell that.
            _ => self.channel.to(Others).emit("line", &Line { text: line.to_owned(), private: false }).map(drop),
        };
        if let Err(error) = sent {
            println!("* not sent: {error}");
        }
    }

    fn whisper(&self, to: u32, text: &str) -> Result<(), ipchannel::Error> {
        let receipt = self.channel.to(to).emit("line", &Line { text: text.to_owned(), private: true })?;
        tokio::spawn(tell_failure(to, receipt));
        Ok(())
    }

    fn who(&self) {
        let host = self.channel.host().map(|(id, _)| id);
        for member in &self.members {
            let mark = if host == Some(member.id()) { " (host)" } else { "" };
            println!("* {}{mark}", label(member));
        }
    }

    fn tell(&mut self, event: Event) {
        match event {
            Event::Joined(member) if !self.members.contains(&member) => {
                println!("* {} joined", label(&member));
                self.members.push(member);
                self.members.sort_by_key(Member::id);
            }
            Event::Left { member, presence } => {
                let how = if presence == Presence::Left { "left" } else { "is gone" };
                println!("* {} {how}", label(&member));
                self.members.retain(|known| known.peer != member.peer);
            }
            Event::HostChanged { host, .. } => println!("* {} hosts", self.name(Some(host))),
            Event::Disconnected { reason } => println!("* disconnected: {reason:?}"),
            Event::Trouble { error } => println!("* trouble: {error}"),
            _ => {}
        }
    }

    fn name(&self, id: Option<PeerId>) -> String {
        let known = self.members.iter().find(|member| Some(member.id()) == id);
        known.map(label).unwrap_or_else(|| id.map_or("a guest".into(), |id| id.to_string()))
    }
}

fn label(member: &Member) -> String {
    let name = member.identity.as_ref().map_or("somebody", Identity::as_str);
    format!("{name} [{}]", member.id())
}

async fn tell_failure(to: u32, receipt: Receipt) {
    if let Err(error) = receipt.await {
        println!("* {to} did not get it: {error}");
    }
}

/// What is typed. In a thread, since nothing can take back a read from a terminal: the program ends without it.
fn typed_lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
