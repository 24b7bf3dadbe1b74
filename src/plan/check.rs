//! From raw stages to a plan: kinds, parameters, roles, templates, edges, cycles, facts.

use crate::diag::{Diagnostic, Severity, Source};
use crate::plan::raw::{At, ENVELOPE, RawStage};
use crate::plan::{Edge, Plan, PlanStage, Project, raw, roles};
use crate::stage::{
    Arity, Compile, Facts, Files, KINDS, Kind, Params, Role, RoleKind, Ty, Value, kind,
};
use crate::template::Template;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

/// What the command line says over the files.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    pub seed: u64,
    /// (stage, parameter, value as in TOML), from `--set`.
    pub set: Vec<(String, String, String)>,
    /// (kind, parameter, value): `--pool`, `--target`.
    pub set_kind: Vec<(&'static str, &'static str, String)>,
}

/// A plan, if there were no errors, and every diagnostic.
pub struct Compiled {
    pub plan: Option<Plan>,
    pub diagnostics: Vec<Diagnostic>,
}

/// A stage whose kind is known.
struct Known {
    raw: RawStage,
    kind: &'static Kind,
    params: Params,
    spans: BTreeMap<String, Range<usize>>,
}

/// Compiles a project. Never panics on any text; reports everything it can find in one go.
pub fn compile(project: &Project, overrides: &Overrides) -> Compiled {
    let mut errors = Vec::new();
    let raws = read_stages(project, &mut errors);
    let roles = read_roles(project, &mut errors);
    check_names(&raws, &mut errors);
    let names: Vec<String> = raws.iter().map(|r| r.name.clone()).collect();
    let mut known: Vec<Known> = raws.into_iter().filter_map(|r| know(r, &mut errors)).collect();
    apply_overrides(&mut known, overrides, &mut errors);
    for stage in &mut known {
        stage.params.complete(stage.kind);
        check_refs(stage, &roles, project, &mut errors);
    }
    let edges = check_edges(&known, &names, &mut errors);
    let order = order(&known, &edges, &mut errors);
    check_ends(&known, &edges, names.is_empty(), &mut errors);
    if let Some(order) = &order {
        check_flow(&known, &edges, order, &mut errors);
    }
    check_used(&known, &edges, &roles, project, &mut errors);
    let stages = build(&known, &roles, project, overrides.seed, &mut errors);
    let failed = errors.iter().any(|d| d.severity == Severity::Error);
    let plan = match (order, stages, failed) {
        (Some(order), Some(stages), false) => {
            Some(assemble(project, overrides.seed, known, stages, edges, &order, roles))
        }
        _ => None,
    };
    Compiled { plan, diagnostics: errors }
}

fn read_stages(project: &Project, errors: &mut Vec<Diagnostic>) -> Vec<RawStage> {
    let folder = format!("stages/{}", project.pipeline);
    let mut raws = Vec::new();
    for path in project.list(&folder) {
        let Some(name) =
            path.strip_prefix(&format!("{folder}/")).and_then(|n| n.strip_suffix(".toml"))
        else {
            continue;
        };
        // `_models.toml` holds roles; `pool.toml` may list sources beside a stage of that name.
        if name.starts_with('_') {
            continue;
        }
        if let Some(source) = project.text(&path) {
            raws.extend(raw::parse(name, source, errors));
        }
    }
    raws
}

