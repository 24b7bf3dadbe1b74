//! What a record can have at each stage: facts pushed along the edges, needs held against them.

use crate::diag::{Diagnostic, Severity};
use crate::plan::Edge;
use crate::plan::check::edges::receives;
use crate::plan::check::known::Known;
use crate::stage::{Arity, Facts, Port};
use std::collections::{BTreeMap, BTreeSet};

/// What can leave each stage by each port.
type Leaving = BTreeMap<(usize, &'static str), BTreeSet<Facts>>;

/// Pushes facts along the edges, and tells what lacks, and which ports can carry nothing or are
/// read by nobody.
pub fn check_flow(known: &[Known], edges: &[Edge], order: &[usize], errors: &mut Vec<Diagnostic>) {
    let (out, reached) = push(known, edges, order, errors);
    // Where something is missing already, an empty port is its consequence, not a second fault.
    if errors.iter().all(|d| d.severity == Severity::Warning) {
        check_ports(known, edges, &out, &reached, errors);
    }
}

fn push(
    known: &[Known],
    edges: &[Edge],
    order: &[usize],
    errors: &mut Vec<Diagnostic>,
) -> (Leaving, BTreeSet<usize>) {
    let mut reached = BTreeSet::new();
    let mut out = Leaving::new();
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
                    reached.insert(index);
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
    (out, reached)
}

fn check_ports(
    known: &[Known],
    edges: &[Edge],
    out: &Leaving,
    reached: &BTreeSet<usize>,
    errors: &mut Vec<Diagnostic>,
) {
    for &index in reached {
        let stage = &known[index];
        for port in stage.kind.ports {
            let mut readers = edges.iter().filter(|e| e.from == index && e.port == port.name);
            match (out.contains_key(&(index, port.name)), readers.next()) {
                (true, None) if !receives(known) => errors.push(goes_nowhere(stage, port)),
                (false, Some(edge)) => errors.push(never(stage, port, &known[edge.to])),
                (true, _) | (false, None) => {}
            }
        }
    }
}

fn goes_nowhere(stage: &Known, port: &Port) -> Diagnostic {
    Diagnostic::warning("W01", format!("port `{}.{}` goes nowhere", stage.raw.name, port.name))
        .at(&stage.raw.source, 0..0, "")
        .note(format!("what leaves by it ({}) is counted and forgotten", port.doc))
}

/// The port is there, but with these parameters and what arrives nothing can leave by it.
fn never(stage: &Known, port: &Port, reader: &Known) -> Diagnostic {
    let name = format!("{}.{}", stage.raw.name, port.name);
    let range = reader.raw.from.iter().find(|f| f.value == name).map_or(0..0, |f| f.range.clone());
    Diagnostic::error("P12", format!("nothing can come by `{name}`"))
        .at(&reader.raw.source, range, "read here")
        .note(format!("`{}` by that port: {}", stage.kind.name, port.doc))
        .note("the stage's parameters, or what reaches it, rule that out")
        .help(format!("see `coldstart kinds {}`, or remove `{name}` here", stage.kind.name))
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
