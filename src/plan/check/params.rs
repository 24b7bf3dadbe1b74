//! A stage's parameters: known, of the right type, in range; and what `--set` says over them.

use crate::diag::Diagnostic;
use crate::plan::check::{Flag, Known, Overrides, ticked};
use crate::plan::raw::{At, ENVELOPE, RawStage};
use crate::stage::{KINDS, Kind, Params, Ty, Value, kind};
use std::collections::BTreeMap;

pub fn know(raw: RawStage, errors: &mut Vec<Diagnostic>) -> Option<Known> {
    let At { value, range } = raw.kind.clone()?;
    let Some(kind) = kind(&value) else {
        let names: Vec<&str> = KINDS.iter().map(|k| k.name).collect();
        errors.push(
            Diagnostic::error("P02", format!("no kind `{value}`"))
                .at(&raw.source, range, "")
                .note(format!("kinds: `{}`", names.join("`, `")))
                .suggest(&value, names.iter().copied()),
        );
        return None;
    };
    let mut known = Known {
        raw,
        kind,
        params: Params::default(),
        spans: BTreeMap::new(),
        set_by: BTreeMap::new(),
    };
    read_params(&mut known, errors);
    Some(known)
}

fn read_params(known: &mut Known, errors: &mut Vec<Diagnostic>) {
    let (kind, source) = (known.kind, known.raw.source.clone());
    for (name, (place, at)) in &known.raw.params {
        let Some(param) = kind.param(name) else {
            errors.push(unknown_param(kind, name).at(&source, place.clone(), ""));
            continue;
        };
        match value_of(param.ty, &at.value) {
            Ok(value) => {
                known.params.set(name, value);
                known.spans.insert(name.clone(), at.range.clone());
            }
            Err(what) => {
                let title = format!("`{name}` of `{}` {what}", kind.name);
                let mut d = Diagnostic::error("P04", title)
                    .at(&source, at.range.clone(), "")
                    .note(param.doc);
                if let (Ty::Choice(choices), toml::Value::String(given)) = (param.ty, &at.value) {
                    d = d.suggest(given, choices.iter().copied());
                }
                errors.push(d);
            }
        }
    }
    for param in kind.params.iter().filter(|p| p.default.is_none()) {
        if !known.raw.params.contains_key(param.name) {
            errors.push(
                Diagnostic::error("P13", format!("`{}` needs a `{}`", kind.name, param.name))
                    .at(&source, 0..0, "")
                    .note(param.doc)
                    .help(format!("add `{} = …`", param.name)),
            );
        }
    }
}

fn unknown_param(kind: &Kind, name: &str) -> Diagnostic {
    let names: Vec<&str> = kind.params.iter().map(|p| p.name).collect();
    let all = names.iter().copied().chain(ENVELOPE);
    Diagnostic::error("P03", format!("`{}` has no parameter `{name}`", kind.name))
        .note(format!("parameters of `{}`: {}", kind.name, ticked(&names)))
        .suggest(name, all)
}

/// The typed value, or what is wrong with it (to follow "`votes` of `judge` …").
pub fn value_of(ty: Ty, value: &toml::Value) -> Result<Value, String> {
    match (ty, value) {
        (Ty::Int { min, max }, toml::Value::Integer(v)) if (min..=max).contains(v) => {
            Ok(Value::Int(*v))
        }
        (Ty::Int { min, max }, _) => {
            Err(format!("is {value}; a whole number from {min} to {max} is meant"))
        }
        (Ty::Float { min, max }, toml::Value::Float(_) | toml::Value::Integer(_)) => {
            let v = value.as_float().or(value.as_integer().map(|i| i as f64)).unwrap_or(f64::NAN);
            if (min..=max).contains(&v) {
                Ok(Value::Float(v))
            } else {
                Err(format!("is {value}; a number from {min} to {max} is meant"))
            }
        }
        (Ty::Float { min, max }, _) => {
            Err(format!("is {value}; a number from {min} to {max} is meant"))
        }
        (Ty::Bool, toml::Value::Boolean(v)) => Ok(Value::Bool(*v)),
        (Ty::Bool, _) => Err(format!("is {value}; `true` or `false` is meant")),
        (Ty::Choice(choices), toml::Value::String(v)) if choices.contains(&v.as_str()) => {
            Ok(Value::Text(v.clone()))
        }
        (Ty::Choice(choices), _) => Err(format!("is {value}; one of {} is meant", ticked(choices))),
        (Ty::Texts | Ty::Weights, _) => {
            crate::stage::literal(ty, &value.to_string()).ok_or_else(|| {
                format!(
                    "is {value}; a {} is meant",
                    if ty == Ty::Texts { "list of texts" } else { "table of numbers" }
                )
            })
        }
        (Ty::Tables, toml::Value::Array(items)) if items.iter().all(toml::Value::is_table) => {
            Ok(Value::Text(value.to_string()))
        }
        // As a manifest keeps it; the kind reads the tables from its own file.
        (Ty::Tables, toml::Value::String(v)) => Ok(Value::Text(v.clone())),
        (Ty::Tables, _) => Err(format!("is {value}; `[[…]]` tables are meant")),
        (_, toml::Value::String(v)) => Ok(Value::Text(v.clone())),
        (_, _) => Err(format!("is {value}; a text is meant")),
    }
}

