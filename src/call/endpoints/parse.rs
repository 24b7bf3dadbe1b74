//! From a user's file to `Endpoints`: every fault in one go.
//!
//! Codes: E01 syntax, E02 unknown key, E03 missing, E04 a value of another sort, E05 an unknown
//! protocol, E06 a URL, E07 a role named in `same_as`, E08 a protocol's own setting, E09 a key in
//! plain sight, E10 a role without endpoint, E11 a key that is not in the environment;
//! warnings: W01 no prices, W02 plain http to another machine, W03 a body field that shapes data.

use crate::call::endpoints::fields::{FIELDS, NOT_SHARED};
use crate::call::endpoints::secrets::names_a_secret;
use crate::call::endpoints::table::{json, parse, unknown};
use crate::call::endpoints::values::{connection, key_env, list, prices, unpriced, urls};
use crate::call::endpoints::{Endpoint, Endpoints};
use crate::call::protocol::{self, PROTOCOLS, ProtocolOptions};
use crate::diag::{Diagnostic, Entry, Severity, SourceFile, Table, count, text};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Endpoints {
    /// The checked endpoints, or every error of the file (with its warnings).
    pub fn parse(source: Arc<SourceFile>) -> Result<Endpoints, Vec<Diagnostic>> {
        let mut file = parse(&source)?;
        let mut faults = Vec::new();
        let defaults = section(&mut file, "default", &mut faults);
        check_defaults(&defaults, &mut faults);
        let roles = section(&mut file, "role", &mut faults);
        for (name, entry) in file.rest() {
            let fault = file.fault("E02", format!("unknown table `{name}`"), &entry.key);
            faults.push(fault.note("tables are `[default]` and `[role.NAME]`"));
        }
        let (built, shared) = build_roles(&roles, &defaults, &mut faults);
        let built = resolve(built, &shared, &roles, &mut faults);
        if roles.rest().next().is_none() && faults.is_empty() {
            faults.push(file.fault("E03", "the file names no role", &(0..0)).help(
                "add `[role.NAME]` tables; `coldstart endpoints example` prints a full file",
            ));
        }
        if faults.iter().any(|fault| fault.severity == Severity::Error) {
            return Err(faults);
        }
        Ok(Endpoints { roles: built, warnings: faults, source: Some(source) })
    }
}

/// The sub-table `name`, or an empty one.
fn section(file: &mut Table, name: &str, faults: &mut Vec<Diagnostic>) -> Table {
    match file.take(name) {
        Some(entry) => file.within(name, &entry, faults),
        None => file.empty(),
    }
}

fn check_defaults(defaults: &Table, faults: &mut Vec<Diagnostic>) {
    let own = |name: &str| PROTOCOLS.iter().any(|p| p.options.iter().any(|(o, _)| *o == name));
    for (name, entry) in defaults.rest() {
        if NOT_SHARED.contains(&name) {
            let title = format!("`{name}` cannot stand in `[default]`");
            faults.push(defaults.fault("E02", title, &entry.key).help("set it in each role"));
        } else if !own(name) && !FIELDS.iter().any(|(field, _)| *field == name) {
            let names = FIELDS.iter().map(|(field, _)| *field);
            faults.push(unknown(defaults, name, &entry.key, names));
        }
    }
}

type Built = BTreeMap<String, Arc<Endpoint>>;
/// role -> (the role it shares with, where that is written)
type Shared = BTreeMap<String, (String, std::ops::Range<usize>)>;

fn build_roles(roles: &Table, defaults: &Table, faults: &mut Vec<Diagnostic>) -> (Built, Shared) {
    let (mut built, mut shared) = (Built::new(), Shared::new());
    for (role, entry) in roles.rest() {
        let mut table = roles.within(&format!("role.{role}"), entry, faults);
        if !entry.value.is_table() {
            continue;
        }
        if let Some(same) = table.take("same_as") {
            for (name, other) in table.rest() {
                let title = format!("`{name}` beside `same_as`");
                faults.push(
                    table
                        .fault("E02", title, &other.key)
                        .note("a role that shares an endpoint has no settings of its own"),
                );
            }
            shared.insert(role.to_owned(), (text(&same.value).unwrap_or_default(), same.at));
            continue;
        }
        if let Some(endpoint) = one(role, table, defaults, faults) {
            built.insert(role.to_owned(), Arc::new(endpoint));
        }
    }
    (built, shared)
}

fn resolve(
    mut built: Built,
    shared: &Shared,
    roles: &Table,
    faults: &mut Vec<Diagnostic>,
) -> Built {
    let names: Vec<&str> = roles.rest().map(|(name, _)| name).collect();
    for (role, (other, at)) in shared {
        match built.get(other).cloned() {
            Some(endpoint) => {
                built.insert(role.clone(), endpoint);
            }
            None if shared.contains_key(other) => faults.push(
                roles
                    .fault("E07", format!("`same_as` names `{other}`, which shares too"), at)
                    .help("name the role that has the endpoint"),
            ),
            // A role whose own table is at fault has been told of already.
            None if names.contains(&other.as_str()) => {}
            None => faults.push(
                roles
                    .fault("E07", format!("there is no role `{other}`"), at)
                    .suggest(other, names.iter().copied()),
            ),
        }
    }
    built
}

