//! `_models.toml`: roles, with everything about a model that shapes the data.

use crate::call::Sampling;
use crate::diag::{Codes, Diagnostic, SourceFile, Table, text, ticked};
use crate::stage::{Role, RoleKind, Ty, value_of};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

/// What a chat role may set, with its range; see `Sampling`.
const CHAT_KEYS: [(&str, Ty); 7] = [
    ("temperature", Ty::Float { min: 0.0, max: 2.0 }),
    ("top_p", Ty::Float { min: 0.0, max: 1.0 }),
    ("top_k", Ty::Int { min: 0, max: 1_000_000 }),
    ("max_tokens", Ty::Int { min: 1, max: 10_000_000 }),
    ("seed", Ty::Int { min: 0, max: i64::MAX }),
    // -1: as the model sees fit (Gemini).
    ("thinking_budget", Ty::Int { min: -1, max: 10_000_000 }),
    ("stop", Ty::Texts),
];
/// What an image role may set; `width` and `height` must be there.
const IMAGE_KEYS: [(&str, Ty); 5] = [
    ("width", Ty::Int { min: 64, max: 8192 }),
    ("height", Ty::Int { min: 64, max: 8192 }),
    ("steps", Ty::Int { min: 1, max: 1000 }),
    ("guidance", Ty::Float { min: 0.0, max: 100.0 }),
    ("negative_prompt", Ty::Text),
];

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

const CODES: Codes = Codes { syntax: "P00", key: "P20", value: "P20" };

/// Reads the roles. Codes: P00 (syntax), P20 (a role that cannot be used).
pub fn parse(source: &Arc<SourceFile>, errors: &mut Vec<Diagnostic>) -> Roles {
    let mut roles = Roles::default();
    let file = match Table::parse(source, CODES, "`_models.toml`") {
        Ok(file) => file,
        Err(faults) => {
            errors.extend(faults);
            return roles;
        }
    };
    for (name, entry) in file.rest() {
        if !entry.value.is_table() {
            errors.push(file.fault("P20", format!("`{name}` is not a role table"), &entry.key));
            continue;
        }
        let table = file.within(name, entry, errors);
        match (Raw { name, table }).read(errors) {
            Some(role) => drop(roles.good.insert(role.name.clone(), role)),
            None => drop(roles.broken.insert(name.to_owned())),
        }
    }
    roles
}

/// A role's table.
struct Raw<'a> {
    name: &'a str,
    table: Table,
}

impl Raw<'_> {
    fn fault(&self, title: impl std::fmt::Display, at: &Range<usize>) -> Diagnostic {
        self.table.fault("P20", format!("role `{}` {title}", self.name), at)
    }

    /// The role; None after telling everything that is wrong with it.
    fn read(mut self, errors: &mut Vec<Diagnostic>) -> Option<Role> {
        let before = errors.len();
        let header = self.table.at.clone();
        let model = self.table.take("model").and_then(|entry| text(&entry.value));
        if model.is_none() {
            let fault = self.fault("has no `model`", &header);
            errors.push(fault.help("add `model = \"…\"`, as its server names it"));
        }
        let kind = self.table.take("kind");
        let word = kind.as_ref().and_then(|entry| text(&entry.value)).unwrap_or_default();
        let Some(keys) = keys_of(&word) else {
            let at = kind.map_or(header, |entry| entry.at);
            let fault = self.fault("has no `kind` that is known", &at);
            errors.push(
                fault
                    .note("a role's `kind` is `chat` or `image`")
                    .suggest(&word, ["chat", "image"]),
            );
            return None;
        };
        let settings = self.settings(&word, keys, errors);
        let model = model.filter(|_| errors.len() == before)?;
        match build(&word, settings) {
            Ok(kind) => Some(Role { name: self.name.to_owned(), model, kind }),
            Err(what) => {
                errors.push(self.fault(format!("cannot be used: {}", what.trim()), &header));
                None
            }
        }
    }

    /// Everything but `model` and `kind`, each of its type and in its range.
    fn settings(
        &self,
        kind: &str,
        keys: &[(&str, Ty)],
        errors: &mut Vec<Diagnostic>,
    ) -> toml::Table {
        let mut settings = toml::Table::new();
        for (key, entry) in self.table.rest() {
            match keys.iter().find(|(known, _)| *known == key) {
                None => errors.push(self.unknown(key, &entry.key, kind, keys)),
                Some((_, ty)) => match value_of(*ty, &entry.value) {
                    Ok(_) => drop(settings.insert(key.to_owned(), entry.value.clone())),
                    Err(what) => {
                        let title = format!("has a `{key}` that {what}");
                        errors.push(self.fault(title, &entry.at));
                    }
                },
            }
        }
        for side in ["width", "height"] {
            if kind == "image" && !self.table.rest().any(|(key, _)| key == side) {
                let fault = self.fault(format!("has no `{side}`"), &self.table.at);
                errors.push(fault.note("a picture's sides are 64 to 8192 pixels"));
            }
        }
        settings
    }

    fn unknown(
        &self,
        word: &str,
        at: &Range<usize>,
        kind: &str,
        keys: &[(&str, Ty)],
    ) -> Diagnostic {
        let known: Vec<&str> =
            ["model", "kind"].into_iter().chain(keys.iter().map(|k| k.0)).collect();
        self.fault(format!("has an unknown key `{word}`"), at)
            .note(format!("keys of {kind} roles: {}", ticked(&known)))
            .suggest(word, known.iter().copied())
    }
}

fn keys_of(kind: &str) -> Option<&'static [(&'static str, Ty)]> {
    match kind {
        "chat" => Some(&CHAT_KEYS),
        "image" => Some(&IMAGE_KEYS),
        _ => None,
    }
}

/// A kind from its checked settings.
fn build(kind: &str, table: toml::Table) -> Result<RoleKind, String> {
    let value = toml::Value::Table(table);
    if kind == "chat" {
        let sampling = value.try_into::<Sampling>().map_err(|e| e.message().to_owned())?;
        return Ok(RoleKind::Chat(sampling));
    }
    let raw = value.try_into::<RawImage>().map_err(|e| e.message().to_owned())?;
    let RawImage { width, height, steps, guidance, negative_prompt } = raw;
    Ok(RoleKind::Image { width, height, steps, guidance, negative_prompt })
}
