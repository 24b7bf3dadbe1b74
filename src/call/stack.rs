//! The whole client: every role's endpoint as one `Model`.
//!
//! A request names its role, the stack knows the role's wrappers. Roles that share an endpoint share
//! its wrappers, and so its limits.

use crate::call::endpoints::{Endpoint, Endpoints};
use crate::call::flow::{
    Allowance, Balanced, Budget, Guard, Limited, Limits, RetryBudget, Retrying, RoleStats, Stats,
};
use crate::call::http::{Http, Room, Target, client};
use crate::call::live::{RoleLive, role_live};
use crate::call::otlp::Meter;
use crate::call::twins::Twins;
use crate::call::{CallError, Fatal, Images, KeyedRequest, Model, Output, Reply, Request};
use crate::diag::Diagnostic;
use crate::env::{Env, Phase};
use reqwest::Client;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::Semaphore;
use tracing::Instrument;

/// What a run adds to the endpoints file.
#[derive(Debug, Clone, Default)]
pub struct StackOptions {
    /// What this process may spend, and what went of it before.
    pub budget: Option<Allowance>,
    /// Where the durations of tries are told.
    pub meter: Option<Arc<Meter>>,
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
    twins: BTreeMap<String, Twins>,
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
        let keyless = endpoints.without_keys();
        if !keyless.is_empty() {
            return Err(keyless);
        }
        let stats = Arc::new(Stats::new(endpoints.iter().map(|(role, _)| role)));
        let shared = Shared {
            env: env.clone(),
            images,
            stats: stats.clone(),
            retries: Arc::new(RetryBudget::new()),
            budget: options.budget.map(Budget::new),
            meter: options.meter,
            clients: RefCell::default(),
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
            true => {
                let twins = roles.keys().map(|role| (role.clone(), Twins::default())).collect();
                Ok(Stack { inner: Arc::new(Inner { env: env.clone(), roles, stats, twins }) })
            }
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

struct Shared {
    env: Env,
    images: Arc<dyn Images>,
    stats: Arc<Stats>,
    retries: Arc<RetryBudget>,
    budget: Option<Arc<Budget>>,
    meter: Option<Arc<Meter>>,
    /// By their time to connect, which is all they differ in: each reads the system's certificates, and holds
    /// connections that all its roles may use.
    clients: RefCell<HashMap<Duration, Client>>,
}

impl Shared {
    fn client(&self, endpoint: &Endpoint) -> Result<Client, Diagnostic> {
        let connect = endpoint.connection.timeouts.connect;
        if let Some(client) = self.clients.borrow().get(&connect) {
            return Ok(client.clone());
        }
        let client = client_of(endpoint)?;
        self.clients.borrow_mut().insert(connect, client.clone());
        Ok(client)
    }

    fn wrap(&self, endpoint: &Arc<Endpoint>) -> Result<Wrapped, Diagnostic> {
        let client = || self.client(endpoint);
        let targets = targets(&self.env, endpoint, client, &self.images, self.meter.as_ref())?
            .into_iter()
            .map(|http| Arc::new(http) as Arc<dyn Target>)
            .collect();
        let balanced =
            Balanced::new(&self.env, targets, endpoint.max_in_flight, self.stats.clone());
        let limits = Limits {
            max_in_flight: endpoint.max_in_flight,
            rpm: endpoint.rpm,
            tpm: endpoint.tpm,
            prices: {
                let endpoint = endpoint.clone();
                Box::new(move |request| endpoint.prices_of(endpoint.wire_model(request.model())))
            },
            billed: endpoint.protocol.billed,
            budget: self.budget.clone(),
        };
        let limited = Limited::new(&self.env, balanced, limits);
        let (retries, stats) = (self.retries.clone(), self.stats.clone());
        Ok(Retrying::new(&self.env, limited, endpoint.attempts, retries, stats))
    }
}

fn client_of(endpoint: &Endpoint) -> Result<Client, Diagnostic> {
    client(endpoint.connection.timeouts.connect).map_err(|what| {
        Diagnostic::error("E12", format!("no client for role `{}`: {what}", endpoint.role))
    })
}

/// One `Http` for each URL of `endpoint`.
fn targets(
    env: &Env,
    endpoint: &Arc<Endpoint>,
    client: impl FnOnce() -> Result<Client, Diagnostic>,
    images: &Arc<dyn Images>,
    meter: Option<&Arc<Meter>>,
) -> Result<Vec<Http>, Diagnostic> {
    let key = endpoint.key()?;
    let client = client()?;
    let protocol = (endpoint.protocol.compile)(&endpoint.options).map_err(|error| {
        Diagnostic::error("E08", format!("role `{}`: {}", endpoint.role, error.title))
            .note(error.note)
    })?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (decoding, room) = (Arc::new(Semaphore::new(cores)), Room::default());
    let http = |url: &url::Url| Http {
        decoding: decoding.clone(),
        room: room.clone(),
        env: env.clone(),
        client: client.clone(),
        endpoint: endpoint.clone(),
        protocol: protocol.clone(),
        url: url.clone(),
        key: key.clone(),
        images: images.clone(),
        meter: meter.cloned(),
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
    let all = targets(env, endpoint, || client_of(endpoint), images, None).map_err(|fault| {
        let help = fault.help.map(|help| format!("; {help}")).unwrap_or_default();
        let kind = if fault.code == "E11" { Fatal::Key } else { Fatal::Endpoint };
        CallError::Fatal { kind, what: format!("{}{help}", fault.title) }
    })?;
    let target = all.get(url).ok_or_else(|| fatal("no such URL".to_owned()))?;
    Ok(target.attempt(request.keyed()).await?)
}

fn hopeless(role: &str, which: &str, last: &CallError) -> CallError {
    match last {
        CallError::Record { what } => CallError::Fatal {
            kind: Fatal::Endpoint,
            what: format!("{which} of role `{role}` failed; last: {what}"),
        },
        other => other.clone(),
    }
}

impl std::fmt::Debug for Stack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(&self.inner.roles).finish()
    }
}

#[async_trait::async_trait]
impl Model for Stack {
    async fn call(&self, request: KeyedRequest<'_>) -> Result<Reply, CallError> {
        // At the level of errors, so that whatever is logged, of any module, says whose call it is.
        let span = tracing::error_span!("call", role = request.role(), key = %request.key());
        self.ask(request).instrument(span).await
    }
}

impl Stack {
    async fn ask(&self, request: KeyedRequest<'_>) -> Result<Reply, CallError> {
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
        let outcome = outcome.and_then(|reply| self.distinct(request.request(), reply));
        match &outcome {
            Ok(reply) => {
                stats.answered(reply);
                let Reply { attempts, latency_ms, served, cost, .. } = reply;
                let cost_usd = cost.usd();
                tracing::debug!(attempt = attempts, latency_ms, served, cost_usd, "answered");
            }
            Err(CallError::Stopped) => {}
            Err(error) => {
                tracing::warn!(%error, "the call failed");
                if let Some(which) = stats.failed() {
                    return Err(hopeless(role, &which, error));
                }
            }
        }
        outcome
    }

    /// `reply`, unless it is a picture that another seed has drawn.
    fn distinct(&self, request: &Request, reply: Reply) -> Result<Reply, CallError> {
        if let (Request::Image(image), Output::Image { image: drawn, .. }) =
            (request, &reply.output)
            && let Some(twins) = self.inner.twins.get(&image.role)
        {
            twins.look(image, drawn.digest)?;
        }
        Ok(reply)
    }
}
