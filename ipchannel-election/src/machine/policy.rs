//! The times an election goes by.

use std::time::Duration;

/// How many ranks are told apart by their delay; all that follow wait as long as this one.
const LAST_RANK: u32 = 64;

/// The times an election goes by. All members of a channel should go by the same.
///
/// A host that freezes is deposed by the first member that has not heard of it for `limit`. Members that are late
/// themselves, by more than half a `beat`, suspect themselves and not the host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Policy {
    /// How often the host says that it still hosts. Not zero.
    pub beat: Duration,
    /// How long the host may be silent before it is deposed: at least two beats, better three, since a single beat may be
    /// lost with its connection. The last third of it is the time that a fresh dial has to show that the host is alive.
    pub limit: Duration,
    /// When the claim is free, or the host is to be deposed, how much longer each member waits than the one before it
    /// in rank, so that not all of them try at once. The 64 first ranks are told apart.
    pub stagger: Duration,
}

impl Default for Policy {
    /// A beat every second, a limit of three, and a millisecond between ranks.
    fn default() -> Self {
        Policy { beat: Duration::from_secs(1), limit: Duration::from_secs(3), stagger: Duration::from_millis(1) }
    }
}

impl Policy {
    /// What a fresh dial has to be answered in.
    pub(super) fn patience(&self) -> Duration {
        self.limit / 3
    }

    /// The silence after which the host is suspected.
    pub(super) fn suspicion(&self) -> Duration {
        self.limit - self.patience()
    }

    /// How late a timer may be before it says something about our own process.
    pub(super) fn lateness(&self) -> Duration {
        self.beat / 2
    }

    /// How often a member that suspects the host makes sure that it is not itself that stands still.
    pub(super) fn tick(&self) -> Duration {
        self.beat / 10
    }

    /// How long to wait before a try to host, after so many that were lost in a row.
    pub(super) fn delay(&self, rank: u32, losses: u32) -> Duration {
        let turn = self.stagger * rank.min(LAST_RANK);
        match losses {
            0 => turn,
            losses => turn + self.pause(losses - 1),
        }
    }

    /// The pause before the next of a series: doubles each time, up to a beat.
    pub(super) fn pause(&self, times: u32) -> Duration {
        let first = self.stagger.max(Duration::from_millis(1));
        first.saturating_mul(1 << times.min(20)).min(self.beat)
    }
}