/// `names`: of all stages, those too that cannot be used and were told of.
pub fn apply_overrides(
    known: &mut [Known],
    names: &[String],
    overrides: &Overrides,
    errors: &mut Vec<Diagnostic>,
) {
    let all_known = names.len() == known.len();
    for Flag { flag, kind, param, value } in &overrides.flags {
        let label = format!("`{flag} {value}`");
        let mut meant = known.iter_mut().filter(|k| k.kind.name == *kind).peekable();
        if meant.peek().is_none() && all_known {
            errors.push(
                Diagnostic::error("P19", format!("{label} changes nothing"))
                    .note(format!("it sets `{param}` of `{kind}`, and no stage is of that kind"))
                    .help(format!("leave `{flag}` away")),
            );
        }
        for stage in meant {
            set(stage, param, value, &label, errors);
        }
    }
    for (name, param, text) in &overrides.set {
        match known.iter_mut().find(|k| k.raw.name == *name) {
            Some(stage) => {
                let label = format!("`--set {name}.{param}={text}`");
                set(stage, param, text, &label, errors);
            }
            None if names.contains(name) => {}
            None => errors.push(
                Diagnostic::error("P19", format!("`--set {name}.{param}`: no stage `{name}`"))
                    .suggest(name, names.iter().map(String::as_str)),
            ),
        }
    }
}

/// `label` is what the user wrote.
fn set(stage: &mut Known, param: &str, text: &str, label: &str, errors: &mut Vec<Diagnostic>) {
    let Some(declared) = stage.kind.param(param) else {
        let names = stage.kind.params.iter().map(|p| p.name);
        let title = format!("{label}: `{}` has no parameter `{param}`", stage.kind.name);
        let all: Vec<&str> = names.clone().collect();
        let note = format!("parameters of `{}`: {}", stage.kind.name, ticked(&all));
        errors.push(Diagnostic::error("P19", title).note(note).suggest(param, names));
        return;
    };
    let value: Option<toml::Value> =
        toml::from_str::<toml::Table>(&format!("v = {text}")).ok().and_then(|mut t| t.remove("v"));
    let value = value.unwrap_or_else(|| toml::Value::String(text.to_owned()));
    let value = match (declared.ty, value) {
        // A bare word that happens to read as another type is still a text.
        (Ty::Text | Ty::File | Ty::Template { .. }, v) if !v.is_str() => {
            toml::Value::String(text.to_owned())
        }
        (_, v) => v,
    };
    match value_of(declared.ty, &value) {
        Ok(value) => {
            stage.params.set(param, value);
            stage.spans.remove(param);
            stage.set_by.insert(param.to_owned(), label.to_owned());
        }
        Err(what) => {
            let title = format!("{label}: `{param}` of `{}` {what}", stage.kind.name);
            let mut d = Diagnostic::error("P19", title).note(declared.doc);
            if let Ty::Choice(choices) = declared.ty {
                d = d.suggest(text, choices.iter().copied());
            }
            errors.push(d);
        }
    }
}
