//! `_models.toml`: roles, with everything about a model that shapes the data.

use crate::call::Sampling;
use crate::diag::{Diagnostic, Source};
use crate::stage::{Role, RoleKind};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

const CHAT_KEYS: [&str; 7] =
    ["temperature", "top_p", "top_k", "max_tokens", "seed", "thinking_budget", "stop"];
const IMAGE_KEYS: [&str; 5] = ["width", "height", "steps", "guidance", "negative_prompt"];

#[derive(serde::Deserialize)]
struct RawImage {
    width: u32,
    height: u32,
    steps: Option<u32>,
    guidance: Option<f64>,
    negative_prompt: Option<String>,
}

/// The roles of the file.
#[derive(Debug, Default)]
pub struct Roles {
    pub good: BTreeMap<String, Role>,
    /// Names of roles that are there and cannot be used: asking for one is no second error.
    pub broken: BTreeSet<String>,
}

/// Reads the roles. Codes: P00 (syntax), P20 (a role that cannot be used).
pub fn parse(source: &Arc<Source>, errors: &mut Vec<Diagnostic>) -> Roles {
    let mut roles = Roles::default();
    let (table, faults) = DeTable::parse_recoverable(&source.text);
    errors.extend(faults.iter().map(|fault| {
        Diagnostic::error("P00", format!("`_models.toml` is not TOML: {}", fault.message())).at(
            source,
            fault.span().unwrap_or(0..0),
            "",
        )
    }));
    if !faults.is_empty() {
        return roles;
    }
    for (name, value) in table.into_inner() {
        let DeValue::Table(body) = value.get_ref() else {
            let title = format!("`{}` is not a role table", name.get_ref());
            errors.push(Diagnostic::error("P20", title).at(source, name.span(), ""));
            continue;
        };
        match role(source, name.get_ref(), name.span(), body, errors) {
            Some(role) => {
                roles.good.insert(role.name.clone(), role);
            }
            None => {
                roles.broken.insert(name.get_ref().to_string());
            }
        }
    }
    roles
}

fn role(
    source: &Arc<Source>,
    name: &str,
    place: std::ops::Range<usize>,
    body: &DeTable<'_>,
    errors: &mut Vec<Diagnostic>,
) -> Option<Role> {
    let text = |key: &str| match body.get(key).map(toml::Spanned::get_ref) {
        Some(DeValue::String(s)) => Some(s.to_string()),
        _ => None,
    };
    let Some(model) = text("model").filter(|m| !m.trim().is_empty()) else {
        let title = format!("role `{name}` has no `model`");
        errors.push(Diagnostic::error("P20", title).at(source, place, ""));
        return None;
    };
    let kind = text("kind").unwrap_or_default();
    let keys: &[&str] = match kind.as_str() {
        "chat" => &CHAT_KEYS,
        "image" => &IMAGE_KEYS,
        _ => {
            let at = body.get("kind").map_or(place, toml::Spanned::span);
            let title = format!("role `{name}` has no `kind` that is known");
            errors.push(
                Diagnostic::error("P20", title)
                    .at(source, at, "")
                    .note("a role's `kind` is `chat` or `image`")
                    .suggest(&kind, ["chat", "image"]),
            );
            return None;
        }
    };
    let before = errors.len();
    for (key, _) in body.iter() {
        let word = key.get_ref().as_ref();
        if word != "model" && word != "kind" && !keys.contains(&word) {
            errors.push(
                Diagnostic::error("P20", format!("role `{name}` has an unknown key `{word}`"))
                    .at(source, key.span(), "")
                    .note(format!("keys of {kind} roles: `model`, `kind`, `{}`", keys.join("`, `")))
                    .suggest(word, keys.iter().copied()),
            );
        }
    }
    if errors.len() > before {
        return None;
    }
    let kind = settings(source, name, &kind, place, errors)?;
    Some(Role { name: name.to_owned(), model, kind })
}

/// The typed settings, by serde from the file's own text (spans of values are not needed: serde's
/// message names the key).
fn settings(
    source: &Arc<Source>,
    name: &str,
    kind: &str,
    place: std::ops::Range<usize>,
    errors: &mut Vec<Diagnostic>,
) -> Option<RoleKind> {
    let mut file: toml::Table = toml::from_str(&source.text).ok()?;
    let Some(toml::Value::Table(mut table)) = file.remove(name) else { return None };
    table.remove("model");
    table.remove("kind");
    let value = toml::Value::Table(table);
    let made = if kind == "chat" {
        value.try_into::<Sampling>().map(RoleKind::Chat).map_err(|e| e.message().to_owned())
    } else {
        value.try_into::<RawImage>().map_err(|e| e.message().to_owned()).and_then(image)
    };
    match made {
        Ok(kind) => Some(kind),
        Err(what) => {
            let title = format!("role `{name}`: {}", what.trim());
            errors.push(Diagnostic::error("P20", title).at(source, place, ""));
            None
        }
    }
}

fn image(raw: RawImage) -> Result<RoleKind, String> {
    let RawImage { width, height, steps, guidance, negative_prompt } = raw;
    if !(64..=8192).contains(&width) || !(64..=8192).contains(&height) {
        return Err(format!("{width}x{height} pixels; each side is 64 to 8192"));
    }
    Ok(RoleKind::Image { width, height, steps, guidance, negative_prompt })
}
