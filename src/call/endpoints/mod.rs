//! The endpoints file: which server answers which role, and within what bounds.
//!
//! A user's TOML (`table`) becomes the checked type `Endpoints`, and every fault of the file is told
//! in one go, with its place. Keys are no part of it: they come from the environment (`keys`) when the
//! stack is built. Connections are made in `http`.
//!
//! `call` may otherwise use only `record` and `env`; this folder also uses `diag`, since the file is
//! configuration and its faults have spans.

mod examples;
mod fields;
mod keys;
mod parse;
mod presets;
mod secrets;
mod sim;
mod table;
mod values;

pub use examples::{EXAMPLES, example};
pub use fields::FIELDS;
pub use presets::{MARK, PRESETS, Preset, preset, table};

use crate::call::http::Connection;
use crate::call::price::{Prices, listed};
use crate::call::protocol::{Entry, ProtocolOptions};
use crate::diag::{Diagnostic, SourceFile};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use url::Url;

/// Every role's endpoint, checked.
#[derive(Clone)]
pub struct Endpoints {
    /// By role. Roles that share (`same_as`) hold the same `Arc`.
    roles: BTreeMap<String, Arc<Endpoint>>,
    /// What deserves a look but can be used.
    warnings: Vec<Diagnostic>,
    source: Option<Arc<SourceFile>>,
}

/// One role's servers and bounds.
#[derive(Clone)]
pub struct Endpoint {
    /// The role whose table this is.
    pub role: String,
    pub protocol: &'static Entry,
    /// The name on the wire, when it is not the pipeline's.
    pub model: Option<String>,
    pub urls: Vec<Url>,
    /// The environment variable that holds the key.
    pub key_env: Option<String>,
    /// Where the file says so.
    pub key_span: Option<(Arc<SourceFile>, Range<usize>)>,
    /// Where the role's table begins.
    pub span: Option<(Arc<SourceFile>, Range<usize>)>,
    /// Calls in flight at most, over all URLs. When absent, the limit starts low and is found.
    pub max_in_flight: Option<usize>,
    /// Requests a minute.
    pub rpm: Option<u32>,
    /// Tokens a minute, input and output.
    pub tpm: Option<u64>,
    pub connection: Connection,
    /// Tries of one call at most, refusals for overload apart.
    pub attempts: u32,
    pub prices: Option<Prices>,
    pub options: ProtocolOptions,
    /// Names that may answer for the asked model.
    pub accept_models: Vec<String>,
}

impl Endpoints {
    /// The endpoint of `role`.
    pub fn get(&self, role: &str) -> Option<&Arc<Endpoint>> {
        self.roles.get(role)
    }

    /// Roles and their endpoints, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Arc<Endpoint>)> {
        self.roles.iter().map(|(role, endpoint)| (role.as_str(), endpoint))
    }

    /// The same servers for one of `n` processes that use them at the same time: each asks for its
    /// share of the quotas and slots (at least one of each).
    pub fn shared_by(mut self, n: u32) -> Endpoints {
        for endpoint in self.roles.values_mut() {
            let endpoint = Arc::make_mut(endpoint);
            endpoint.max_in_flight = endpoint.max_in_flight.map(|all| (all / n as usize).max(1));
            endpoint.rpm = endpoint.rpm.map(|all| (all / n).max(1));
            endpoint.tpm = endpoint.tpm.map(|all| (all / u64::from(n)).max(1));
        }
        self
    }

    /// Warnings of the file (no prices, plain http to another host, …).
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// An error for each of `roles` that has no endpoint.
    pub fn missing(&self, roles: &[&str]) -> Vec<Diagnostic> {
        let known: Vec<&str> = self.roles.keys().map(String::as_str).collect();
        let listed: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
        let absent = roles.iter().filter(|role| !self.roles.contains_key(**role));
        absent
            .map(|role| {
                let error = Diagnostic::error("E10", format!("role `{role}` has no endpoint"))
                    .note(format!("roles in the endpoints file: {}", listed.join(", ")));
                let error = match &self.source {
                    Some(source) => error.at(source, 0..0, "no table for it in this file"),
                    None => error,
                };
                match crate::diag::did_you_mean(role, known.iter().copied()) {
                    Some(near) => error.help(format!("did you mean `{near}`?")),
                    None => error.help(format!(
                        "add a table `[role.{role}]` with `protocol` and `urls`, or `same_as`"
                    )),
                }
            })
            .collect()
    }
}

impl Endpoints {
    /// An error for each of `roles` (name, model) that is bought at a price that nobody stated: a
    /// budget could not hold it.
    pub fn unpriced(&self, roles: &[(&str, &str)]) -> Vec<Diagnostic> {
        let unpriced = roles.iter().filter_map(|(role, model)| {
            let endpoint = self.get(role)?;
            let model = endpoint.wire_model(model);
            endpoint.known_prices(model).is_none().then_some((role, model, endpoint))
        });
        unpriced
            .map(|(role, model, endpoint)| {
                let title = format!("a budget cannot hold role `{role}`: `{model}` has no price");
                let error = Diagnostic::error("E13", title)
                    .note("it has a key, so it is bought, and the built-in list does not know it")
                    .help(
                        "add `prices = {input = …, output = …, image = …}`, or `{}` if it is free",
                    );
                match &endpoint.span {
                    Some((source, range)) => error.at(source, range.clone(), ""),
                    None => error,
                }
            })
            .collect()
    }
}

impl PartialEq for Endpoints {
    /// Equal in what runs; where it was written does not count.
    fn eq(&self, other: &Endpoints) -> bool {
        self.roles.len() == other.roles.len()
            && self.roles.iter().zip(&other.roles).all(|((a, x), (b, y))| a == b && x.same(y))
    }
}

impl Endpoint {
    /// What a call of `model` (its name on the wire) costs here, where that is known: as stated;
    /// else by the built-in list, if there is a key, so that it is bought; else, without a key, nothing.
    pub fn known_prices(&self, model: &str) -> Option<Prices> {
        match (self.prices, &self.key_env) {
            (Some(stated), _) => Some(stated),
            (None, Some(_)) => listed(model),
            (None, None) => Some(Prices::default()),
        }
    }

    /// `known_prices`, and nothing where they are not known.
    pub fn prices_of(&self, model: &str) -> Prices {
        self.known_prices(model).unwrap_or_default()
    }

    /// The name by which the pipeline's `model` goes on the wire.
    pub fn wire_model<'a>(&'a self, model: &'a str) -> &'a str {
        self.model.as_deref().unwrap_or(model)
    }

    fn same(&self, other: &Endpoint) -> bool {
        self.plain() == other.plain()
    }

    /// All that shapes behaviour, as text; keys are only named.
    fn plain(&self) -> String {
        let Endpoint {
            role,
            protocol,
            model,
            urls,
            key_env,
            key_span: _,
            span: _,
            max_in_flight,
            rpm,
            tpm,
            connection: Connection { timeouts, headers, image_hosts, quota_is_rate },
            attempts,
            prices,
            options,
            accept_models,
        } = self;
        let urls: Vec<&str> = urls.iter().map(Url::as_str).collect();
        let named: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        format!(
            "{role} {} {model:?} {urls:?} {key_env:?} {max_in_flight:?} {rpm:?} {tpm:?} \
             {timeouts:?} {attempts} {prices:?} {options:?} {image_hosts:?} {accept_models:?} \
             {named:?} {quota_is_rate:?}",
            protocol.name
        )
    }
}

impl std::fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.roles.iter().map(|(role, e)| (role, e.plain()))).finish()
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.plain())
    }
}
