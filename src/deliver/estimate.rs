//! What a dataset will take, learned from a RUN: which of its records were kept, and what each used.
//! The arithmetic of intervals is `call::estimate`'s.

use crate::archive::{self, ArchiveError, Columns, Reading, RunDir};
use crate::audit::HashedMap;
use crate::call::Usage;
use crate::call::endpoints::Endpoints;
use crate::call::estimate::{self, Estimate, Pace, Sample, Use};
use crate::deliver::DeliverError;
use crate::journal::{Bought, BoughtReply, BoughtRequest, ReadJournal, Short, short};
use crate::plan::Manifest;
use crate::record::{CallKey, Disposition, Id, NanoUsd};
use crate::rules::evidence::logit;
use crate::stage::{Does, Kinds};
use crate::store::Store;
use std::collections::{BTreeMap, HashSet};

/// An estimate, and what it rests on.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Outlook {
    /// It rests on replies of the simulated world.
    pub simulated: bool,
    /// What another purity than the RUN's makes of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purity: Option<Dearer>,
    #[serde(flatten)]
    pub estimate: Estimate,
}

/// Another purity than the RUN's: the looks that a verdict takes grow with the log-odds it must reach.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Dearer {
    pub wanted: f64,
    /// The stages' own; of several, the lowest.
    pub of_run: f64,
    /// Calls of the dataset by those that the RUN's own purity takes.
    pub calls: f64,
}

/// What `target` trajectories will take, by what the records of the RUN at `uri` took.
///
/// `endpoints` say what a role's tokens and pictures cost (else: what they did cost) and how many calls
/// may be in flight; a role that is not in them, or has no bound there, has `in_flight`.
///
/// # Errors
/// `NothingKept` where no record of the RUN came to its end.
pub async fn estimate(
    uri: &str,
    target: u64,
    endpoints: Option<&Endpoints>,
    in_flight: u64,
    purity: Option<f64>,
) -> Result<Outlook, DeliverError> {
    let looks = match purity {
        Some(_) => looks(uri).await?,
        None => Looks::default(),
    };
    let dearer = |wanted: f64| looks.purity.map(|of_run| logit(wanted) / logit(of_run));
    let factor = purity.and_then(dearer).unwrap_or(1.0);
    let (samples, simulated, calls) = samples(uri, endpoints, &looks.calls, factor).await?;
    let purity = purity.zip(looks.purity).map(|(wanted, of_run)| Dearer { wanted, of_run, calls });
    let pace = |role: &str| pace(endpoints, role, in_flight);
    match estimate::estimate(&samples, target, &pace) {
        Some(estimate) => Ok(Outlook { simulated, purity, estimate }),
        None => Err(DeliverError::NothingKept { place: uri.to_owned(), records: samples.len() }),
    }
}

/// How fast `role` can be asked, by the bounds of its endpoint; `in_flight` where it states none.
pub fn pace(endpoints: Option<&Endpoints>, role: &str, in_flight: u64) -> Pace {
    match endpoints.and_then(|endpoints| endpoints.get(role)) {
        None => Pace { endpoint: role.to_owned(), slots: in_flight, ..Pace::default() },
        Some(endpoint) => Pace {
            endpoint: endpoint.role.clone(),
            slots: endpoint.max_in_flight.map_or(in_flight, |n| n as u64),
            rpm: endpoint.rpm.map(u64::from),
            tpm: endpoint.tpm,
        },
    }
}

/// The calls of a RUN that were looks, and the purity that they were bought for.
#[derive(Default)]
struct Looks {
    calls: HashSet<CallKey>,
    purity: Option<f64>,
}

async fn looks(uri: &str) -> Result<Looks, DeliverError> {
    let manifest = archive::manifest(&Store::open(uri)?).await?;
    let given = |params: &BTreeMap<String, String>| {
        let looks = params.get("judge").is_some_and(|judges| judges != "[]");
        let purity = params.get("purity").and_then(|p| p.parse().ok());
        looks.then(|| purity.unwrap_or(crate::stage::PURE))
    };
    let purities = manifest.stages.iter().filter_map(|stage| given(&stage.params));
    let purity = purities.reduce(f64::min);
    let mut calls = HashSet::new();
    let run = RunDir::open(uri).await?;
    run.every(&mut |row| {
        let looks = row.evidence.votes.iter().filter(|vote| vote.ask.starts_with("look_"));
        calls.extend(looks.filter_map(|vote| vote.call));
    })
    .await?;
    Ok(Looks { calls, purity })
}

