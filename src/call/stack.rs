//! The whole client: every role's endpoint as one `Model`.
//!
//! The one idea: a request names its role, the stack knows the role's wrappers. Roles that share
//! an endpoint share its wrappers, and so its limits.

use crate::call::endpoints::{Endpoint, Endpoints};
use crate::call::flow::{
    Balanced, BreakerState, Budget, Guard, Limited, Limits, RetryBudget, Retrying, RoleStats, Stats,
};
use crate::call::http::{Http, Key, Target, client};
use crate::call::{CallError, Fatal, Images, Model, Reply, Request, Usage};
use crate::diag::Diagnostic;
use crate::env::{Env, Phase};
use crate::record::NanoUsd;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What a run adds to the endpoints file.
#[derive(Debug, Clone, Default)]
pub struct StackOptions {
    /// What this process may still spend. A run that goes on passes what is left.
    pub budget: Option<NanoUsd>,
}

/// See the module's header. Cheap to clone.
#[derive(Clone)]
pub struct Stack {
    inner: Arc<Inner>,
}

type Wrapped = Retrying<Limited<Balanced>>;

struct Inner {
    env: Env,
    roles: BTreeMap<String, Arc<Wrapped>>,
    stats: Arc<Stats>,
}

/// One role at this moment.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RoleLive {
    pub role: String,
    /// Sent and not answered.
    pub in_flight: u64,
    /// Waiting for a slot, a quota, or before a retry.
    pub queued: u64,
    pub done: u64,
    pub errors: u64,
    pub retries: u64,
    /// Of the retries, refusals for overload.
    pub overloads: u64,
    pub cost: NanoUsd,
    pub usage: Usage,
    /// Calls in flight that the URLs may take together now.
    pub limit: u64,
    pub urls: Vec<UrlLive>,
    /// Calls by the bounds of `LATENCY_MS`, and beyond.
    pub latency: Vec<u64>,
    pub latency_sum_ms: u64,
}

/// One URL at this moment; roles that share an endpoint show the same.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct UrlLive {
    pub url: String,
    pub in_flight: u64,
    pub limit: u64,
    pub breaker: BreakerState,
}

impl Stack {
    /// Reads the keys and makes the clients. Errors are the user's to mend: a key that is not in
    /// the environment, or a client that cannot be made.
    pub fn build(
        env: &Env,
        endpoints: &Endpoints,
        images: Arc<dyn Images>,
        options: StackOptions,
    ) -> Result<Stack, Vec<Diagnostic>> {
        let stats = Arc::new(Stats::new(endpoints.iter().map(|(role, _)| role)));
        let shared = Shared {
            env: env.clone(),
            images,
            stats: stats.clone(),
            retries: Arc::new(RetryBudget::new()),
            budget: options.budget.map(Budget::new),
        };
        let mut faults = Vec::new();
        let mut made: BTreeMap<String, Arc<Wrapped>> = BTreeMap::new();
        let mut roles = BTreeMap::new();
        for (role, endpoint) in endpoints.iter() {
            if !made.contains_key(&endpoint.role) {
                match shared.wrap(endpoint) {
                    Ok(wrapped) => made.insert(endpoint.role.clone(), Arc::new(wrapped)),
                    Err(fault) => {
                        faults.push(fault);
                        continue;
                    }
                };
            }
            if let Some(wrapped) = made.get(&endpoint.role) {
                roles.insert(role.to_owned(), wrapped.clone());
            }
        }
        match faults.is_empty() {
            true => Ok(Stack { inner: Arc::new(Inner { env: env.clone(), roles, stats }) }),
            false => Err(faults),
        }
    }

    /// The stack as a `Model`.
    pub fn model(&self) -> Arc<dyn Model> {
        Arc::new(self.clone())
    }

    /// Every role at this moment, by name.
    pub fn live(&self) -> Vec<RoleLive> {
        let one = |(role, wrapped): (&String, &Arc<Wrapped>)| {
            let stats = self.inner.stats.get(role)?;
            Some(role_live(role, stats, wrapped.inner().inner()))
        };
        self.inner.roles.iter().filter_map(one).collect()
    }

    /// Whether any answer came from the simulated world.
    pub fn simulated(&self) -> bool {
        let some = |stats: &Arc<RoleStats>| stats.simulated.load(Ordering::Relaxed) > 0;
        self.inner.roles.keys().filter_map(|role| self.inner.stats.get(role)).any(some)
    }
}

fn role_live(role: &str, stats: &RoleStats, balanced: &Balanced) -> RoleLive {
    let count = |n: i64| u64::try_from(n).unwrap_or(0);
    let in_flight = count(stats.in_flight.load(Ordering::Relaxed));
    let open = count(stats.open.load(Ordering::Relaxed));
    let urls: Vec<UrlLive> = balanced
        .view()
        .into_iter()
        .map(|(url, lane)| UrlLive {
            url,
            in_flight: lane.in_flight as u64,
            limit: lane.limit as u64,
            breaker: lane.breaker,
        })
        .collect();
    let totals = stats.totals();
    let (latency, latency_sum_ms) = stats.latency();
    RoleLive {
        role: role.to_owned(),
        in_flight,
        queued: open.saturating_sub(in_flight),
        done: stats.done.load(Ordering::Relaxed),
        errors: stats.errors.load(Ordering::Relaxed),
        retries: stats.retries.load(Ordering::Relaxed),
        overloads: stats.overloads.load(Ordering::Relaxed),
        cost: totals.cost,
        usage: totals.usage,
        limit: urls.iter().map(|url| url.limit).sum(),
        urls,
        latency,
        latency_sum_ms,
    }
}

