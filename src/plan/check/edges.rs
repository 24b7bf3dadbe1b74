//! The graph's shape: edges that exist, no circle, a source and one end.

use crate::diag::Diagnostic;
use crate::plan::Edge;
use crate::plan::check::{Known, ticked};
use crate::plan::raw::At;
use crate::stage::Arity;
use std::collections::BTreeSet;

pub fn check_edges(known: &[Known], names: &[String], errors: &mut Vec<Diagnostic>) -> Vec<Edge> {
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
        let takes = stage.kind.arity == Arity::Some;
        for from in stage.raw.from.iter().filter(|_| takes) {
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
            error("P05", format!("`{name}` is an end: nothing comes out of it"))
                .note(format!("it is a `{}`, which has no ports", kind.name)),
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

pub fn check_ends(known: &[Known], edges: &[Edge], empty: bool, errors: &mut Vec<Diagnostic>) {
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
