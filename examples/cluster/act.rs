//! The play.

use std::error::Error;

use crate::history::Process;
use crate::report::{Command, Micros, now};
use crate::stage::Stage;
use crate::timeline::{Timeline, list};
use crate::verdict::{Cast, Verdict};

/// So many numbers each must have from each other before the play goes on.
const ENOUGH: usize = 600;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

struct Play {
    stage: Stage,
    timeline: Timeline,
}

/// `Ok(false)`: something happened that should not.
pub(crate) async fn play() -> Result<bool> {
    let timeline = Timeline::begin("Four processes, one channel, no server");
    let mut play = Play { stage: Stage::new()?, timeline };
    let all = play.begin().await?;
    play.talk(&all).await?;
    play.count(&all).await?;

    let host = play.stage.history[0].host();
    let dead = all.iter().copied().find(|process| play.stage.history[*process].id == host).ok_or("nobody hosts")?;
    let survivors: Vec<usize> = all.into_iter().filter(|process| *process != dead).collect();
    let killed = play.kill(dead, &survivors).await?;
    play.go_on_without(dead, &survivors, killed).await?;
    let back = play.restart(&survivors).await?;
    let end = play.end(&survivors, back).await?;
    Ok(Verdict::of(&play.stage.history, &Cast { dead, back, survivors, end }).tell())
}

impl Play {
    async fn begin(&mut self) -> Result<Vec<usize>> {
        let all = (0..4).map(|_| self.stage.start()).collect::<Result<Vec<usize>>>()?;
        let pids = self.stage.history.iter().map(|process| process.pid);
        self.timeline.now("start", format!("four processes, pids {}", list(pids)));
        self.stage.until("four to connect", |history| history.iter().all(Process::is_connected)).await?;
        let since = self.stage.history.iter().map(|process| process.connected).max().unwrap_or_default();
        self.timeline.at(since, "connected", format!("ids {}; {} hosts", self.ids(&all), self.host(&all)));
        Ok(all)
    }

    /// What the four say by their ids.
    async fn talk(&mut self, all: &[usize]) -> Result<()> {
        self.tell(all, Command::Play).await?;
        let heard = |history: &[Process]| history.iter().map(|process| process.heard.len()).sum::<usize>();
        self.stage.until("the four to talk", |history| heard(history) >= 7).await?;
        let by_id =
            |process: &Process| process.heard.iter().map(|heard| (heard.clone(), process.id)).collect::<Vec<_>>();
        let mut heard: Vec<_> = self.stage.history.iter().flat_map(by_id).collect();
        heard.sort_unstable();
        for ((at, [from, event, text]), id) in heard {
            self.timeline.at(at, "heard", format!("{from} to {}   {event:<14}\"{text}\"", list(id)));
        }
        Ok(())
    }

    async fn count(&mut self, all: &[usize]) -> Result<()> {
        self.tell(all, Command::Count).await?;
        self.timeline.now("count", "each sends a number to each other, one per millisecond");
        self.stage.until("numbers", |history| exchanged(history, all, 0)).await
    }

    async fn kill(&mut self, dead: usize, survivors: &[usize]) -> Result<Micros> {
        let Process { pid, id, .. } = self.stage.history[dead];
        let killed = self.stage.kill(dead).await?;
        self.timeline.at(killed, "kill -9", format!("{}, the host, in mid-conversation (pid {pid})", list(id)));
        let knows = |process: &Process| process.host() != id && process.left.iter().any(|left| Some(*left) == id);
        self.stage.until("a new host", |history| survivors.iter().all(|p| knows(&history[*p]))).await?;
        let hosts = survivors.iter().filter_map(|process| self.stage.history[*process].hosts.last());
        let (since, host, _) = *hosts.min().ok_or("nobody hosts")?;
        let after = millis(since.saturating_sub(killed));
        self.timeline.at(since, "new host", format!("{host}, {after:.1} ms after the kill"));
        Ok(killed)
    }

