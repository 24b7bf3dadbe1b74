//! What the file above promises, by example.

use super::*;
use crate::record::StageReport;

fn stage(name: &str, from: &[&str], ports: &[&str]) -> ManifestStage {
    ManifestStage {
        name: name.into(),
        kind: "judge".into(),
        about: String::new(),
        from: from.iter().map(|s| (*s).to_owned()).collect(),
        ports: ports.iter().map(|s| (*s).to_owned()).collect(),
        params: BTreeMap::new(),
    }
}

fn manifest(stages: Vec<ManifestStage>) -> Manifest {
    Manifest {
        format: 1,
        version: String::new(),
        pipeline: String::new(),
        digest: String::new(),
        seed: 0,
        simulated: false,
        stages,
        models: BTreeMap::new(),
        pools: BTreeMap::new(),
        files: BTreeMap::new(),
        limit: None,
    }
}

fn past(entered: f64, ports: &[(&str, f64)], calls: f64) -> Past {
    let used = Use { calls: calls * entered, cost: 0.1 * calls * entered, ..Use::default() };
    Past {
        entered,
        ports: ports.iter().map(|(port, n)| ((*port).to_owned(), *n)).collect(),
        used: [("judge".to_owned(), used)].into(),
    }
}

#[test]
fn unbought_records_are_sent_on_by_the_shares_of_before() {
    let manifest = manifest(vec![
        stage("judged", &[], &["yes", "no"]),
        stage("again", &["judged.no"], &["out"]),
    ]);
    let history = History {
        from: "pilot".into(),
        stages: [
            ("judged".to_owned(), past(10.0, &[("yes", 4.0), ("no", 5.0)], 2.0)),
            ("again".to_owned(), past(5.0, &[("out", 5.0)], 1.0)),
        ]
        .into(),
        ..History::default()
    };
    let stuck = StageReport { stage: "judged".into(), failed: 100, ..StageReport::default() };
    let report = Report { stages: vec![stuck], ..Report::default() };
    let found = forecast(&manifest, &report, &history);
    let calls: Vec<f64> = found.stages.iter().map(|s| s.calls.round()).collect();
    assert_eq!(calls, [200.0, 50.0]);
    assert!((found.dollars - 25.0).abs() < 1e-6 && found.assumed.is_empty());
    let given = history.with_shares(&[("judged".to_owned(), 0.45)]);
    let found = forecast(&manifest, &report, &given);
    assert!((found.stages[1].calls - 100.0 * 0.45 * 5.0 / 9.0).abs() < 1e-6);
}

#[test]
fn only_what_is_stuck_and_what_comes_after_it_is_asked_about() {
    let manifest = manifest(vec![
        stage("first", &[], &["out"]),
        stage("judged", &["first.out"], &["yes", "no"]),
        stage("again", &["judged.no"], &["out"]),
        stage("aside", &["first.out"], &["out"]),
        stage("last", &["again.out", "aside.out"], &["out"]),
    ]);
    let stuck =
        |stage: &str, failed| StageReport { stage: stage.into(), failed, ..StageReport::default() };
    let of = |stages| awaiting(&manifest, &Report { stages, ..Report::default() });
    assert_eq!(of(vec![stuck("first", 0), stuck("judged", 3)]), ["again", "judged", "last"].into());
    assert_eq!(of(vec![stuck("last", 1)]), ["last"].into());
    assert_eq!(of(vec![stuck("first", 0)]), BTreeSet::new());
}

#[test]
fn nothing_unbought_is_nothing_to_pay() {
    let manifest = manifest(vec![stage("judged", &[], &["yes"])]);
    assert!(forecast(&manifest, &Report::default(), &History::default()).is_nothing());
}
