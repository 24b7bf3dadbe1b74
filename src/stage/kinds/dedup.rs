//! `dedup`: the pool's exact and near duplicates, kept by keyed hash.

use crate::diag::Diagnostic;
use crate::record::{Evidence, Id, Trajectory};
use crate::stage::{
    Arity, Compile, Does, Facts, Gather, Kind, Param, Params, Port, Reason, Ruling, Stage, To, Ty,
};
use crate::text::dedup::{self, Dedup};

pub const KIND: Kind = Kind {
    name: "dedup",
    about: "Keeps one of each group of equal or nearly equal prompts.",
    docs: "Sees the whole stream. Exact means equal after folding case, punctuation and white \
           space; near means a word-set likeness of at least `threshold` (MinHash) with the same \
           numbers, colours, sizes, relations and negations: `two red cats` and `three red cats` \
           are not duplicates. Which one is kept is decided by a keyed hash of the ids, so order \
           and shards do not matter.",
    does: Does::Filter,
    accepts: &["unique"],
    rejects: &["exact_duplicate", "near_duplicate"],
    arity: Arity::Some,
    ports: &[Port { name: "unique", doc: "first of its group" }],
    reasons: &[
        Reason {
            code: "exact_duplicate",
            doc: "the same words as another prompt, or the same row",
        },
        Reason { code: "near_duplicate", doc: "nearly the same words as another prompt" },
    ],
    params: &[Param {
        name: "threshold",
        ty: Ty::Float { min: 0.3, max: 1.0 },
        default: Some("0.7"),
        doc: "likeness from which two prompts are near duplicates",
    }],
    flow,
    flow_all: None,
    compile,
};

fn flow(_: &Params, facts: Facts) -> Result<Vec<(&'static str, Facts)>, String> {
    Ok(vec![("unique", facts)])
}

fn compile(cx: &mut Compile<'_>) -> Result<Stage, Vec<Diagnostic>> {
    let threshold = cx.params.float("threshold") as f32;
    Ok(Stage::Gather(Box::new(DedupStage {
        dedup: Dedup::new(threshold, cx.seed),
        threshold,
        seed: cx.seed,
        offered: Vec::new(),
    })))
}

struct DedupStage {
    dedup: Dedup,
    threshold: f32,
    seed: u64,
    /// Every offer, 16 bytes each: a row that is read twice has one id and two offers.
    offered: Vec<Id>,
}

impl Gather for DedupStage {
    fn offer(&mut self, trajectory: &Trajectory) {
        self.offered.push(trajectory.prompt.id);
        self.dedup.offer(trajectory.prompt.id, &trajectory.prompt.text);
    }

    fn rule(&mut self) -> Vec<Ruling> {
        let gathered = std::mem::replace(&mut self.dedup, Dedup::new(self.threshold, self.seed));
        let mut rulings: Vec<Ruling> =
            gathered.finish().into_iter().map(|(id, ruling)| to_ruling(id, ruling)).collect();
        let mut offered = std::mem::take(&mut self.offered);
        offered.sort_unstable();
        let again = offered.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]);
        rulings.extend(again.map(|id| to_ruling(id, dedup::Ruling::Exact { peer: id })));
        rulings
    }

    fn amend(&self, trajectory: Trajectory) -> Trajectory {
        trajectory
    }
}

fn to_ruling(id: Id, ruling: dedup::Ruling) -> Ruling {
    let (to, evidence) = match ruling {
        dedup::Ruling::Keep => (To::Port("unique"), Evidence::default()),
        dedup::Ruling::Exact { peer } => {
            (To::Drop("exact_duplicate"), Evidence { peer: Some(peer), ..Evidence::default() })
        }
        dedup::Ruling::Near { peer, similarity } => (
            To::Drop("near_duplicate"),
            Evidence { peer: Some(peer), score: Some(similarity), ..Evidence::default() },
        ),
    };
    Ruling { id, outcome: None, to, evidence }
}
