//! A barrier at run time: the gather's memory, and the waiting records in a scratch file.

use crate::record::{Id, Prompt, Trajectory};
use crate::stage::{Gather, Ruling};
use crate::store::{Spill, SpillRef, StoreError};
use parking_lot::Mutex;
use std::collections::HashMap;

/// A waiting room. A sink is one without a gather.
pub struct Gate {
    gather: Option<Mutex<Box<dyn Gather>>>,
    spill: Spill,
    /// In arrival order; sorted before it is read.
    waiting: Mutex<Vec<(Id, SpillRef)>>,
}

impl Gate {
    pub fn new(gather: Option<Box<dyn Gather>>) -> Result<Gate, StoreError> {
        Ok(Gate { gather: gather.map(Mutex::new), spill: Spill::new()?, waiting: Mutex::default() })
    }

    /// Puts a record to wait.
    pub fn offer(&self, t: &Trajectory) -> Result<SpillRef, StoreError> {
        let bytes = serde_json::to_vec(t).map_err(damaged)?;
        let at = self.spill.push(&bytes)?;
        // The two locks are taken one after the other: between them a ruling may have no record yet,
        // which nobody sees, since `rule` is asked only when all who offer are done.
        if let Some(gather) = &self.gather {
            gather.lock().offer(t);
        }
        self.waiting.lock().push((t.prompt.id, at));
        Ok(at)
    }

    /// What waits there, as JSON.
    pub fn json(&self, at: SpillRef) -> Result<Vec<u8>, StoreError> {
        self.spill.read(at)
    }

    /// The rulings, sorted by id, each with its record's place. A record that came twice has two
    /// rulings and two places.
    pub fn rule(&self) -> Vec<(Ruling, SpillRef)> {
        let Some(gather) = &self.gather else { return Vec::new() };
        let mut rulings = gather.lock().rule();
        rulings.sort_by_key(|r| r.id);
        let mut places: HashMap<Id, Vec<SpillRef>> = HashMap::new();
        for (id, at) in self.take() {
            places.entry(id).or_default().push(at);
        }
        rulings
            .into_iter()
            .filter_map(|ruling| {
                let here = places.get_mut(&ruling.id)?;
                let index = if here.len() == 1 { 0 } else { self.meant(&ruling, here) };
                let at = here.swap_remove(index);
                Some((ruling, at))
            })
            .collect()
    }

    /// Which of several records of one id a ruling is about: the one of the outcome it names;
    /// among those the least by content, so that arrival order does not show.
    fn meant(&self, ruling: &Ruling, places: &[SpillRef]) -> usize {
        let fits = |at: SpillRef| {
            let outcome = self.read(at).ok().and_then(|t| self.with_gather(|g| g.outcome(&t)));
            outcome.flatten() == ruling.outcome
        };
        let bytes = |at: SpillRef| self.spill.read(at).unwrap_or_default();
        (0..places.len()).min_by_key(|&i| (!fits(places[i]), bytes(places[i]))).unwrap_or_default()
    }

    /// What waits, in the order of a keyed hash.
    pub fn take_keyed(&self, purpose: &str, seed: u64) -> Vec<(Id, SpillRef)> {
        let mut waiting = self.take();
        waiting.sort_by_cached_key(|(id, _)| (id.keyed(purpose, seed), *id));
        waiting
    }

    fn take(&self) -> Vec<(Id, SpillRef)> {
        std::mem::take(&mut *self.waiting.lock())
    }

    pub fn read(&self, at: SpillRef) -> Result<Trajectory, StoreError> {
        serde_json::from_slice(&self.spill.read(at)?).map_err(damaged)
    }

    /// The prompt of what waits there, which is all that is put together of it.
    pub fn prompt(&self, at: SpillRef) -> Result<Prompt, StoreError> {
        #[derive(serde::Deserialize)]
        struct Asked {
            prompt: Prompt,
        }
        let Asked { prompt } = serde_json::from_slice(&self.spill.read(at)?).map_err(damaged)?;
        Ok(prompt)
    }

    /// A record that its gather keeps, as it goes on.
    pub fn amend(&self, t: Trajectory) -> Trajectory {
        match &self.gather {
            Some(gather) => gather.lock().amend(t),
            None => t,
        }
    }

    /// With the gather, after it has ruled.
    pub fn with_gather<T>(&self, f: impl FnOnce(&dyn Gather) -> T) -> Option<T> {
        let gather = self.gather.as_ref()?;
        let gather = gather.lock();
        Some(f(gather.as_ref()))
    }
}

fn damaged(error: serde_json::Error) -> StoreError {
    StoreError::unreadable("scratch file", error)
}
