//! What a run would buy that is not in the journal yet: stage by stage, calls, tokens, pictures, dollars
//! and hours.
//!
//! The pipeline is run on the journal alone (`rebuild`): a record that asks for a call which is not there
//! ends at that stage, and so each stage has a number of records with unbought work. From there they are
//! sent on by the shares that stages passed before (`History`: of this RUN, of a pilot, or as the user
//! says), each with the calls that a record used there before.

use crate::archive::{self, ArchiveError, Columns, Reading, RunDir};
use crate::call::endpoints::Endpoints;
use crate::call::estimate::{Pace, Use};
use crate::call::{Prices, Usage};
use crate::deliver::DeliverError;
use crate::deliver::estimate::{Buyers, add};
use crate::deliver::rebuild::rebuild;
use crate::env::Env;
use crate::plan::{Manifest, ManifestStage, Plan};
use crate::record::{CallKey, Disposition, Report};
use crate::stage::{Kind, Ty};
use crate::store::Store;
use std::collections::{BTreeMap, BTreeSet};

/// What stages did with their records before.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Where it is from, for people; empty: nowhere.
    pub from: String,
    stages: BTreeMap<String, Past>,
    /// Shares that the user gave: of a stage's records, those that go on.
    shares: BTreeMap<String, f64>,
    /// What roles cost, for calls whose size is assumed.
    prices: BTreeMap<String, Prices>,
    simulated: bool,
}

/// One stage's past.
#[derive(Debug, Clone, Default)]
struct Past {
    entered: f64,
    /// Records that left by each port.
    ports: BTreeMap<String, f64>,
    /// All its records used, by role.
    used: BTreeMap<String, Use>,
}

impl Past {
    /// But for what its calls used.
    fn of(rows: &Columns) -> Past {
        let mut past = Past { entered: rows.len() as f64, ..Past::default() };
        for row in 0..rows.len() {
            if rows.disposition[row] == Disposition::Passed {
                let port = rows.names.get(rows.port[row]).to_owned();
                *past.ports.entry(port).or_default() += 1.0;
            }
        }
        past
    }
}

/// Work that is not bought yet.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Forecast {
    /// In the pipeline's order; those with nothing to buy are left out.
    pub stages: Vec<StageForecast>,
    pub calls: f64,
    pub tokens_in: f64,
    pub tokens_out: f64,
    pub pictures: f64,
    pub dollars: f64,
    /// By role, for the hours and for whoever reserves machines.
    pub roles: BTreeMap<String, RoleForecast>,
    /// Where shares and sizes are from: a RUN's address, or empty where nothing was known.
    pub from: String,
    /// Stages whose shares or sizes were assumed.
    pub assumed: Vec<String>,
    /// What it rests on came from the simulated world.
    pub simulated: bool,
}

#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct StageForecast {
    pub stage: String,
    /// Records with work to buy here.
    pub records: f64,
    pub calls: f64,
    pub tokens_in: f64,
    pub tokens_out: f64,
    pub pictures: f64,
    pub dollars: f64,
}

#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct RoleForecast {
    pub calls: f64,
    pub tokens: f64,
    /// Seconds of a slot.
    pub busy: f64,
}

impl Forecast {
    /// Hours of the slowest endpoint; all work at the same time.
    pub fn hours(&self, pace: &dyn Fn(&str) -> Pace) -> f64 {
        let mut by_endpoint: BTreeMap<String, f64> = BTreeMap::new();
        for (role, used) in &self.roles {
            let Pace { endpoint, slots, rpm, tpm } = pace(role);
            let by_slots = used.busy / slots.max(1) as f64 / 3600.0;
            let a_minute =
                |n: f64, most: Option<u64>| most.map_or(0.0, |m| n / m.max(1) as f64 / 60.0);
            let hours = by_slots.max(a_minute(used.calls, rpm)).max(a_minute(used.tokens, tpm));
            *by_endpoint.entry(endpoint).or_default() += hours;
        }
        by_endpoint.into_values().fold(0.0, f64::max)
    }

    /// Nothing is to be bought.
    pub fn is_nothing(&self) -> bool {
        self.calls < 0.5
    }
}

impl History {
    /// Shares that the user gives over whatever is known: stage -> share of its records that go on.
    pub fn with_shares(mut self, shares: &[(String, f64)]) -> History {
        self.shares.extend(shares.iter().cloned());
        self
    }

    /// With the prices that `endpoints` know of the plan's roles.
    pub fn priced(mut self, endpoints: Option<&Endpoints>, plan: &Plan) -> History {
        for role in plan.roles_used() {
            let endpoint = endpoints.and_then(|endpoints| endpoints.get(&role.name));
            let prices = endpoint.and_then(|e| e.known_prices(e.wire_model(&role.model)));
            self.prices.extend(prices.map(|prices| (role.name.clone(), prices)));
        }
        self
    }

