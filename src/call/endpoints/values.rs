//! The values of a role's table that need more than a type: URLs, the key's name, time-outs, prices,
//! headers. `fields` lists the keys, and `parse` puts roles together.

use crate::call::endpoints::secrets::names_a_secret;
use crate::call::endpoints::table::duration;
use crate::call::http::{Connection, Timeouts};
use crate::call::price::{Prices, list_date, listed};
use crate::call::protocol::Serves;
use crate::diag::{Diagnostic, Entry, Table, number, text, texts};
use crate::env::proxy::is_loopback;
use crate::record::NanoUsd;
use reqwest::header::{HeaderName, HeaderValue};
use std::time::Duration;
use url::Url;

/// The servers' base URLs. `calls` are the paths that the protocol puts after them.
pub fn urls(
    role: &str,
    calls: &[&str],
    table: &mut Table,
    faults: &mut Vec<Diagnostic>,
) -> Vec<Url> {
    let Some(entry) = table.take("urls").or_else(|| table.take("url")) else {
        let at = table.at.clone();
        faults.push(table.fault("E03", format!("role `{role}` names no `urls`"), &at));
        return Vec::new();
    };
    let Some(list) = texts(&entry.value).filter(|list| !list.is_empty()) else {
        let title = format!("`urls` is `{}`", entry.value);
        faults.push(table.fault("E04", title, &entry.at).note("it is a URL or a list of URLs"));
        return Vec::new();
    };
    let mut urls: Vec<Url> =
        list.iter().filter_map(|link| url(link, table, &entry, faults)).collect();
    urls.retain(|url| match base_of(url, calls) {
        None => true,
        Some(base) => {
            let title = format!("`{url}` names the call already, which is put after the URL");
            faults.push(table.fault("E06", title, &entry.at).help(format!("write `{base}`")));
            false
        }
    });
    urls
}

/// The base of a URL that ends with one of `calls`.
fn base_of(url: &Url, calls: &[&str]) -> Option<String> {
    let path = url.path().trim_end_matches('/');
    let call = calls.iter().find(|call| path.ends_with(*call))?;
    // A method of Gemini's stands behind the model's name.
    let end = match call.starts_with(':') {
        true => path.rfind("/models/")?,
        false => path.len() - call.len(),
    };
    let mut base = url.clone();
    base.set_path(path.get(..end)?);
    Some(base.as_str().trim_end_matches('/').to_owned())
}

fn url(link: &str, table: &Table, entry: &Entry, faults: &mut Vec<Diagnostic>) -> Option<Url> {
    let fault = |code, title: String| table.fault(code, title, &entry.at);
    let url = match Url::parse(link) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => url,
        Ok(_) => {
            let title = format!("`{link}` is not an http or https URL");
            faults.push(fault("E06", title).help("write it as `http://host:port/v1`"));
            return None;
        }
        Err(error) => {
            faults.push(fault("E06", format!("`{link}` is not a URL: {error}")));
            return None;
        }
    };
    let keyed = url.query_pairs().any(|(name, _)| names_a_secret(&name));
    if keyed || url.password().is_some() || !url.username().is_empty() {
        let title = "a URL holds a key or a password".to_owned();
        faults.push(
            table
                .unshown("E09", title, &entry.at)
                .help("put it into an environment variable and name it in `key_env`"),
        );
        return None;
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        let title = format!("`{link}` is plain http to another machine: all of it can be read");
        faults.push(
            Diagnostic::warning("W02", title)
                .at(&table.source, entry.at.clone(), "")
                .help("use https, or a tunnel, unless the network is yours"),
        );
    }
    Some(url)
}

pub fn key_env(table: &Table, entry: &Entry, faults: &mut Vec<Diagnostic>) -> Option<String> {
    let name = text(&entry.value).unwrap_or_default();
    let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    if !name.is_empty() && name.chars().all(plain) {
        return Some(name);
    }
    // What stands here may be a key: it is neither repeated nor shown.
    let title = "`key_env` is not the name of an environment variable".to_owned();
    faults.push(
        table
            .unshown("E09", title, &entry.key)
            .note("names are upper-case letters, digits and `_`, for instance `OPENAI_API_KEY`")
            .help("if a key stands there, take it out: keys come only from the environment"),
    );
    None
}

