//! The graph's shape: edges that exist, no circle, a source and one end.

use crate::diag::{At, Diagnostic, ticked};
use crate::plan::Edge;
use crate::plan::check::known::Known;
use crate::stage::{Arity, Does, Kind};
use std::collections::BTreeSet;

pub fn check_edges(known: &[Known], names: &[String], errors: &mut Vec<Diagnostic>) -> Vec<Edge> {
    let mut edges: Vec<Edge> = Vec::new();
    for (to, stage) in known.iter().enumerate() {
        errors.extend(check_arity(stage));
        let takes = stage.kind.arity == Arity::Some;
        for from in stage.raw.from.iter().filter(|_| takes) {
            match resolve(from, stage, known, names) {
                Ok(Some((from_stage, port))) => {
                    let edge = Edge { from: from_stage, port, to };
                    if edges.contains(&edge) {
                        let title = format!("`{}` is the same edge as one before", from.value);
                        let d = Diagnostic::error("P17", title);
                        errors.push(d.at(&stage.raw.source, from.range.clone(), ""));
                    } else {
                        edges.push(edge);
                    }
                }
                Ok(None) => {}
                Err(d) => errors.push(*d),
            }
        }
    }
    edges
}

/// A source takes no `from`, everything else needs one.
fn check_arity(stage: &Known) -> Option<Diagnostic> {
    let (source, name) = (&stage.raw.source, stage.kind.name);
    match (stage.kind.arity, stage.raw.from.first()) {
        (Arity::None, Some(first)) => Some(
            Diagnostic::error("P15", format!("`{name}` is a source and takes no `from`"))
                .at(source, first.range.clone(), "")
                .help("remove `from`"),
        ),
        (Arity::Some, None) if !stage.raw.from_told => Some(
            Diagnostic::error("P01", format!("stage `{}` has no `from`", stage.raw.name))
                .at(source, 0..0, "")
                .note(format!("`{name}` works on records of other stages"))
                .help("add `from = [\"stage\"]`"),
        ),
        _ => None,
    }
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
    port_of(known[index].kind, name, port, error).map(|port| Some((index, port)))
}

/// The port that `name.port` or `name` means.
fn port_of(
    kind: &'static Kind,
    name: &str,
    port: Option<&str>,
    error: impl Fn(&'static str, String) -> Diagnostic,
) -> Result<&'static str, Box<Diagnostic>> {
    let ports: Vec<&str> = kind.ports.iter().map(|p| p.name).collect();
    let note = format!("`{name}` is a `{}`; its ports: {}", kind.name, ticked(&ports));
    let fault = match (port, kind.ports) {
        (_, []) => error("P05", format!("`{name}` is an end: nothing comes out of it"))
            .note(format!("it is a `{}`, which has no ports", kind.name)),
        (None, [only]) => return Ok(only.name),
        (None, [first, ..]) => {
            error("P05", format!("`{name}` has several ports; `from` must name one"))
                .note(note)
                .help(format!("write `{name}.{}`", first.name))
        }
        (Some(port), all) => match all.iter().find(|p| p.name == port) {
            Some(found) => return Ok(found.name),
            None => {
                let d = error("P05", format!("stage `{name}` has no port `{port}`")).note(note);
                match crate::diag::did_you_mean(port, ports.iter().copied()) {
                    Some(near) => d.help(format!("did you mean `{name}.{near}`?")),
                    None => d,
                }
            }
        },
    };
    Err(Box::new(fault))
}

/// A topological order, or the cycle as an error.
pub fn order(known: &[Known], edges: &[Edge], errors: &mut Vec<Diagnostic>) -> Option<Vec<usize>> {
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

/// Whether the pipeline is a service's: what comes out goes back to who asked.
pub fn receives(known: &[Known]) -> bool {
    known.iter().any(|k| k.kind.does == Does::Receive)
}

/// `whole`: every stage is known, so that what is missing is not one that was told of already.
pub fn check_ends(known: &[Known], whole: bool, errors: &mut Vec<Diagnostic>) {
    let ends = |k: &&Known| k.kind.ports.is_empty() && k.kind.does != Does::Canary;
    let sinks: Vec<&Known> = known.iter().filter(ends).collect();
    if whole && !known.iter().any(|k| k.kind.arity == Arity::None) {
        errors.push(
            Diagnostic::error("P14", "the pipeline has no source")
                .help("add a stage of kind `read_pool` or `synthesize_prompts`"),
        );
    }
    match sinks[..] {
        [] if !whole || receives(known) => {}
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
}