    /// Of the RUN that is named by `like`, else of the one at `out`, as far as there is one.
    pub async fn learned(
        like: Option<&str>,
        out: &str,
        endpoints: Option<&Endpoints>,
    ) -> Result<History, DeliverError> {
        match RunDir::open(like.unwrap_or(out)).await {
            Ok(run) => History::of(&run, endpoints, None).await,
            Err(error) if like.is_some() => Err(error.into()),
            // A new RUN: there is nothing to learn from.
            Err(_) => Ok(History::default()),
        }
    }

    /// Of the records of `run`; money by the prices of `endpoints` where these know them. `stages`: what calls
    /// used is only asked of these, and of the journal only their calls are decoded.
    pub async fn of(
        run: &RunDir,
        endpoints: Option<&Endpoints>,
        stages: Option<&BTreeSet<&str>>,
    ) -> Result<History, DeliverError> {
        let (mut buyers, mut pasts) = (Buyers::default(), Vec::<(String, Past)>::new());
        run.each_table(Reading::Prompts, &mut |rows| {
            buyers.add(pasts.len(), rows.calls.all());
            pasts.push((rows.stage.clone(), Past::of(&rows)));
        })
        .await?;
        let journal = match stages {
            Some(stages) => {
                let asked = |stage: usize| stages.contains(pasts[stage].0.as_str());
                buyers.journal(run, &asked).await?
            }
            None => run.journal().await?,
        };
        let mut use_up = |stage: usize, _: &CallKey, role: &str, used| {
            add(&mut pasts[stage].1.used, role, used);
        };
        let simulated = buyers.tell(journal, endpoints, &mut use_up).await?;
        pasts.retain(|(_, past)| past.entered > 0.0);
        let from = if pasts.is_empty() { String::new() } else { run.name().to_owned() };
        let stages = pasts.into_iter().collect();
        Ok(History { from, stages, simulated, ..History::default() })
    }

    /// The share of a stage's records that leave by `port`.
    fn share(&self, stage: &ManifestStage, port: &str) -> f64 {
        let past = self.stages.get(&stage.name);
        let by_port = past.map(|past| past.ports.get(port).copied().unwrap_or(0.0));
        let all = past.map_or(0.0, |past| past.ports.values().sum());
        let among = match by_port {
            Some(n) if all > 0.0 => n / all,
            _ => 1.0 / stage.ports.len().max(1) as f64,
        };
        let goes_on = match (self.shares.get(&stage.name), past) {
            (Some(share), _) => *share,
            (None, Some(past)) => all / past.entered,
            (None, None) => 1.0,
        };
        goes_on * among
    }

    /// What one record uses at a stage, by role; whether that is known.
    fn use_of(&self, stage: &ManifestStage) -> (BTreeMap<String, Use>, bool) {
        match self.stages.get(&stage.name) {
            Some(past) => {
                let each = |(role, used): (&String, &Use)| {
                    (role.clone(), scaled(*used, 1.0 / past.entered))
                };
                (past.used.iter().map(each).collect(), true)
            }
            None => {
                let mut uses = assumed(stage);
                for (role, used) in &mut uses {
                    let usage = Usage {
                        input: used.tokens_in as u64,
                        output: used.tokens_out as u64,
                        images: used.images as u64,
                        ..Usage::default()
                    };
                    used.cost = self.prices.get(role).map_or(0.0, |p| p.cost(&usage).usd());
                }
                (uses, false)
            }
        }
    }
}

/// A call of which nothing is known: its tokens, and its seconds.
const CALL: Use =
    Use { calls: 1.0, tokens_in: 1500.0, tokens_out: 600.0, images: 0.0, cost: 0.0, busy: 8.0 };
const PICTURE: Use =
    Use { calls: 1.0, tokens_in: 0.0, tokens_out: 0.0, images: 1.0, cost: 0.0, busy: 6.0 };

/// Where a stage has no past: a call of each role that it names, as often as its parameters say.
fn assumed(stage: &ManifestStage) -> BTreeMap<String, Use> {
    let Some(kind) = crate::stage::kind(&stage.kind) else { return BTreeMap::new() };
    let times = times(kind, stage);
    let mut out: BTreeMap<String, Use> = BTreeMap::new();
    for param in kind.params {
        let one = match param.ty {
            Ty::Chat(_) => CALL,
            Ty::Image => PICTURE,
            _ => continue,
        };
        let Some(role) = stage.params.get(param.name) else { continue };
        let role = role.trim_matches('"');
        if !role.is_empty() {
            *out.entry(role.to_owned()).or_default() += scaled(one, times);
        }
    }
    out
}

/// How often a stage asks: its draws or votes.
fn times(kind: &Kind, stage: &ManifestStage) -> f64 {
    let of = |name: &str| {
        kind.params.iter().find(|param| param.name == name)?;
        stage.params.get(name)?.parse::<f64>().ok()
    };
    ["draws", "votes"].iter().find_map(|name| of(name)).unwrap_or(1.0).max(1.0)
}

