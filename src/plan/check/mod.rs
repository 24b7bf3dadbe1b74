//! From raw stages to a plan: kinds, parameters, roles, templates, edges, cycles, facts.

mod edges;
mod flow;
mod known;
mod params;
mod refs;
mod votes;

use crate::diag::{Diagnostic, Severity};
use crate::plan::check::edges::{check_edges, check_ends, order};
use crate::plan::check::flow::check_flow;
use crate::plan::check::known::Known;
use crate::plan::check::params::{apply_overrides, know};
use crate::plan::check::refs::{check_refs, check_used};
use crate::plan::check::votes::check_votes;
use crate::plan::overrides::Overrides;
use crate::plan::raw::RawStage;
use crate::plan::roles::Roles;
use crate::plan::{Edge, Plan, PlanStage, Project, raw, roles};
use crate::stage::{Compile, Files, Role};
use std::collections::BTreeMap;

/// A plan, if there were no errors, and every diagnostic.
pub struct Compiled {
    pub plan: Option<Plan>,
    pub diagnostics: Vec<Diagnostic>,
}

/// Compiles a project. Never panics on any text; reports everything it can find in one go.
pub fn compile(project: &Project, overrides: &Overrides) -> Compiled {
    let mut errors = Vec::new();
    let (raws, names) = read_stages(project, &mut errors);
    let roles = read_roles(project, &mut errors);
    check_names(&raws, &mut errors);
    let mut known: Vec<Known> =
        raws.into_iter().filter_map(|r| know(r, project.kinds, &mut errors)).collect();
    apply_overrides(&mut known, &names, overrides, &mut errors);
    for stage in &mut known {
        stage.params.complete(stage.kind);
        check_refs(stage, &roles, project, &mut errors);
    }
    let edges = check_edges(&known, &names, &mut errors);
    let order = order(&known, &edges, &mut errors);
    check_ends(&known, names.len() == known.len(), &mut errors);
    if let Some(order) = &order {
        check_flow(&known, &edges, order, &mut errors);
    }
    check_used(&known, &roles, project, &mut errors);
    check_votes(&known, &roles, &mut errors);
    let roles = roles.good;
    let stages = build(&known, &roles, project, overrides.seed, &mut errors);
    let failed = errors.iter().any(|d| d.severity == Severity::Error);
    if failed {
        // With a stage missing, ports without a reader are its consequence, not a second fault.
        errors.retain(|d| d.severity == Severity::Error);
    }
    let plan = match (order, stages, failed) {
        (Some(order), Some(stages), false) => {
            Some(assemble(project, overrides.seed, known, stages, edges, &order, roles))
        }
        _ => None,
    };
    Compiled { plan, diagnostics: errors }
}

/// The stages that can be read, and the names of all that are there.
fn read_stages(project: &Project, errors: &mut Vec<Diagnostic>) -> (Vec<RawStage>, Vec<String>) {
    let folder = format!("stages/{}", project.pipeline);
    let (mut raws, mut names) = (Vec::new(), Vec::new());
    for path in project.list(&folder) {
        let Some(name) =
            path.strip_prefix(&format!("{folder}/")).and_then(|n| n.strip_suffix(".toml"))
        else {
            continue;
        };
        // `_models.toml` holds roles.
        if name.starts_with('_') {
            continue;
        }
        names.push(name.to_owned());
        if let Some(source) = project.text(&path) {
            raws.extend(raw::parse(name, source, errors));
        }
    }
    (raws, names)
}

fn read_roles(project: &Project, errors: &mut Vec<Diagnostic>) -> Roles {
    let path = format!("stages/{}/_models.toml", project.pipeline);
    match project.text(&path) {
        Some(source) => roles::parse(&source, errors),
        None => {
            errors.push(
                Diagnostic::error("P20", format!("there is no `{path}`"))
                    .note("it names the pipeline's roles and what about each model shapes the data")
                    .help("copy `stages/paper/_models.toml`"),
            );
            Roles::default()
        }
    }
}

fn check_names(raws: &[RawStage], errors: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for raw in raws {
        let plain = !raw.name.is_empty()
            && raw.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !plain {
            errors.push(
                Diagnostic::error("P18", format!("stage name `{}` cannot be used", raw.name))
                    .at(&raw.source, 0..0, "")
                    .note("a stage's name is its file's name: lower-case letters, digits and `_`"),
            );
        }
        if let Some(other) = seen.insert(raw.name.to_lowercase(), &raw.name) {
            errors.push(
                Diagnostic::error(
                    "P17",
                    format!("stages `{other}` and `{}` share a name", raw.name),
                )
                .at(&raw.source, 0..0, "")
                .note("some disks do not tell upper from lower case")
                .help("rename one of them"),
            );
        }
    }
}

/// Compiles each stage; None when any cannot be.
fn build(
    known: &[Known],
    roles: &BTreeMap<String, Role>,
    project: &Project,
    seed: u64,
    errors: &mut Vec<Diagnostic>,
) -> Option<Vec<crate::stage::Stage>> {
    if errors.iter().any(|d| d.severity == Severity::Error) {
        return None;
    }
    let mut stages = Vec::new();
    for k in known {
        let mut cx = Compile {
            stage: &k.raw.name,
            params: &k.params,
            files: project,
            roles,
            seed,
            source: k.raw.source.clone(),
            spans: &k.spans,
        };
        match (k.kind.compile)(&mut cx) {
            Ok(stage) => stages.push(stage),
            Err(found) => {
                for d in found {
                    if !errors.iter().any(|e| e.title == d.title && e.code == d.code) {
                        errors.push(d);
                    }
                }
            }
        }
    }
    (stages.len() == known.len()).then_some(stages)
}

fn assemble(
    project: &Project,
    seed: u64,
    known: Vec<Known>,
    stages: Vec<crate::stage::Stage>,
    edges: Vec<Edge>,
    order: &[usize],
    roles: BTreeMap<String, Role>,
) -> Plan {
    let place: BTreeMap<usize, usize> =
        order.iter().enumerate().map(|(new, &old)| (old, new)).collect();
    let moved = |old: usize| place.get(&old).copied().unwrap_or(old);
    let mut sorted: Vec<(usize, PlanStage)> = known
        .into_iter()
        .zip(stages)
        .enumerate()
        .map(|(old, (k, stage))| {
            let about = k.raw.about.map(|a| a.value).unwrap_or_default();
            let Known { kind, params, .. } = k;
            let source = k.raw.source;
            (moved(old), PlanStage { name: k.raw.name, about, kind, params, stage, source })
        })
        .collect();
    sorted.sort_by_key(|(new, _)| *new);
    let edges = edges
        .into_iter()
        .map(|e| Edge { from: moved(e.from), port: e.port, to: moved(e.to) })
        .collect();
    Plan {
        pipeline: project.pipeline.clone(),
        seed,
        stages: sorted.into_iter().map(|(_, s)| s).collect(),
        edges,
        roles,
        files: project.used(),
    }
}
