//! `_models.toml`: roles, with everything about a model that shapes the data.

use crate::call::Sampling;
use crate::diag::{Diagnostic, Source};
use crate::plan::check::value_of;
use crate::plan::raw::owned;
use crate::stage::{Role, RoleKind, Ty};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

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
        let raw = Raw { source, name: name.get_ref(), place: name.span(), body };
        match raw.read(errors) {
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

/// A role's table, and how to point at it.
struct Raw<'a> {
    source: &'a Arc<Source>,
    name: &'a str,
    /// The table's header.
    place: Range<usize>,
    body: &'a DeTable<'a>,
}

impl Raw<'_> {
    fn text(&self, key: &str) -> Option<String> {
        match self.body.get(key)?.get_ref() {
            DeValue::String(s) => Some(s.to_string()),
            _ => None,
        }
    }

    fn fault(&self, title: impl std::fmt::Display, at: Range<usize>) -> Diagnostic {
        let title = format!("role `{}` {title}", self.name);
        Diagnostic::error("P20", title).at(self.source, at, "")
    }

    /// The role; None after telling everything that is wrong with it.
    fn read(&self, errors: &mut Vec<Diagnostic>) -> Option<Role> {
        let before = errors.len();
        let model = self.text("model").filter(|m| !m.trim().is_empty());
        if model.is_none() {
            let d = self.fault("has no `model`", self.place.clone());
            errors.push(d.help("add `model = \"…\"`, as its server names it"));
        }
        let kind = self.text("kind").unwrap_or_default();
        let Some(keys) = keys_of(&kind) else {
            let at = self.body.get("kind").map_or(self.place.clone(), toml::Spanned::span);
            let d = self.fault("has no `kind` that is known", at);
            errors.push(
                d.note("a role's `kind` is `chat` or `image`").suggest(&kind, ["chat", "image"]),
            );
            return None;
        };
        let table = self.settings(&kind, keys, errors);
        let model = model.filter(|_| errors.len() == before)?;
        match build(&kind, table) {
            Ok(kind) => Some(Role { name: self.name.to_owned(), model, kind }),
            Err(what) => {
                let title = format!("cannot be used: {}", what.trim());
                errors.push(self.fault(title, self.place.clone()));
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
        let mut table = toml::Table::new();
        for (key, value) in self.body.iter() {
            let word = key.get_ref().as_ref();
            if word == "model" || word == "kind" {
                continue;
            }
            match setting(word, value.get_ref(), keys) {
                Ok(value) => {
                    table.insert(word.to_owned(), value);
                }
                Err(Unfit::Key) => errors.push(self.unknown(word, key.span(), kind, keys)),
                Err(Unfit::Value(what)) => {
                    let title = format!("has a `{word}` that {what}");
                    errors.push(self.fault(title, value.span()));
                }
            }
        }
        for side in ["width", "height"] {
            if kind == "image" && !self.body.contains_key(side) {
                let d = self.fault(format!("has no `{side}`"), self.place.clone());
                errors.push(d.note("a picture's sides are 64 to 8192 pixels"));
            }
        }
        table
    }

    fn unknown(&self, word: &str, at: Range<usize>, kind: &str, keys: &[(&str, Ty)]) -> Diagnostic {
        let known: Vec<&str> =
            ["model", "kind"].into_iter().chain(keys.iter().map(|k| k.0)).collect();
        self.fault(format!("has an unknown key `{word}`"), at)
            .note(format!("keys of {kind} roles: `{}`", known.join("`, `")))
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

/// Why a setting cannot be used.
enum Unfit {
    Key,
    /// To follow "a `temperature` that".
    Value(String),
}

fn setting(key: &str, value: &DeValue<'_>, keys: &[(&str, Ty)]) -> Result<toml::Value, Unfit> {
    let (_, ty) = keys.iter().find(|(known, _)| *known == key).ok_or(Unfit::Key)?;
    let value = owned(value.clone());
    value_of(*ty, &value).map_err(Unfit::Value)?;
    Ok(value)
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