/// How the role's servers are spoken to.
pub fn connection(serves: Serves, table: &mut Table, faults: &mut Vec<Diagnostic>) -> Connection {
    Connection {
        timeouts: timeouts(serves, table, faults),
        headers: headers(table, faults),
        image_hosts: list("image_hosts", table, faults),
        quota_is_rate: table
            .read("quota_is_rate", "`true` or `false`", faults, |value| value.as_bool()),
    }
}

fn timeouts(serves: Serves, table: &mut Table, faults: &mut Vec<Diagnostic>) -> Timeouts {
    let mut out = Timeouts::default();
    if serves == Serves::Image {
        // A picture comes in one piece after minutes of silence.
        out.first_byte = Duration::from_secs(900);
        out.total = Duration::from_secs(900);
    }
    let expected = "a time above 0, such as \"500ms\", \"10s\", \"5m\", \"1h\"";
    let mut set = |name: &str, to: &mut Duration| {
        if let Some(value) = table.read(name, expected, faults, duration) {
            *to = value;
        }
    };
    set("connect_timeout", &mut out.connect);
    set("first_byte_timeout", &mut out.first_byte);
    set("idle_timeout", &mut out.idle);
    set("total_timeout", &mut out.total);
    out
}

pub fn prices(table: &mut Table, faults: &mut Vec<Diagnostic>) -> Option<Prices> {
    let entry = table.take("prices")?;
    let mut inner = table.within("prices", &entry, faults);
    let mut get = |name: &str| {
        inner.read(name, "dollars, 0 or more", faults, |value| {
            let usd = number(value).filter(|usd| (0.0..1e6).contains(usd))?;
            Some(NanoUsd::from_usd(usd))
        })
    };
    let (input, output) = (get("input").unwrap_or_default(), get("output").unwrap_or_default());
    let prices = Prices {
        input,
        output,
        cached: get("cached").unwrap_or(input),
        thinking: get("thinking").unwrap_or(output),
        image: get("image").unwrap_or_default(),
    };
    for (name, unknown) in inner.rest() {
        let fault = inner.fault("E02", format!("unknown price `{name}`"), &unknown.key);
        faults.push(fault.suggest(name, ["input", "output", "cached", "thinking", "image"]));
    }
    Some(prices)
}

/// What follows from a role that has a key and states no price.
pub fn unpriced(role: &str, model: Option<&str>, table: &Table) -> Diagnostic {
    let known = model.and_then(listed);
    let title = match (model, known) {
        (Some(model), None) => {
            format!("role `{role}` has no `prices`, and no list knows `{model}`: it counts as free")
        }
        (Some(_), Some(_)) => format!("role `{role}` has no `prices`: it is counted by list"),
        (None, _) => format!(
            "role `{role}` has no `prices`: it is counted by list, or as free if no list knows \
             its model"
        ),
    };
    Diagnostic::warning("W01", title)
        .at(&table.source, table.at.clone(), "")
        .note(format!(
            "the built-in list is of {}; vendors change prices without notice",
            list_date()
        ))
        .help("add `prices = {input = …, output = …, image = …}`, or `prices = {}` if it is free")
}

pub fn list(name: &str, table: &mut Table, faults: &mut Vec<Diagnostic>) -> Vec<String> {
    table.read(name, "a list of strings", faults, texts).unwrap_or_default()
}

fn headers(table: &mut Table, faults: &mut Vec<Diagnostic>) -> Vec<(HeaderName, HeaderValue)> {
    let Some(entry) = table.take("headers") else { return Vec::new() };
    let mut out = Vec::new();
    for (name, inner) in table.within("headers", &entry, faults).rest() {
        if names_a_secret(name) {
            let title = format!("header `{name}` holds a key");
            faults.push(
                table.unshown("E09", title, &inner.key).help("name its variable in `key_env`"),
            );
            continue;
        }
        let value = inner.value.as_str().and_then(|text| HeaderValue::from_str(text).ok());
        match (HeaderName::from_bytes(name.as_bytes()), value) {
            (Ok(name), Some(value)) => out.push((name, value)),
            _ => faults.push(table.fault("E04", format!("`{name}` is no header"), &inner.at)),
        }
    }
    out
}