fn one(
    role: &str,
    table: Table,
    defaults: &Table,
    faults: &mut Vec<Diagnostic>,
) -> Option<Endpoint> {
    let before = faults.iter().filter(|f| f.severity == Severity::Error).count();
    let header = table.at.clone();
    let mut table = table;
    let entry = protocol_of(role, &mut table, faults)?;
    // Another protocol's setting in `[default]` is not for this role.
    let known = |name: &str| {
        FIELDS.iter().any(|(field, _)| *field == name)
            || entry.options.iter().any(|(option, _)| *option == name)
    };
    let mut shared = defaults.clone();
    let foreign: Vec<String> =
        shared.rest().map(|(n, _)| n.to_owned()).filter(|n| !known(n)).collect();
    for name in foreign {
        shared.take(&name);
    }
    let mut table = table.or(&shared);
    let options = options_of(entry, &mut table, faults);
    let key = table.take("key_env");
    let endpoint = Endpoint {
        role: role.to_owned(),
        protocol: entry,
        model: table.read("model", "a string", faults, text),
        urls: urls(role, entry.calls, &mut table, faults),
        key_span: key.as_ref().map(|k| (table.source.clone(), k.at.clone())),
        key_env: key.and_then(|k| key_env(&table, &k, faults)),
        span: Some((table.source.clone(), header)),
        max_in_flight: table
            .read("max_in_flight", "a whole number from 1", faults, count)
            .map(|n| n as usize),
        rpm: table.read("rpm", "a whole number from 1", faults, |v| u32::try_from(count(v)?).ok()),
        tpm: table.read("tpm", "a whole number from 1", faults, count),
        connection: connection(entry.serves, &mut table, faults),
        attempts: table
            .read("attempts", "1 to 100", faults, |v| count(v).filter(|n| *n <= 100))
            .unwrap_or(8) as u32,
        prices: prices(&mut table, faults),
        options,
        accept_models: list("accept_models", &mut table, faults),
    };
    for (name, entry_at) in table.rest() {
        let names = FIELDS.iter().chain(entry.options).map(|(field, _)| *field);
        faults.push(unknown(&table, name, &entry_at.key, names));
    }
    if endpoint.prices.is_none() && endpoint.key_env.is_some() {
        faults.push(unpriced(role, endpoint.model.as_deref(), &table));
    }
    let after = faults.iter().filter(|f| f.severity == Severity::Error).count();
    (after == before).then_some(endpoint)
}

fn protocol_of(
    role: &str,
    table: &mut Table,
    faults: &mut Vec<Diagnostic>,
) -> Option<&'static protocol::Entry> {
    let names: Vec<String> = PROTOCOLS.iter().map(|p| format!("`{}`", p.name)).collect();
    let note = format!("protocols are {}", names.join(", "));
    let Some(entry) = table.take("protocol") else {
        let at = table.at.clone();
        faults
            .push(table.fault("E03", format!("role `{role}` names no `protocol`"), &at).note(note));
        return None;
    };
    let name = text(&entry.value).unwrap_or_default();
    let found = protocol::find(&name);
    if found.is_none() {
        faults.push(
            table
                .fault("E05", format!("there is no protocol `{name}`"), &entry.at)
                .note(note)
                .suggest(&name, PROTOCOLS.iter().map(|p| p.name)),
        );
    }
    found
}

fn options_of(
    entry: &'static protocol::Entry,
    table: &mut Table,
    faults: &mut Vec<Diagnostic>,
) -> ProtocolOptions {
    let mut options = ProtocolOptions::default();
    let mut places: BTreeMap<&str, Entry> = BTreeMap::new();
    for (name, _) in entry.options {
        if let Some(found) = table.take(name) {
            match json(&found.value) {
                Some(value) => drop(options.values.insert((*name).to_owned(), value)),
                None => faults.push(no_json(table, name, &found)),
            }
            places.insert(name, found);
        }
    }
    if let Some(extra) = table.take("extra") {
        options.extra = extra_of(table, extra, faults);
    }
    if let Err(error) = (entry.compile)(&options) {
        let at = places.get(error.key.as_str()).map_or(table.at.clone(), |found| found.at.clone());
        faults.push(table.fault("E08", error.title, &at).note(error.note));
    }
    options
}

/// Fields that belong to the pipeline: outside the call's key they would change data unseen.
const SHAPES_DATA: [&str; 7] =
    ["seed", "temperature", "top_p", "top_k", "max_tokens", "messages", "n"];

fn extra_of(table: &Table, entry: Entry, faults: &mut Vec<Diagnostic>) -> Map<String, Value> {
    let inside = table.within("extra", &entry, faults);
    for (name, inner) in inside.rest() {
        if names_a_secret(name) {
            let title = format!("`extra.{name}` holds a key");
            let fault = table.unshown("E09", title, &inner.key);
            faults.push(fault.help("name its variable in `key_env`"));
        }
        if SHAPES_DATA.contains(&name) {
            let title = format!("`extra.{name}` shapes the data but is not part of a call's key");
            let warning = Diagnostic::warning("W03", title)
                .at(&table.source, inner.key.clone(), "")
                .help("set it in the pipeline's _models.toml");
            faults.push(warning);
        }
    }
    match json(&entry.value) {
        Some(Value::Object(extra)) => extra,
        Some(_) => Map::new(),
        None => {
            faults.push(no_json(table, "extra", &entry));
            Map::new()
        }
    }
}

fn no_json(table: &Table, name: &str, entry: &Entry) -> Diagnostic {
    let title = format!("`{name}` holds a number that JSON does not have");
    table.fault("E04", title, &entry.at).note("JSON has neither `inf` nor `nan`")
}