/// One sample a prompt of the RUN, whether its replies are simulated, and by how much its calls grow
/// if looks become `factor` times as many.
async fn samples(
    uri: &str,
    endpoints: Option<&Endpoints>,
    looks: &HashSet<CallKey>,
    factor: f64,
) -> Result<(Vec<Sample>, bool, f64), DeliverError> {
    // Says that there is no RUN before it looks for one's rows.
    let last = arrival(&archive::manifest(&Store::open(uri)?).await?);
    let run = RunDir::open(uri).await?;
    let (mut buyers, mut numbers) = (Buyers::default(), BTreeMap::<Id, usize>::new());
    let mut samples: Vec<Sample> = Vec::new();
    let mut count = |rows: Columns| {
        for (row, id) in rows.ids.iter().enumerate() {
            let number = *numbers.entry(*id).or_insert_with(|| {
                samples.push(Sample::default());
                samples.len() - 1
            });
            if rows.stage == last {
                samples[number].kept |= rows.disposition[row] != Disposition::Failed;
            }
            buyers.add(number, rows.calls.get(row));
        }
    };
    // An estimate from a part of a RUN would be taken for one from all of it.
    run.each_table(Reading::Prompts, &mut count).await?.whole()?;
    let mut all = (0.0, 0.0);
    let simulated = buyers
        .tell(run.journal().await?, endpoints, &mut |number, key, role, used| {
            let times = if looks.contains(key) { factor } else { 1.0 };
            all = (all.0 + 1.0, all.1 + times);
            add(&mut samples[number].used, role, used.times(times));
        })
        .await?;
    let samples = numbers.into_values().map(|number| std::mem::take(&mut samples[number]));
    Ok((samples.collect(), simulated, all.1 / f64::max(all.0, 1.0)))
}

/// Who used each call of a RUN, by a number of the caller's. A call that several share was bought once,
/// and the first pays.
#[derive(Default)]
pub(super) struct Buyers(HashedMap<Short, u32>);

impl Buyers {
    pub fn add(&mut self, buyer: usize, calls: &[CallKey]) {
        for call in calls {
            self.0.entry(short(call)).or_insert(buyer as u32);
        }
    }

    /// The RUN's journal, as far as the calls of `some` buyers go.
    pub async fn journal(
        &self,
        run: &RunDir,
        some: &dyn Fn(usize) -> bool,
    ) -> Result<ReadJournal, ArchiveError> {
        let theirs = self.0.iter().filter(|(_, buyer)| some(**buyer as usize));
        run.journal_of_short(theirs.map(|(key, _)| *key)).await
    }

    /// Gives `each` every call of `journal` that has a buyer, with its role and what it used; money by the prices
    /// of `endpoints` where these know them. Whether some reply of the journal is simulated.
    pub async fn tell(
        mut self,
        journal: ReadJournal,
        endpoints: Option<&Endpoints>,
        each: &mut (dyn FnMut(usize, &CallKey, &str, Use) + Send),
    ) -> Result<bool, DeliverError> {
        let mut simulated = false;
        let mut hear = |bought: Bought, again| {
            let BoughtReply { usage, cost, latency_ms, simulated: by_world } = bought.reply;
            simulated |= by_world;
            if again {
                return;
            }
            let Some(buyer) = self.0.remove(&short(&bought.key)) else { return };
            let mut used = Use::of(&usage, cost, latency_ms);
            if let Some(cost) = repriced(endpoints, &bought.request, &usage) {
                used.cost = cost.usd();
            }
            each(buyer as usize, &bought.key, &bought.request.role, used);
        };
        journal.scan_bought(&mut hear).await?;
        Ok(simulated)
    }
}

/// Adds to what a role used.
pub(super) fn add(roles: &mut BTreeMap<String, Use>, role: &str, used: Use) {
    match roles.get_mut(role) {
        Some(known) => *known += used,
        None => {
            roles.insert(role.to_owned(), used);
        }
    }
}

/// What a call would cost by the prices that `endpoints` know for its role.
fn repriced(
    endpoints: Option<&Endpoints>,
    request: &BoughtRequest,
    usage: &Usage,
) -> Option<NanoUsd> {
    let endpoint = endpoints?.get(&request.role)?;
    let prices = endpoint.known_prices(endpoint.wire_model(&request.model))?;
    Some(prices.cost(usage))
}

/// The stage whose arrivals are finished trajectories: the one that balances, else the last.
fn arrival(manifest: &Manifest) -> String {
    let does = |kind: &str| Kinds::default().get(kind).map(|kind| kind.does);
    let balance = manifest.stages.iter().find(|stage| does(&stage.kind) == Some(Does::Quota));
    balance.or(manifest.stages.last()).map(|stage| stage.name.clone()).unwrap_or_default()
}
