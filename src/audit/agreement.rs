//! What several people said of the same decisions: how far they agree, where they do not, and what then
//! counts.
//!
//! Nobody's label takes another's place: all are kept. Where one decision has several labels, an
//! adjudicated one counts, else the majority, and where there is none, nobody's.

use crate::archive::Shape;
use crate::archive::labels::{Label, Truth};
use crate::audit::index::Index;
use crate::audit::stats::chance_agreement;
use crate::record::Id;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A labelled decision: a record at a stage.
pub type DecisionKey = (Id, String);

/// How far people agree.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct People {
    /// Labels by person.
    pub labels: BTreeMap<String, u64>,
    /// Decisions that more than one person has labelled.
    pub shared: u64,
    /// Cohen's kappa of each two who share decisions.
    pub pairs: Vec<Pairing>,
    /// Krippendorff's alpha (nominal) over all who share decisions; absent where nothing varies.
    pub alpha: Option<f64>,
    /// Decisions of which people say different things and nobody has adjudicated.
    pub open: Vec<Disagreement>,
}

/// Two people over the decisions that both have labelled.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pairing {
    pub a: String,
    pub b: String,
    pub shared: u64,
    pub agree: u64,
    /// Absent where one of the two never varies.
    pub kappa: Option<f64>,
}

/// One decision with its differing labels.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Disagreement {
    pub id: Id,
    pub stage: String,
    /// Who said what, with notes.
    pub said: Vec<Opinion>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Opinion {
    pub by: String,
    pub accept: bool,
    pub note: String,
}

/// What a label says should have been decided; None where it refers to a decision that is not there.
pub fn truth(label: &Label, accepted: Option<bool>) -> Option<bool> {
    match (label.truth, label.agree) {
        (Some(truth), _) => Some(truth == Truth::Accept),
        (None, Some(agree)) => accepted.map(|accepted| agree == accepted),
        (None, None) => None,
    }
}

/// What a stage decided of each record, as accept or reject.
pub fn decisions(index: &Index, shape: &Shape) -> BTreeMap<DecisionKey, bool> {
    let mut out = BTreeMap::new();
    for rows in &index.stages {
        let Some(kind) = shape.known(&rows.stage) else { continue };
        for row in 0..rows.len() {
            let (port, reason) =
                (index.names.get(rows.port[row]), index.names.get(rows.reason[row]));
            if let Some(accepted) = kind.accepted(rows.disposition[row], port, reason) {
                out.insert(
                    (index.records.id[rows.record[row] as usize], rows.stage.clone()),
                    accepted,
                );
            }
        }
    }
    out
}

/// Labels by decision: who said accept, who reject.
fn by_item<'a>(
    labels: &'a [Label],
    decided: &BTreeMap<DecisionKey, bool>,
) -> BTreeMap<DecisionKey, BTreeMap<&'a str, (bool, &'a Label)>> {
    let mut out: BTreeMap<DecisionKey, BTreeMap<&str, (bool, &Label)>> = BTreeMap::new();
    for label in labels {
        let item = (label.id, label.stage.clone());
        if let Some(accept) = truth(label, decided.get(&item).copied()) {
            out.entry(item).or_default().insert(&label.by, (accept, label));
        }
    }
    out
}

/// How far the people behind `labels` agree. Adjudications are no person's label.
pub fn people(labels: &[Label], decided: &BTreeMap<DecisionKey, bool>) -> People {
    let own: Vec<Label> = labels.iter().filter(|l| !l.adjudicates).cloned().collect();
    let settled: BTreeSet<DecisionKey> = labels
        .iter()
        .filter(|label| label.adjudicates)
        .map(|label| (label.id, label.stage.clone()))
        .collect();
    let items = by_item(&own, decided);
    let mut count: BTreeMap<String, u64> = BTreeMap::new();
    let mut tables: BTreeMap<(&str, &str), [f64; 4]> = BTreeMap::new();
    let mut open = Vec::new();
    for (item, said) in &items {
        said.keys().for_each(|by| *count.entry((*by).to_owned()).or_default() += 1);
        let people: Vec<(&str, bool)> =
            said.iter().map(|(by, (accept, _))| (*by, *accept)).collect();
        for (at, (a, x)) in people.iter().enumerate() {
            for (b, y) in &people[at + 1..] {
                let cell = match (x, y) {
                    (true, true) => 0,
                    (true, false) => 1,
                    (false, true) => 2,
                    (false, false) => 3,
                };
                tables.entry((a, b)).or_default()[cell] += 1.0;
            }
        }
        let differ = people.iter().any(|(_, accept)| *accept != people[0].1);
        if differ && !settled.contains(item) {
            open.push(disagreement(item, said));
        }
    }
    let pairs = tables.into_iter().map(|((a, b), table)| pairing(a, b, table)).collect();
    let shared: Vec<Vec<bool>> = items
        .values()
        .filter(|said| said.len() > 1)
        .map(|said| said.values().map(|(accept, _)| *accept).collect())
        .collect();
    People { labels: count, shared: shared.len() as u64, pairs, alpha: alpha(&shared), open }
}

