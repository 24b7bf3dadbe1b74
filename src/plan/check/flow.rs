//! What a record can have at each stage: facts pushed along the edges, needs held against them.

use crate::diag::Diagnostic;
use crate::plan::Edge;
use crate::plan::check::Known;
use crate::stage::{Arity, Facts};
use std::collections::{BTreeMap, BTreeSet};

pub fn check_flow(known: &[Known], edges: &[Edge], order: &[usize], errors: &mut Vec<Diagnostic>) {
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