struct Shared {
    env: Env,
    images: Arc<dyn Images>,
    stats: Arc<Stats>,
    retries: Arc<RetryBudget>,
    budget: Option<Arc<Budget>>,
}

impl Shared {
    fn wrap(&self, endpoint: &Arc<Endpoint>) -> Result<Wrapped, Diagnostic> {
        let targets = targets(&self.env, endpoint, &self.images)?
            .into_iter()
            .map(|http| Arc::new(http) as Arc<dyn Target>)
            .collect();
        let balanced =
            Balanced::new(&self.env, targets, endpoint.max_in_flight, self.stats.clone());
        let limits = Limits {
            max_in_flight: endpoint.max_in_flight,
            rpm: endpoint.rpm,
            tpm: endpoint.tpm,
            prices: endpoint.prices,
            budget: self.budget.clone(),
        };
        let limited = Limited::new(&self.env, balanced, limits);
        let (retries, stats) = (self.retries.clone(), self.stats.clone());
        Ok(Retrying::new(&self.env, limited, endpoint.attempts, retries, stats))
    }
}

/// One `Http` for each URL of `endpoint`.
fn targets(
    env: &Env,
    endpoint: &Arc<Endpoint>,
    images: &Arc<dyn Images>,
) -> Result<Vec<Http>, Diagnostic> {
    let key = key(endpoint)?;
    let client = client(endpoint).map_err(|what| {
        Diagnostic::error("E12", format!("no client for role `{}`: {what}", endpoint.role))
    })?;
    let protocol = (endpoint.protocol.compile)(&endpoint.options).map_err(|error| {
        Diagnostic::error("E08", format!("role `{}`: {}", endpoint.role, error.title))
            .note(error.note)
    })?;
    let http = |url: &url::Url| Http {
        env: env.clone(),
        client: client.clone(),
        endpoint: endpoint.clone(),
        protocol: protocol.clone(),
        url: url.clone(),
        key: key.clone(),
        images: images.clone(),
    };
    Ok(endpoint.urls.iter().map(http).collect())
}

/// `ask_url` at the endpoint's first URL.
pub async fn ask_once(
    env: &Env,
    endpoint: &Arc<Endpoint>,
    images: &Arc<dyn Images>,
    request: &Request,
) -> Result<Reply, CallError> {
    ask_url(env, endpoint, 0, images, request).await
}

/// Asks one URL of `endpoint` once, with no retry and no limit: for probes and tests.
pub async fn ask_url(
    env: &Env,
    endpoint: &Arc<Endpoint>,
    url: usize,
    images: &Arc<dyn Images>,
    request: &Request,
) -> Result<Reply, CallError> {
    let fatal = |what| CallError::Fatal { kind: Fatal::Endpoint, what };
    let all = targets(env, endpoint, images).map_err(|fault| match fault.help {
        Some(help) => fatal(format!("{}; {help}", fault.title)),
        None => fatal(fault.title),
    })?;
    let target = all.get(url).ok_or_else(|| fatal("no such URL".to_owned()))?;
    Ok(target.attempt(request).await?)
}

fn key(endpoint: &Endpoint) -> Result<Option<Key>, Diagnostic> {
    let Some(name) = &endpoint.key_env else { return Ok(None) };
    let fault = |title: String| {
        let error = Diagnostic::error("E11", title).help(format!("export {name}=…"));
        match &endpoint.key_span {
            Some((source, range)) => error.at(source, range.clone(), "read here"),
            None => error,
        }
    };
    let text = std::env::var(name).unwrap_or_default();
    if text.trim().is_empty() {
        return Err(fault(format!("the environment has no `{name}`")));
    }
    let key = Key::new(&text);
    match key.header("") {
        Some(_) => Ok(Some(key)),
        None => Err(fault(format!("`{name}` holds characters that no key has"))),
    }
}

impl std::fmt::Debug for Stack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(&self.inner.roles).finish()
    }
}

#[async_trait::async_trait]
impl Model for Stack {
    async fn call(&self, request: &Request) -> Result<Reply, CallError> {
        let role = request.role();
        let (Some(wrapped), Some(stats)) = (self.inner.roles.get(role), self.inner.stats.get(role))
        else {
            let what = format!("role `{role}` has no endpoint; add `[role.{role}]`");
            return Err(CallError::Fatal { kind: Fatal::Endpoint, what });
        };
        let _open = Guard::new(&stats.open);
        let shutdown = self.inner.env.shutdown();
        let outcome = tokio::select! {
            biased;
            _ = shutdown.reached(Phase::Aborting) => return Err(CallError::Stopped),
            outcome = wrapped.call(request) => outcome,
        };
        match &outcome {
            Ok(reply) => {
                stats.answered(reply);
                tracing::trace!(role, key = %request.key(), attempts = reply.attempts, "answered");
            }
            Err(CallError::Stopped) => {}
            Err(error) => {
                stats.errors.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(role, key = %request.key(), %error, "the call failed");
            }
        }
        outcome
    }
}