    async fn go_on_without(&mut self, dead: usize, survivors: &[usize], killed: Micros) -> Result<()> {
        self.stage.until("the others to go on", |history| exchanged(history, survivors, killed)).await?;
        let (ids, pause) = (self.ids(survivors), millis(longest_pause(&self.stage.history, survivors, killed)));
        let text = format!("{ids} went on under their ids; the longest pause between two numbers was {pause:.1} ms");
        self.timeline.now("count", text);

        let id = self.stage.history[dead].id.ok_or("it had no id")?;
        self.tell(survivors, Command::Acknowledged { by: id }).await?;
        let told = |process: &Process| process.acknowledged.contains_key(&id);
        let what = "what the dead had acknowledged";
        self.stage.until(what, |history| survivors.iter().all(|p| told(&history[*p]))).await
    }

    async fn restart(&mut self, survivors: &[usize]) -> Result<usize> {
        let back = self.stage.start()?;
        self.timeline.now("restart", format!("the same program as pid {}", self.stage.history[back].pid));
        self.stage.until("the dead to be back", |history| history[back].is_connected()).await?;
        let Process { id, connected, .. } = self.stage.history[back];
        self.timeline.at(connected, "connected", format!("id {}; {} hosts", list(id), self.host(&[back])));

        let heard = |history: &[Process], from: &usize| history[back].from(*from).first().copied();
        self.stage.until("what waited for it", |history| survivors.iter().all(|p| heard(history, p).is_some())).await?;
        let first = survivors.iter().filter_map(|p| heard(&self.stage.history, p)).map(|counted| counted.number);
        self.timeline.now("count", format!("it goes on where its first life stopped: at {}", list(first)));

        self.stage.tell(back, Command::Count).await?;
        let all = [survivors, &[back]].concat();
        self.stage.until("all four to go on", |history| exchanged(history, &all, connected)).await?;
        self.timeline.now("count", format!("{} are complete again", self.ids(&all)));
        Ok(back)
    }

    /// Gives the moment up to which all was as usual: then one after the other leaves, the host among them.
    async fn end(&mut self, survivors: &[usize], back: usize) -> Result<Micros> {
        let all = [survivors, &[back]].concat();
        self.tell(&all, Command::Stop).await?;
        let settled = |process: &Process| process.sent.len() == 3;
        self.stage.until("all to be settled", |history| all.iter().all(|p| settled(&history[*p]))).await?;
        let end = now();
        self.tell(&all, Command::Close).await?;
        self.stage.until("all to end", |history| history.iter().all(|process| process.ended)).await?;
        self.timeline.now("close", "all have left the channel, and ended by themselves");
        Ok(end)
    }

    async fn tell(&mut self, processes: &[usize], command: Command) -> Result<()> {
        for process in processes {
            self.stage.tell(*process, command).await?;
        }
        Ok(())
    }

    fn ids(&self, processes: &[usize]) -> String {
        let mut ids: Vec<u32> = processes.iter().filter_map(|process| self.stage.history[*process].id).collect();
        ids.sort_unstable();
        list(ids)
    }

    fn host(&self, processes: &[usize]) -> String {
        let mut hosts: Vec<u32> = processes.iter().filter_map(|process| self.stage.history[*process].host()).collect();
        hosts.sort_unstable();
        hosts.dedup();
        list(hosts)
    }
}

/// Whether each of these has enough numbers from each other since then.
fn exchanged(history: &[Process], processes: &[usize], since: Micros) -> bool {
    pairs(processes).all(|(from, to)| history[to].count_since(from, since) >= ENOUGH)
}

/// The longest time in which one of these had nothing from another, around the kill.
fn longest_pause(history: &[Process], processes: &[usize], killed: Micros) -> Micros {
    let around = killed.saturating_sub(50_000)..killed + 300_000;
    let pause = |(from, to): (usize, usize)| {
        let times: Vec<Micros> = history[to].from(from).iter().map(|c| c.at).filter(|at| around.contains(at)).collect();
        times.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).max().unwrap_or_default()
    };
    pairs(processes).map(pause).max().unwrap_or_default()
}

/// Each of these with each other.
pub(crate) fn pairs(processes: &[usize]) -> impl Iterator<Item = (usize, usize)> + '_ {
    processes.iter().flat_map(|from| processes.iter().map(|to| (*from, *to))).filter(|(from, to)| from != to)
}

fn millis(micros: Micros) -> f64 {
    micros as f64 / 1000.0
}
