//! Claims within one process: the same contract without files, and deterministic.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipchannel_core::Member;

use super::{Claim, ClaimError, Claims, Held, Liveness, Name, Standing, Taken, rule};

/// The claims of one channel whose processes are simulated. Clones share them.
///
/// Nothing in it depends on a clock or on chance: the same calls give the same numbers, the first of which is 1.
#[derive(Clone)]
pub struct Universe(Arc<Mutex<State>>);

/// The claims of a [`Universe`] as one simulated process sees them. Clones are the same process.
#[derive(Clone)]
pub struct MemoryClaims {
    universe: Universe,
    process: u64,
}

struct State {
    born: u64,
    /// Above every number that was ever given.
    fresh: u64,
    processes: u64,
    /// What lives and what a forked child keeps, by process. Whoever is in neither has crashed.
    alive: BTreeSet<u64>,
    forked: BTreeSet<u64>,
    claims: BTreeMap<(Name, u64), Entry>,
}

struct Entry {
    holder: Member,
    process: u64,
    /// Tells a claim from another that came to the same name and number after a wipe.
    key: Arc<()>,
    released: bool,
}

impl Universe {
    /// A channel that nobody has claimed anything of.
    pub fn new() -> Self {
        Universe::default()
    }

    /// A new process.
    pub fn process(&self) -> MemoryClaims {
        let mut state = self.state();
        state.processes += 1;
        let process = state.processes;
        state.alive.insert(process);
        MemoryClaims { universe: self.clone(), process }
    }

