//! `Tally`: a `Model` wrapper that sums usage and cost over distinct calls, by role.

use crate::call::{CallError, Model, Reply, Request};
use crate::record::{NanoUsd, RoleReport};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashSet};
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
    async fn call(&self, request: &Request) -> Result<Reply, CallError> {
        let reply = self.inner.call(request).await?;
        let key = request.key().0;
        let short =
            u64::from_le_bytes([key[0], key[1], key[2], key[3], key[4], key[5], key[6], key[7]]);
        let mut sums = self.sums.lock();
        if sums.seen.insert(short) {
            sums.simulated |= reply.simulated;
            if !sums.by_role.contains_key(request.role()) {
                sums.by_role.insert(request.role().to_owned(), Default::default());
            }
            if let Some((report, cost)) = sums.by_role.get_mut(request.role()) {
                report.tokens_in += reply.usage.input;
                report.tokens_out += reply.usage.output + reply.usage.thinking;
                report.images += reply.usage.images;
                *cost += reply.cost;
            }
        }
        Ok(reply)
    }
}