fn disagreement(item: &DecisionKey, said: &BTreeMap<&str, (bool, &Label)>) -> Disagreement {
    let one = |(by, (accept, label)): (&&str, &(bool, &Label))| Opinion {
        by: (*by).to_owned(),
        accept: *accept,
        note: label.note.clone(),
    };
    Disagreement { id: item.0, stage: item.1.clone(), said: said.iter().map(one).collect() }
}

fn pairing(a: &str, b: &str, [yes, only_a, only_b, no]: [f64; 4]) -> Pairing {
    let all = yes + only_a + only_b + no;
    let chance = chance_agreement(yes, only_a, only_b, no);
    let agree = (yes + no) / all;
    let kappa =
        (chance < 1.0 - 1e-12).then(|| ((agree - chance) / (1.0 - chance)).clamp(-1.0, 1.0));
    Pairing {
        a: a.to_owned(),
        b: b.to_owned(),
        shared: all as u64,
        agree: (yes + no) as u64,
        kappa,
    }
}

/// Krippendorff's alpha of yes-or-no labels: a unit's labels, two at least. One minus the disagreement
/// observed within units over that expected between any two labels.
fn alpha(units: &[Vec<bool>]) -> Option<f64> {
    let all: f64 = units.iter().map(|unit| unit.len() as f64).sum();
    let yes: f64 = units.iter().flatten().filter(|label| **label).count() as f64;
    let observed: f64 = units
        .iter()
        .map(|unit| {
            let n = unit.len() as f64;
            let yes = unit.iter().filter(|label| **label).count() as f64;
            2.0 * yes * (n - yes) / (n - 1.0)
        })
        .sum::<f64>()
        / all;
    let expected = 2.0 * yes * (all - yes) / (all * (all - 1.0));
    (all > 1.0 && expected > 0.0).then(|| 1.0 - observed / expected)
}

/// The labels that count, one a decision at most: the adjudicated one, else the majority's. An even split
/// is nobody's.
pub fn settled(labels: &[Label], decided: &BTreeMap<DecisionKey, bool>) -> Vec<Label> {
    let mut out = Vec::new();
    let (adjudicated, own): (Vec<&Label>, Vec<&Label>) = labels.iter().partition(|l| l.adjudicates);
    let done: BTreeMap<DecisionKey, &Label> =
        adjudicated.into_iter().map(|label| ((label.id, label.stage.clone()), label)).collect();
    let own: Vec<Label> = own.into_iter().cloned().collect();
    out.extend(done.values().map(|label| (*label).clone()));
    for label in own.iter().filter(|l| !decided.contains_key(&(l.id, l.stage.clone()))) {
        // Labels on decisions that are not there are told of by whoever counts.
        out.push(label.clone());
    }
    for (item, said) in by_item(&own, decided) {
        if done.contains_key(&item) || !decided.contains_key(&item) {
            continue;
        }
        let yes = said.values().filter(|(accept, _)| *accept).count();
        let no = said.len() - yes;
        let wanted = yes > no;
        if yes != no
            && let Some((_, label)) = said.values().find(|(accept, _)| *accept == wanted)
        {
            out.push((*label).clone());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(n: u32, by: &str, accept: bool) -> Label {
        Label {
            id: Id::of("s", &n.to_string(), ""),
            stage: "judged".into(),
            agree: None,
            truth: Some(if accept { Truth::Accept } else { Truth::Reject }),
            weight: None,
            note: String::new(),
            by: by.into(),
            at_ms: None,
            adjudicates: false,
            retracted: false,
        }
    }

    fn decided(n: u32) -> BTreeMap<DecisionKey, bool> {
        (0..n).map(|n| ((Id::of("s", &n.to_string(), ""), "judged".to_owned()), true)).collect()
    }

    #[test]
    fn alpha_and_kappa_agree_with_the_textbook() {
        // Krippendorff (2011), binary data, two observers, ten units, no missing data: alpha 0.095.
        let a = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0];
        let b = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0];
        let units: Vec<Vec<bool>> = a.iter().zip(b).map(|(a, b)| vec![*a == 1, b == 1]).collect();
        assert!((alpha(&units).unwrap() - 0.095).abs() < 5e-4, "{:?}", alpha(&units));
        // Cohen's grant example: kappa 0.4.
        assert!((pairing("a", "b", [20.0, 5.0, 10.0, 15.0]).kappa.unwrap() - 0.4).abs() < 1e-9);
        assert_eq!(alpha(&[vec![true, true]]), None);
    }

    #[test]
    fn an_even_split_counts_for_nobody_until_it_is_adjudicated() {
        let mut labels = vec![
            label(0, "ann", true),
            label(0, "bob", false),
            label(1, "ann", true),
            label(1, "bob", true),
            label(1, "cho", false),
        ];
        let decided = decided(2);
        let found = people(&labels, &decided);
        assert_eq!((found.shared, found.open.len(), found.pairs.len()), (2, 2, 3));
        let kept = settled(&labels, &decided);
        assert_eq!(kept.len(), 1, "the majority of the second");
        assert_eq!(kept[0].truth, Some(Truth::Accept));
        labels.push(Label { adjudicates: true, ..label(0, "dee", false) });
        assert_eq!(settled(&labels, &decided).len(), 2);
        assert_eq!(people(&labels, &decided).open.len(), 1);
    }
}
