//! `Tally`: a `Model` wrapper that sums usage and cost over distinct calls, by role.

use crate::call::{CallError, KeyedRequest, Model, Reply};
use crate::record::{CallKey, NanoUsd, RoleReport};
use crate::run::left::{Paid, Spent};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Sums what passes; a call that is asked twice counts once.
pub struct Tally {
    inner: Arc<dyn Model>,
    sums: Mutex<Sums>,
}

#[derive(Default)]
struct Sums {
    /// 8 bytes of each key: enough to tell a few million calls apart for a sum.
    seen: HashSet<u64>,
    by_role: BTreeMap<String, (RoleReport, NanoUsd)>,
    simulated: bool,
    /// Calls of walks that finished shards left.
    taken: u64,
    /// Each call, for who will leave its walks.
    kept: Option<HashMap<CallKey, Paid>>,
}

impl Sums {
    /// Whether it was not counted before.
    fn count(&mut self, key: &CallKey, role: &str, spent: &Spent) -> bool {
        let key = key.0;
        let short =
            u64::from_le_bytes([key[0], key[1], key[2], key[3], key[4], key[5], key[6], key[7]]);
        if !self.seen.insert(short) {
            return false;
        }
        self.simulated |= spent.simulated;
        if !self.by_role.contains_key(role) {
            self.by_role.insert(role.to_owned(), Default::default());
        }
        if let Some((report, cost)) = self.by_role.get_mut(role) {
            report.tokens_in += spent.usage.input;
            report.tokens_out += spent.usage.output + spent.usage.thinking;
            report.images += spent.usage.images;
            *cost += spent.cost;
        }
        true
    }
}

impl std::fmt::Debug for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tally({:?})", self.inner)
    }
}

impl Tally {
    pub fn new(inner: Arc<dyn Model>) -> Tally {
        Tally { inner, sums: Mutex::default() }
    }

    /// One that also answers `paid`.
    pub fn keeping(inner: Arc<dyn Model>) -> Tally {
        let sums = Sums { kept: Some(HashMap::new()), ..Sums::default() };
        Tally { inner, sums: Mutex::new(sums) }
    }

    /// What a call that passed has cost.
    pub fn paid(&self, key: &CallKey) -> Option<Paid> {
        self.sums.lock().kept.as_ref()?.get(key).cloned()
    }

    /// A call of a walk that a finished shard left.
    pub fn take(&self, paid: &Paid) {
        let mut sums = self.sums.lock();
        sums.taken += u64::from(sums.count(&paid.key, &paid.role, &paid.spent));
    }

    /// Distinct calls of walks that finished shards left, and that nothing else asked for before.
    pub fn taken(&self) -> u64 {
        self.sums.lock().taken
    }

    /// By role: tokens, images and cost; `made` and `replayed` are left 0.
    pub fn by_role(&self) -> BTreeMap<String, RoleReport> {
        let sums = self.sums.lock();
        sums.by_role
            .iter()
            .map(|(role, (report, cost))| {
                (role.clone(), RoleReport { cost_usd: cost.usd(), ..report.clone() })
            })
            .collect()
    }

    pub fn cost(&self) -> NanoUsd {
        let sums = self.sums.lock();
        sums.by_role.values().map(|(_, cost)| *cost).sum()
    }

    pub fn simulated(&self) -> bool {
        self.sums.lock().simulated
    }
}

#[async_trait::async_trait]
impl Model for Tally {
    async fn call(&self, request: KeyedRequest<'_>) -> Result<Reply, CallError> {
        let reply = self.inner.call(request).await?;
        let (key, role) = (request.key(), request.role());
        let spent = Spent { usage: reply.usage, cost: reply.cost, simulated: reply.simulated };
        let mut sums = self.sums.lock();
        if sums.count(&key, role, &spent)
            && let Some(kept) = &mut sums.kept
        {
            kept.insert(key, Paid { key, role: role.to_owned(), spent });
        }
        Ok(reply)
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;
    use crate::call::{
        CallError, ChatRequest, HASHED, KeyedRequest, Model, Output, Reply, Request, Sampling,
        Usage,
    };
    use crate::env::Env;
    use crate::journal::{Journal, Journaled};
    use crate::record::{Id, NanoUsd};
    use crate::stage::Cx;
    use crate::store::{Blobs, Store};
    use std::sync::Arc;
    use std::time::Duration;

    #[derive(Debug)]
    struct Yes;

    #[async_trait::async_trait]
    impl Model for Yes {
        async fn call(&self, _: KeyedRequest<'_>) -> Result<Reply, CallError> {
            Ok(Reply {
                output: Output::Text { text: "yes".into(), reasoning: String::new() },
                finish: "stop".into(),
                usage: Usage::default(),
                served: "m".into(),
                cost: NanoUsd(1),
                simulated: true,
                attempts: 1,
                latency_ms: 1,
            })
        }
    }

    #[tokio::test]
    async fn a_key_is_computed_once_a_call_bought_or_replayed() {
        let (env, store) = (Env::real(), Store::open("memory://").unwrap());
        let journal = Journal::open(env.clone(), &store, "journal", Duration::from_millis(1)).await;
        let journal = Arc::new(journal.unwrap());
        let blobs = Blobs::new(store, 0);
        let journaled = Journaled::new(env, journal, blobs, Arc::new(Yes));
        let tally = Tally::new(Arc::new(journaled));
        let request = Request::Chat(ChatRequest {
            role: "r".into(),
            model: "m".into(),
            messages: Vec::new(),
            sampling: Sampling::default(),
            schema: None,
            draw: 0,
        });
        for call in 1..=2 {
            let cx = Cx::new(&tally, 0, "stage", Id::of("a", "b", "c"));
            let (_, key) = cx.call_with_key(&request).await.unwrap();
            assert_eq!(HASHED.get(), call);
            assert_eq!(cx.into_used()[0].key, key);
        }
        assert_eq!((tally.cost(), HASHED.get()), (NanoUsd(1), 2));
    }
}