fn scaled(used: Use, by: f64) -> Use {
    let Use { calls, tokens_in, tokens_out, images, cost, busy } = used;
    Use {
        calls: calls * by,
        tokens_in: tokens_in * by,
        tokens_out: tokens_out * by,
        images: images * by,
        cost: cost * by,
        busy: busy * by,
    }
}

/// The stages at which records are that `report` says wait for calls, and those that they may come to.
pub fn awaiting<'a>(manifest: &'a Manifest, report: &Report) -> BTreeSet<&'a str> {
    let mut out: BTreeSet<&str> = BTreeSet::new();
    for stage in &manifest.stages {
        let stuck = report.stages.iter().any(|s| s.stage == stage.name && s.failed > 0);
        let from =
            |edge: &String| edge.rsplit_once('.').is_some_and(|(from, _)| out.contains(from));
        if stuck || stage.from.iter().any(from) {
            out.insert(&stage.name);
        }
    }
    out
}

/// What is unbought of the pipeline of `manifest`, of which `report` says how many records each stage
/// could not finish for want of calls.
pub fn forecast(manifest: &Manifest, report: &Report, history: &History) -> Forecast {
    let mut out = Forecast {
        from: history.from.clone(),
        simulated: history.simulated,
        ..Forecast::default()
    };
    let mut entering: BTreeMap<&str, f64> = BTreeMap::new();
    for stage in &manifest.stages {
        let stuck = report.stages.iter().find(|s| s.stage == stage.name).map_or(0, |s| s.failed);
        let mut records = stuck as f64;
        for edge in &stage.from {
            let Some((from, port)) = edge.rsplit_once('.') else { continue };
            let Some(before) = manifest.stages.iter().find(|s| s.name == from) else { continue };
            let came = entering.get(from).copied().unwrap_or(0.0);
            records += came * history.share(before, port);
        }
        entering.insert(&stage.name, records);
        let (uses, known) = history.use_of(stage);
        if records < 0.5 || uses.is_empty() {
            continue;
        }
        if !known {
            out.assumed.push(stage.name.clone());
        }
        out.add(&stage.name, records, &uses);
    }
    out
}

/// Whether calls of the plan's roles are bought: some price is stated above nothing, or a key is needed
/// and nobody knows the price. Roles that the simulated world plays cost nothing.
pub fn spends(plan: &Plan, endpoints: &Endpoints, simulated: &[String]) -> bool {
    plan.roles_used().iter().filter(|role| !simulated.contains(&role.name)).any(|role| {
        endpoints.get(&role.name).is_some_and(|endpoint| {
            let prices = endpoint.known_prices(endpoint.wire_model(&role.model));
            prices.is_none_or(|prices| !prices.is_free())
        })
    })
}

/// What `plan` would buy into the RUN at `store`, which need not be there yet. Nothing is called; the RUN
/// is read (only the reference pictures of a pool that is new to it are put there).
pub async fn unbought(
    env: &Env,
    store: &Store,
    plan: Plan,
    limit: Option<u64>,
    simulated: bool,
    history: &History,
) -> Result<Forecast, DeliverError> {
    let simulated = match archive::manifest(store).await {
        Ok(there) => there.simulated,
        Err(ArchiveError::NoManifest { .. }) => simulated,
        Err(error) => return Err(error.into()),
    };
    let manifest = Manifest::of(&plan, simulated, BTreeMap::new(), limit);
    let folder = tempfile::tempdir().map_err(DeliverError::Scratch)?;
    let scratch = folder.path().to_string_lossy().into_owned();
    let rebuilt = rebuild(env, store, &manifest, plan, &scratch, false).await?;
    Ok(forecast(&manifest, &rebuilt.report, history))
}

impl Forecast {
    fn add(&mut self, stage: &str, records: f64, uses: &BTreeMap<String, Use>) {
        let mut line =
            StageForecast { stage: stage.to_owned(), records, ..StageForecast::default() };
        for (role, used) in uses {
            let used = scaled(*used, records);
            line.calls += used.calls;
            line.tokens_in += used.tokens_in;
            line.tokens_out += used.tokens_out;
            line.pictures += used.images;
            line.dollars += used.cost;
            let of_role = self.roles.entry(role.clone()).or_default();
            of_role.calls += used.calls;
            of_role.tokens += used.tokens_in + used.tokens_out;
            of_role.busy += used.busy;
        }
        self.calls += line.calls;
        self.tokens_in += line.tokens_in;
        self.tokens_out += line.tokens_out;
        self.pictures += line.pictures;
        self.dollars += line.dollars;
        if line.calls > 0.0 {
            self.stages.push(line);
        }
    }
}

#[cfg(test)]
mod tests;
