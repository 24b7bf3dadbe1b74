//! What parameters name: roles, templates with their fields, files.

use crate::diag::{Diagnostic, SourceFile, ticked};
use crate::plan::Project;
use crate::plan::check::known::Known;
use crate::plan::roles::Roles;
use crate::stage::{Files, RoleKind, Ty};
use crate::template::Template;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

/// Roles, templates and files that parameters name.
pub fn check_refs(stage: &Known, roles: &Roles, project: &Project, errors: &mut Vec<Diagnostic>) {
    for (param, role, wants) in stage.kind.roles(&stage.params) {
        check_role(stage, (param, role), wants.is_none(), roles, errors);
    }
    for param in stage.kind.params {
        let word = stage.params.text(param.name);
        match param.ty {
            Ty::Template { must, may } if !word.is_empty() => {
                check_template(stage, param.name, (must, may), project, errors);
            }
            Ty::File if !word.is_empty() => {
                let there =
                    project.text(&format!("data/{word}")).is_some() || project.text(word).is_some();
                if !there {
                    let files = names_in(project, "data");
                    let note = format!("`{}` of `{}`: {}", param.name, stage.kind.name, param.doc);
                    let d = Diagnostic::error("P08", format!("no file `data/{word}`"))
                        .note(note)
                        .suggest(word, files.iter().map(String::as_str));
                    errors.push(stage.at(param.name, d));
                }
            }
            _ => {}
        }
    }
}

fn check_role(
    stage: &Known,
    (param, word): (&str, &str),
    wants_image: bool,
    roles: &Roles,
    errors: &mut Vec<Diagnostic>,
) {
    let list: Vec<&str> = roles.good.keys().map(String::as_str).collect();
    if roles.broken.contains(word) {
        return;
    }
    let Some(role) = roles.good.get(word) else {
        let d = Diagnostic::error("P06", format!("no role `{word}`"))
            .note(format!("roles of `_models.toml`: {}", ticked(&list)))
            .suggest(word, list.iter().copied());
        errors.push(stage.at(param, d));
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
        let title = format!("role `{word}` {is}; a role that {meant} is meant");
        let d = Diagnostic::error("P09", title).note(format!("roles that fit: {}", ticked(&fits)));
        errors.push(stage.at(param, d));
    }
}

fn check_template(
    stage: &Known,
    param: &str,
    fields: (&[&str], &[&str]),
    project: &Project,
    errors: &mut Vec<Diagnostic>,
) {
    let word = stage.params.text(param);
    let Some(source) = project.text(&format!("templates/{word}")) else {
        let files = names_in(project, "templates");
        let names: Vec<&str> = files.iter().map(String::as_str).collect();
        let d = Diagnostic::error("P07", format!("no template `templates/{word}`"))
            .note(format!("templates: {}", ticked(&names)))
            .suggest(word, files.iter().map(String::as_str));
        errors.push(stage.at(param, d));
        return;
    };
    match Template::parse(source) {
        // The same broken template may be named by several stages: say it once.
        Err(d) if errors.iter().any(|e| e.code == d.code && e.title == d.title) => {}
        Err(d) => errors.push(d),
        Ok(template) => {
            // A misspelt field is one error, not also a missing one.
            if check_fields(stage, word, &template, fields, errors) {
                check_whole(stage, param, &template, fields.0, errors);
            }
        }
    }
}

/// Whether every variable of the template is a field here.
fn check_fields(
    stage: &Known,
    word: &str,
    template: &Template,
    (must, may): (&[&str], &[&str]),
    errors: &mut Vec<Diagnostic>,
) -> bool {
    let fields: Vec<&str> = must.iter().chain(may).copied().collect();
    let mut whole = true;
    for variable in template.variables.iter().filter(|v| !fields.contains(&v.name.as_str())) {
        whole = false;
        let title = format!(
            "template `{word}` needs field `{}`, which `{}` does not have",
            variable.name, stage.raw.name
        );
        let d = Diagnostic::error("P10", title)
            .at(&template.source, variable.range.clone(), "")
            .note(format!("fields here: {}", ticked(&fields)))
            .suggest(&variable.name, fields.iter().copied());
        // Several stages of like kinds use one template: its slip is told once.
        let same = |e: &Diagnostic| e.code == "P10" && place(e) == place(&d);
        if !errors.iter().any(same) {
            errors.push(d);
        }
    }
    whole
}

/// A template that leaves out what its kind is about asks another question than the stage thinks.
fn check_whole(
    stage: &Known,
    param: &str,
    template: &Template,
    must: &[&str],
    errors: &mut Vec<Diagnostic>,
) {
    let word = stage.params.text(param);
    let used = |field: &&&str| template.variables.iter().any(|v| v.name == **field);
    for field in must.iter().filter(|field| !used(field)) {
        let title = format!("template `{word}` leaves out `{field}`");
        if errors.iter().any(|e| e.title == title) {
            continue;
        }
        let d = Diagnostic::error("P10", title)
            .at(&template.source, 0..0, "")
            .note(format!("`{}` asks about it: {}", stage.kind.name, ticked(must)))
            .help(format!("put `{{{{ {field} }}}}` where it belongs"));
        errors.push(d);
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
    let used: BTreeSet<&str> =
        known.iter().flat_map(|k| k.kind.roles(&k.params).map(|(_, role, _)| role)).collect();
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

fn find_header(source: &Arc<SourceFile>, name: &str) -> Range<usize> {
    let header = format!("[{name}]");
    source.text.find(&header).map_or(0..0, |at| at + 1..at + 1 + name.len())
}