    /// Loses everything, as when a directory is deleted: who holds a claim finds it [gone](Standing::Gone).
    pub fn wipe(&self) {
        let mut state = self.state();
        state.claims.clear();
        state.born = state.fresh;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Universe {
    fn default() -> Self {
        Universe(Arc::new(Mutex::new(State {
            born: 1,
            fresh: 1,
            processes: 0,
            alive: BTreeSet::new(),
            forked: BTreeSet::new(),
            claims: BTreeMap::new(),
        })))
    }
}

impl MemoryClaims {
    /// The process ends without a word: its claims are free. What it does afterwards has no effect.
    pub fn crash(&self) {
        let mut state = self.universe.state();
        state.alive.remove(&self.process);
        state.forked.remove(&self.process);
    }

    /// The process ends and leaves a forked child: its claims are [orphaned](Liveness::Orphaned).
    pub fn orphan(&self) {
        let mut state = self.universe.state();
        state.alive.remove(&self.process);
        state.forked.insert(self.process);
    }
}

impl State {
    fn liveness(&self, name: Name, number: u64) -> Liveness {
        match self.claims.get(&(name, number)) {
            Some(entry) if entry.released => Liveness::Free,
            Some(entry) if self.alive.contains(&entry.process) => Liveness::Held,
            Some(entry) if self.forked.contains(&entry.process) => Liveness::Orphaned,
            _ => Liveness::Free,
        }
    }

    fn numbers(&self, name: Name) -> Vec<u64> {
        self.claims.range((name, 0)..=(name, u64::MAX)).map(|((_, number), _)| *number).collect()
    }

    fn names(&self) -> BTreeSet<Name> {
        self.claims.keys().map(|(name, _)| *name).collect()
    }

    fn counting(&self, name: Name) -> Option<u64> {
        let is_held = |number| Ok::<_, Infallible>(self.liveness(name, number).is_held());
        let Ok(number) = rule::counting(name, self.born, &self.numbers(name), is_held);
        number
    }

    fn look(&self, name: Name) -> Option<Claim> {
        let number = self.counting(name)?;
        let holder = self.claims.get(&(name, number))?.holder.clone();
        Some(Claim { name, number, holder, liveness: self.liveness(name, number) })
    }

    fn publish(&mut self, name: Name, number: u64, process: u64, holder: Member) -> Arc<()> {
        let key = Arc::new(());
        self.fresh = self.fresh.max(number.saturating_add(1));
        self.claims.insert((name, number), Entry { holder, process, key: key.clone(), released: false });
        key
    }
}

impl Claims for MemoryClaims {
    fn look(&self, name: Name) -> Result<Option<Claim>, ClaimError> {
        Ok(self.universe.state().look(name))
    }

    fn look_all(&self) -> Result<Vec<Claim>, ClaimError> {
        let state = self.universe.state();
        Ok(state.names().into_iter().filter_map(|name| state.look(name)).collect())
    }

    fn take(&self, name: Name, depose: Option<u64>, holder: &dyn Fn(u64) -> Member) -> Result<Taken, ClaimError> {
        let mut state = self.universe.state();
        let deposed = depose.filter(|_| name == Name::Host);
        let refused = state.look(name).is_some_and(|claim| claim.liveness.is_held() && deposed != Some(claim.number));
        if refused || !state.alive.contains(&self.process) {
            return Ok(Taken::Lost);
        }
        let number = rule::next(state.born, &state.numbers(name));
        let key = state.publish(name, number, self.process, holder(number));
        Ok(Taken::Won(Box::new(MemoryHeld { claims: self.clone(), name, number, key })))
    }

    fn sweep(&self) -> Result<(), ClaimError> {
        let mut state = self.universe.state();
        for name in state.names() {
            for number in rule::stale(&state.numbers(name)) {
                if !state.liveness(name, number).is_held() {
                    state.claims.remove(&(name, number));
                }
            }
        }
        Ok(())
    }
}

struct MemoryHeld {
    claims: MemoryClaims,
    name: Name,
    number: u64,
    key: Arc<()>,
}

impl MemoryHeld {
    fn release(&self, state: &mut State) {
        if let Some(entry) = state.claims.get_mut(&(self.name, self.number))
            && Arc::ptr_eq(&entry.key, &self.key)
        {
            entry.released = true;
        }
    }

    fn standing_in(&self, state: &State) -> Standing {
        match state.claims.get(&(self.name, self.number)) {
            Some(entry) if Arc::ptr_eq(&entry.key, &self.key) => {
                rule::standing(self.number, state.counting(self.name), &state.numbers(self.name))
            }
            _ => Standing::Gone,
        }
    }
}

impl Held for MemoryHeld {
    fn name(&self) -> Name {
        self.name
    }

    fn number(&self) -> u64 {
        self.number
    }

    fn standing(&self) -> Result<Standing, ClaimError> {
        Ok(self.standing_in(&self.claims.universe.state()))
    }

    fn restore(&mut self, holder: &Member) -> Result<Standing, ClaimError> {
        let universe = self.claims.universe.clone();
        let mut state = universe.state();
        if self.standing_in(&state) == Standing::Gone {
            if state.claims.contains_key(&(self.name, self.number)) {
                return Ok(Standing::Superseded(self.number));
            }
            self.key = state.publish(self.name, self.number, self.claims.process, holder.clone());
        }
        Ok(self.standing_in(&state))
    }

    fn renew(&mut self, holder: &dyn Fn(u64) -> Member) -> Result<Standing, ClaimError> {
        let universe = self.claims.universe.clone();
        let mut state = universe.state();
        let standing = self.standing_in(&state);
        if !matches!(standing, Standing::Intact | Standing::Contested(_)) {
            return Ok(standing);
        }
        let number = rule::next(state.born, &state.numbers(self.name));
        let key = state.publish(self.name, number, self.claims.process, holder(number));
        self.release(&mut state);
        (self.number, self.key) = (number, key);
        Ok(self.standing_in(&state))
    }
}

impl Drop for MemoryHeld {
    fn drop(&mut self) {
        let universe = self.claims.universe.clone();
        self.release(&mut universe.state());
    }
}

impl fmt::Debug for MemoryHeld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryHeld({}.{})", self.name, self.number)
    }
}

impl fmt::Debug for Universe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Universe").finish_non_exhaustive()
    }
}

impl fmt::Debug for MemoryClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryClaims(process {})", self.process)
    }
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
