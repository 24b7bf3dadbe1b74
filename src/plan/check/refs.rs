//! What parameters name: roles, templates with their fields, files.

use crate::diag::{Diagnostic, Source};
use crate::plan::Project;
use crate::plan::check::{Known, ticked};
use crate::plan::roles::Roles;
use crate::stage::{Files, RoleKind, Ty};
use crate::template::Template;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

/// Roles, templates and files that parameters name.
pub fn check_refs(stage: &Known, roles: &Roles, project: &Project, errors: &mut Vec<Diagnostic>) {
    for param in stage.kind.params {
        let word = stage.params.text(param.name);
        let span = stage.spans.get(param.name).cloned().unwrap_or(0..0);
        match param.ty {
            Ty::Chat | Ty::Image if !word.is_empty() => {
                let wants_image = param.ty == Ty::Image;
                check_role(stage, word, span, wants_image, roles, errors);
            }
            Ty::Template { fields } if !word.is_empty() => {
                check_template(stage, word, span, fields, project, errors);
            }
            Ty::File if !word.is_empty() => {
                let there =
                    project.text(&format!("data/{word}")).is_some() || project.text(word).is_some();
                if !there {
                    let files = names_in(project, "data");
                    errors.push(
                        Diagnostic::error("P08", format!("no file `data/{word}`"))
                            .at(&stage.raw.source, span, "")
                            .note(format!(
                                "`{}` of `{}`: {}",
                                param.name, stage.kind.name, param.doc
                            ))
                            .suggest(word, files.iter().map(String::as_str)),
                    );
                }
            }
            _ => {}
        }
    }
}

fn check_role(
    stage: &Known,
    word: &str,
    span: Range<usize>,
    wants_image: bool,
    roles: &Roles,
    errors: &mut Vec<Diagnostic>,
) {
    let list: Vec<&str> = roles.good.keys().map(String::as_str).collect();
    if roles.broken.contains(word) {
        return;
    }
    let Some(role) = roles.good.get(word) else {
        errors.push(
            Diagnostic::error("P06", format!("no role `{word}`"))
                .at(&stage.raw.source, span, "")
                .note(format!("roles of `_models.toml`: {}", ticked(&list)))
                .suggest(word, list.iter().copied()),
        );
        return;
    };
    if matches!(role.kind, RoleKind::Image { .. }) != wants_image {
        let (is, meant) = if wants_image { ("chats", "draws") } else { ("draws", "chats") };
        let fits: Vec<&str> = roles
            .good
            .values()
            .filter(|r| matches!(r.kind, RoleKind::Image { .. }) == wants_image)
            .map(|r| r.name.as_str())
            .collect();
        errors.push(
            Diagnostic::error("P09", format!("role `{word}` {is}; a role that {meant} is meant"))
                .at(&stage.raw.source, span, "")
                .note(format!("roles that fit: {}", ticked(&fits))),
        );
    }
}

fn check_template(
    stage: &Known,
    word: &str,
    span: Range<usize>,
    fields: &[&str],
    project: &Project,
    errors: &mut Vec<Diagnostic>,
) {
    let Some(source) = project.text(&format!("templates/{word}")) else {
        let files = names_in(project, "templates");
        errors.push(
            Diagnostic::error("P07", format!("no template `templates/{word}`"))
                .at(&stage.raw.source, span, "")
                .suggest(word, files.iter().map(String::as_str)),
        );
        return;
    };
    match Template::parse(source) {
        // The same broken template may be named by several stages: say it once.
        Err(d) if errors.iter().any(|e| e.code == d.code && e.title == d.title) => {}
        Err(d) => errors.push(d),
        Ok(template) => {
            for variable in &template.variables {
                if fields.contains(&variable.name.as_str()) {
                    continue;
                }
                let title = format!(
                    "template `{word}` needs field `{}`, which `{}` does not have",
                    variable.name, stage.raw.name
                );
                let d = Diagnostic::error("P10", title)
                    .at(&template.source, variable.range.clone(), "")
                    .note(format!("fields here: {}", ticked(fields)))
                    .suggest(&variable.name, fields.iter().copied());
                // Several stages of like kinds use one template: its slip is told once.
                let same = |e: &Diagnostic| e.code == "P10" && place(e) == place(&d);
                if !errors.iter().any(same) {
                    errors.push(d);
                }
            }
        }
    }
}

fn place(d: &Diagnostic) -> Option<(&str, usize)> {
    d.span.as_ref().map(|s| (s.source.path.as_str(), s.range.start))
}

fn names_in(project: &Project, folder: &str) -> Vec<String> {
    let prefix = format!("{folder}/");
    project
        .list(folder)
        .into_iter()
        .filter_map(|p| p.strip_prefix(&prefix).map(str::to_owned))
        .collect()
}

pub fn check_used(known: &[Known], roles: &Roles, project: &Project, errors: &mut Vec<Diagnostic>) {
    let used: BTreeSet<&str> = known
        .iter()
        .flat_map(|k| k.kind.params.iter().map(move |p| (k, p)))
        .filter(|(_, p)| matches!(p.ty, Ty::Chat | Ty::Image))
        .map(|(k, p)| k.params.text(p.name))
        .collect();
    let path = format!("stages/{}/_models.toml", project.pipeline);
    let Some(source) = project.text(&path) else { return };
    for name in roles.good.keys().filter(|name| !used.contains(name.as_str())) {
        let range = find_header(&source, name);
        errors.push(
            Diagnostic::warning("W02", format!("role `{name}` is asked by no stage"))
                .at(&source, range, ""),
        );
    }
}

fn find_header(source: &Arc<Source>, name: &str) -> Range<usize> {
    let header = format!("[{name}]");
    source.text.find(&header).map_or(0..0, |at| at + 1..at + 1 + name.len())
}
