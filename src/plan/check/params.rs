//! A stage's parameters: known, of the right type, in range; and what `--set` says over them.

use crate::diag::{At, Diagnostic, ticked};
use crate::plan::check::known::Known;
use crate::plan::overrides::{Flag, Overrides};
use crate::plan::raw::{ENVELOPE, RawStage};
use crate::stage::{Kind, Kinds, Params, Ty, value_of, value_of_text};
use std::collections::BTreeMap;

pub fn know(raw: RawStage, kinds: Kinds, errors: &mut Vec<Diagnostic>) -> Option<Known> {
    let At { value, range } = raw.kind.clone()?;
    let Some(kind) = kinds.get(&value) else {
        let names: Vec<&str> = kinds.iter().map(|k| k.name).collect();
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
    for (name, entry) in &known.raw.params {
        let Some(param) = kind.param(name) else {
            errors.push(unknown_param(kind, name).at(&source, entry.key.clone(), ""));
            continue;
        };
        match value_of(param.ty, &entry.value) {
            Ok(value) => {
                known.params.set(name, value);
                known.spans.insert(name.clone(), entry.at.clone());
            }
            Err(what) => {
                let title = format!("`{name}` of `{}` {what}", kind.name);
                let mut d = Diagnostic::error("P04", title)
                    .at(&source, entry.at.clone(), "")
                    .note(param.doc);
                if let (Ty::Choice(choices), toml::Value::String(given)) = (param.ty, &entry.value)
                {
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

/// `names`: of all stages, those too that cannot be used and were told of.
pub fn apply_overrides(
    known: &mut [Known],
    names: &[String],
    overrides: &Overrides,
    errors: &mut Vec<Diagnostic>,
) {
    let all_known = names.len() == known.len();
    for Flag { flag, kind, param, value, unless } in &overrides.flags {
        let label = format!("`{flag} {value}`");
        let said = |k: &Known, word: &str| {
            let is = |(stage, param, value): &(String, String, String)| {
                *stage == k.raw.name && param == word && value == "true"
            };
            overrides.set.iter().any(is)
        };
        let refuses = |k: &Known| unless.is_some_and(|word| k.params.bool(word) || said(k, word));
        let mut meant = known.iter_mut().filter(|k| k.kind.name == *kind && !refuses(k)).peekable();
        if meant.peek().is_none() && all_known && unless.is_none() {
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
    match value_of_text(declared.ty, text) {
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