fn read_roles(project: &Project, errors: &mut Vec<Diagnostic>) -> BTreeMap<String, Role> {
    let path = format!("stages/{}/_models.toml", project.pipeline);
    match project.text(&path) {
        Some(source) => roles::parse(&source, errors),
        None => {
            errors.push(
                Diagnostic::error("P20", format!("there is no `{path}`"))
                    .note("it names the pipeline's roles and what about each model shapes the data")
                    .help("copy `stages/paper/_models.toml`"),
            );
            BTreeMap::new()
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

fn know(raw: RawStage, errors: &mut Vec<Diagnostic>) -> Option<Known> {
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
    let mut known = Known { raw, kind, params: Params::default(), spans: BTreeMap::new() };
    read_params(&mut known, errors);
    Some(known)
}

fn read_params(known: &mut Known, errors: &mut Vec<Diagnostic>) {
    let kind = known.kind;
    let source = known.raw.source.clone();
    for (name, (place, at)) in &known.raw.params {
        let Some(param) = kind.param(name) else {
            let names: Vec<&str> = kind.params.iter().map(|p| p.name).collect();
            let all: Vec<&str> = names.iter().copied().chain(ENVELOPE).collect();
            errors.push(
                Diagnostic::error("P03", format!("`{}` has no parameter `{name}`", kind.name))
                    .at(&source, place.clone(), "")
                    .note(format!("parameters of `{}`: {}", kind.name, ticked(&names)))
                    .suggest(name, all.iter().copied()),
            );
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

/// The typed value, or what is wrong with it (to follow "`votes` of `judge` …").
fn value_of(ty: Ty, value: &toml::Value) -> Result<Value, String> {
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
        (Ty::Tables, _) => Err(format!("is {value}; `[[…]]` tables are meant")),
        (_, toml::Value::String(v)) => Ok(Value::Text(v.clone())),
        (_, _) => Err(format!("is {value}; a text is meant")),
    }
}

fn ticked(words: &[&str]) -> String {
    words.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ")
}

fn apply_overrides(known: &mut [Known], overrides: &Overrides, errors: &mut Vec<Diagnostic>) {
    for (kind, param, text) in &overrides.set_kind {
        for stage in known.iter_mut().filter(|k| k.kind.name == *kind) {
            set(stage, param, text, errors);
        }
    }
    for (name, param, text) in &overrides.set {
        let names: Vec<String> = known.iter().map(|k| k.raw.name.clone()).collect();
        match known.iter_mut().find(|k| k.raw.name == *name) {
            Some(stage) => set(stage, param, text, errors),
            None => errors.push(
                Diagnostic::error("P19", format!("`--set {name}.{param}`: no stage `{name}`"))
                    .suggest(name, names.iter().map(String::as_str)),
            ),
        }
    }
}

fn set(stage: &mut Known, param: &str, text: &str, errors: &mut Vec<Diagnostic>) {
    let label = format!("`--set {}.{param}={text}`", stage.raw.name);
    let Some(declared) = stage.kind.param(param) else {
        let names = stage.kind.params.iter().map(|p| p.name);
        let title = format!("{label}: `{}` has no parameter `{param}`", stage.kind.name);
        errors.push(Diagnostic::error("P19", title).suggest(param, names));
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
        Ok(value) => stage.params.set(param, value),
        Err(what) => errors.push(Diagnostic::error("P19", format!("{label}: `{param}` {what}"))),
    }
}

/// Roles, templates and files that parameters name.
fn check_refs(
    stage: &Known,
    roles: &BTreeMap<String, Role>,
    project: &Project,
    errors: &mut Vec<Diagnostic>,
) {
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
    roles: &BTreeMap<String, Role>,
    errors: &mut Vec<Diagnostic>,
) {
    let list: Vec<&str> = roles.keys().map(String::as_str).collect();
    let Some(role) = roles.get(word) else {
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
                errors.push(
                    Diagnostic::error("P10", title)
                        .at(&template.source, variable.range.clone(), "")
                        .note(format!(
                            "fields here, from kind `{}`: {}",
                            stage.kind.name,
                            ticked(fields)
                        ))
                        .suggest(&variable.name, fields.iter().copied()),
                );
            }
        }
    }
}

fn names_in(project: &Project, folder: &str) -> Vec<String> {
    let prefix = format!("{folder}/");
    project
        .list(folder)
        .into_iter()
        .filter_map(|p| p.strip_prefix(&prefix).map(str::to_owned))
        .collect()
}

fn check_edges(known: &[Known], names: &[String], errors: &mut Vec<Diagnostic>) -> Vec<Edge> {
    let mut edges: Vec<Edge> = Vec::new();
    for (to, stage) in known.iter().enumerate() {
        match (stage.kind.arity, stage.raw.from.first()) {
            (Arity::None, Some(first)) => errors.push(
                Diagnostic::error(
                    "P15",
                    format!("`{}` is a source and takes no `from`", stage.kind.name),
                )
                .at(&stage.raw.source, first.range.clone(), "")
                .help("remove `from`"),
            ),
            (Arity::Some, None) => errors.push(
                Diagnostic::error("P01", format!("stage `{}` has no `from`", stage.raw.name))
                    .at(&stage.raw.source, 0..0, "")
                    .note(format!("`{}` works on records of other stages", stage.kind.name))
                    .help("add `from = [\"stage\"]`"),
            ),
            _ => {}
        }
        for from in &stage.raw.from {
            match resolve(from, stage, known, names) {
                Ok(Some(edge))
                    if edges.iter().any(|e| (e.from, e.port, e.to) == (edge.0, edge.1, to)) =>
                {
                    errors.push(
                        Diagnostic::error(
                            "P17",
                            format!("`{}` is the same edge as one before", from.value),
                        )
                        .at(&stage.raw.source, from.range.clone(), ""),
                    );
                }
                Ok(Some((from, port))) => edges.push(Edge { from, port, to }),
                Ok(None) => {}
                Err(d) => errors.push(*d),
            }
        }
    }
    edges
}

/// (stage index, port); None when the stage is there but broken (reported elsewhere).
fn resolve(
    from: &At<String>,
    stage: &Known,
    known: &[Known],
    names: &[String],
) -> Result<Option<(usize, &'static str)>, Box<Diagnostic>> {
    let (name, port) = match from.value.split_once('.') {
        Some((name, port)) => (name, Some(port)),
        None => (from.value.as_str(), None),
    };
    let error = |code, title: String| {
        Diagnostic::error(code, title).at(&stage.raw.source, from.range.clone(), "read here")
    };
    let Some(index) = known.iter().position(|k| k.raw.name == name) else {
        if names.iter().any(|n| n == name) {
            return Ok(None);
        }
        let known_names = names.iter().map(String::as_str);
        return Err(Box::new(
            error("P05", format!("no stage `{name}`")).suggest(name, known_names),
        ));
    };
    let kind = known[index].kind;
    let ports: Vec<&str> = kind.ports.iter().map(|p| p.name).collect();
    let note = format!("`{name}` is a `{}`; its ports: {}", kind.name, ticked(&ports));
    match port {
        _ if ports.is_empty() => Err(Box::new(
            error("P05", format!("`{name}` is an end: nothing comes out of it")).note(note),
        )),
        Some(port) => match kind.ports.iter().find(|p| p.name == port) {
            Some(found) => Ok(Some((index, found.name))),
            None => {
                let near = crate::diag::did_you_mean(port, ports.iter().copied());
                let mut d = error("P05", format!("stage `{name}` has no port `{port}`")).note(note);
                if let Some(near) = near {
                    d = d.help(format!("did you mean `{name}.{near}`?"));
                }
                Err(Box::new(d))
            }
        },
        None if kind.ports.len() == 1 => Ok(Some((index, kind.ports[0].name))),
        None => Err(Box::new(
            error("P05", format!("`{name}` has several ports; `from` must name one"))
                .note(note)
                .help(format!("write `{name}.{}`", ports[0])),
        )),
    }
}

/// A topological order, or the cycle as an error.
fn order(known: &[Known], edges: &[Edge], errors: &mut Vec<Diagnostic>) -> Option<Vec<usize>> {
    let mut left: BTreeSet<usize> = (0..known.len()).collect();
    let mut order = Vec::new();
    while !left.is_empty() {
        let ready: Vec<usize> = left
            .iter()
            .copied()
            .filter(|&s| !edges.iter().any(|e| e.to == s && left.contains(&e.from)))
            .collect();
        if ready.is_empty() {
            errors.push(cycle(known, edges, &left));
            return None;
        }
        for stage in ready {
            left.remove(&stage);
            order.push(stage);
        }
    }
    Some(order)
}

/// Every stage of `left` that lies downstream of a cycle has a predecessor in `left`; walking back
/// must come round.
fn cycle(known: &[Known], edges: &[Edge], left: &BTreeSet<usize>) -> Diagnostic {
    let mut path: Vec<usize> = left.iter().copied().take(1).collect();
    let chain = loop {
        let Some(&here) = path.last() else { break Vec::new() };
        let Some(before) = edges.iter().find(|e| e.to == here && left.contains(&e.from)) else {
            break path.clone();
        };
        if let Some(at) = path.iter().position(|&s| s == before.from) {
            let mut chain = path[at..].to_vec();
            chain.push(before.from);
            chain.reverse();
            break chain;
        }
        path.push(before.from);
    };
    let names: Vec<String> = chain.iter().map(|&s| format!("`{}`", known[s].raw.name)).collect();
    let d = Diagnostic::error("P11", "stages feed each other in a circle")
        .note(format!("the chain: {}", names.join(" -> ")))
        .help("cut one of these edges");
    match chain.first().and_then(|&s| known[s].raw.from.first().map(|f| (s, f))) {
        Some((s, from)) => d.at(&known[s].raw.source, from.range.clone(), ""),
        None => d,
    }
}

fn check_ends(known: &[Known], edges: &[Edge], empty: bool, errors: &mut Vec<Diagnostic>) {
    let sinks: Vec<&Known> = known.iter().filter(|k| k.kind.ports.is_empty()).collect();
    if empty || !known.iter().any(|k| k.kind.arity == Arity::None) {
        errors.push(
            Diagnostic::error("P14", "the pipeline has no source")
                .help("add a stage of kind `read_pool` or `synthesize_prompts`"),
        );
    }
    match sinks[..] {
        [] => errors.push(
            Diagnostic::error("P14", "the pipeline has no end")
                .help("add a stage of kind `write_dataset`"),
        ),
        [_] => {}
        [first, second, ..] => errors.push(
            Diagnostic::error("P18", "two stages write the dataset")
                .at(&second.raw.source, 0..0, "")
                .note(format!("`{}` and `{}`", first.raw.name, second.raw.name))
                .help("remove one, or give each a pipeline of its own"),
        ),
    }
    for (index, stage) in known.iter().enumerate() {
        for port in stage.kind.ports {
            if !edges.iter().any(|e| e.from == index && e.port == port.name) {
                let title = format!("port `{}.{}` goes nowhere", stage.raw.name, port.name);
                errors.push(
                    Diagnostic::warning("W01", title)
                        .at(&stage.raw.source, 0..0, "")
                        .note(format!("what leaves by it ({}) is counted and forgotten", port.doc)),
                );
            }
        }
    }
}

fn check_flow(known: &[Known], edges: &[Edge], order: &[usize], errors: &mut Vec<Diagnostic>) {
    let mut out: BTreeMap<(usize, &'static str), BTreeSet<Facts>> = BTreeMap::new();
    for &index in order {
        let stage = &known[index];
        let mut arriving: BTreeSet<(Facts, usize)> = BTreeSet::new();
        if stage.kind.arity == Arity::None {
            arriving.insert((Facts::default(), index));
        }
        for edge in edges.iter().filter(|e| e.to == index) {
            for facts in out.get(&(edge.from, edge.port)).into_iter().flatten() {
                arriving.insert((*facts, edge.from));
            }
        }
        if let (Some(check), Some(&(facts, from))) = (stage.kind.flow_all, arriving.first()) {
            let all: Vec<Facts> = arriving.iter().map(|(facts, _)| *facts).collect();
            if let Err(lack) = check(&stage.params, &all) {
                errors.push(lacking(stage, &known[from], facts, &lack));
            }
        }
        let mut said = BTreeSet::new();
        for (facts, from) in arriving {
            match (stage.kind.flow)(&stage.params, facts) {
                Ok(leaving) => {
                    for (port, facts) in leaving {
                        out.entry((index, port)).or_default().insert(facts);
                    }
                }
                Err(lack) if said.insert((lack.clone(), from)) => {
                    errors.push(lacking(stage, &known[from], facts, &lack));
                }
                Err(_) => {}
            }
        }
    }
}

fn lacking(stage: &Known, from: &Known, facts: Facts, lack: &str) -> Diagnostic {
    let range = stage
        .raw
        .from
        .iter()
        .find(|f| f.value.split('.').next() == Some(&from.raw.name))
        .map_or(0..0, |f| f.range.clone());
    Diagnostic::error("P12", format!("`{}` needs {lack}, which cannot be there", stage.raw.name))
        .at(&stage.raw.source, range, "")
        .note(format!("what comes from `{}`: {}", from.raw.name, facts.describe()))
}

fn check_used(
    known: &[Known],
    _edges: &[Edge],
    roles: &BTreeMap<String, Role>,
    project: &Project,
    errors: &mut Vec<Diagnostic>,
) {
    let used: BTreeSet<&str> = known
        .iter()
        .flat_map(|k| k.kind.params.iter().map(move |p| (k, p)))
        .filter(|(_, p)| matches!(p.ty, Ty::Chat | Ty::Image))
        .map(|(k, p)| k.params.text(p.name))
        .collect();
    let path = format!("stages/{}/_models.toml", project.pipeline);
    let Some(source) = project.text(&path) else { return };
    for name in roles.keys().filter(|name| !used.contains(name.as_str())) {
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
