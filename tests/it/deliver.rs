//! `deliver` as a library has it: one RUN, and everything that is made of it, by values alone.

use coldstart::archive::RunDir;
use coldstart::deliver::DeliverError;
use coldstart::deliver::budget::unspent;
use coldstart::deliver::estimate::estimate;
use coldstart::deliver::export::{ExportError, Request, Selection, Shards, table1, verify, write};
use coldstart::deliver::forecast::{History, awaiting, forecast};
use coldstart::deliver::replay::replay;
use coldstart::env::Env;
use coldstart::export::control::ControlTokens;
use coldstart::export::conversation::Dialect;
use coldstart::export::formats;
use coldstart::export::split::Shares;
use coldstart::export::tokens::Measure;
use coldstart::journal::{Bought, BoughtReply, BoughtRequest, Entry, ReadJournal};
use coldstart::plan::Home;
use coldstart::record::{NanoUsd, Report, StageReport};
use coldstart::store::Store;
use std::process::Command;

fn made(folder: &std::path::Path) -> String {
    let run = folder.join("run").display().to_string();
    let args = ["run", "--quiet", "--limit", "120", "--out", &run];
    let ended = Command::new(env!("CARGO_BIN_EXE_coldstart")).args(args).output();
    assert!(ended.expect("starts").status.success());
    run
}

fn request(system: Option<&str>) -> Request {
    Request {
        form: formats::find("llamafactory").unwrap(),
        dialect: Dialect::Text,
        control: ControlTokens::Escape,
        system: system.map(str::to_owned),
        measure: Measure::Estimate,
        max_tokens: 16_384,
        max_image_pixels: 768 * 768,
        min_posterior: 0.0,
        rules: None,
        shares: Shares::default(),
        seed: 0,
        gpus: 8,
        selection: Selection::default(),
        train_on_benchmark: false,
    }
}

async fn source(run: &str) -> Shards {
    Shards::open(&Env::real(), run, &Home::BuiltIn.into(), None).await.unwrap()
}

/// What calls took is read without what they said, and is the same; how many distinct calls there are.
async fn what_calls_took(run: &str) -> u64 {
    let journal = ReadJournal::open(&Store::open(run).unwrap()).await.unwrap();
    let (mut entries, mut bought) = (Vec::new(), Vec::new());
    journal.scan(&mut |entry, again| entries.push((entry, again))).await.unwrap();
    journal.scan_bought(&mut |one, again| bought.push((one, again))).await.unwrap();
    let part = |Entry { key, request, reply, .. }: Entry| Bought {
        key,
        request: BoughtRequest { role: request.role().into(), model: request.model().into() },
        reply: BoughtReply {
            usage: reply.usage,
            cost: reply.cost,
            simulated: reply.simulated,
            latency_ms: reply.latency_ms,
        },
    };
    let parts: Vec<_> = entries.into_iter().map(|(entry, again)| (part(entry), again)).collect();
    assert!(parts.len() > 1000 && parts == bought);
    journal.len() as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_replayed_estimated_and_exported_by_values() {
    let temp = tempfile::tempdir().unwrap();
    let run = made(temp.path());
    let same = replay(&Env::real(), &run, &Home::BuiltIn.into(), &[]).await.unwrap();
    assert_eq!((same.rebuilt.wanted(), same.diff.changed), (0, 0));
    assert_eq!(same.rebuilt.report.calls.made, what_calls_took(&run).await);
    let rows = same.rebuilt.report.dataset.rows;
    assert!(rows > 10 && same.diff.same >= rows, "{rows} of {}", same.diff.same);

    // What is stuck at one stage is foretold from a part of the journal as from all of it.
    let dir = RunDir::open(&run).await.unwrap();
    let (manifest, whole) =
        (dir.manifest().await.unwrap(), History::of(&dir, None, None).await.unwrap());
    for stage in &manifest.stages {
        let stuck = StageReport { stage: stage.name.clone(), failed: 9, ..StageReport::default() };
        let report = Report { stages: vec![stuck], ..Report::default() };
        let stages = awaiting(&manifest, &report);
        let part = History::of(&dir, None, Some(&stages)).await.unwrap();
        let (part, whole) =
            (forecast(&manifest, &report, &part), forecast(&manifest, &report, &whole));
        assert_eq!((part.stages, part.roles, part.from), (whole.stages, whole.roles, whole.from));
    }

    let outlook = estimate(&run, 1000, None, 64, None).await.unwrap();
    assert!(outlook.simulated && outlook.estimate.records >= outlook.estimate.kept);
    assert!(outlook.estimate.prompts.mid > 1000.0, "{:?}", outlook.estimate.prompts);

    let store = Store::open(&run).unwrap();
    let spent = unspent(&store, NanoUsd::from_usd(50.0), None, &[]).await.unwrap();
    assert_eq!(spent.spent.0 + spent.left.0, NanoUsd::from_usd(50.0).0);

    let place = temp.path().join("out").display().to_string();
    let out = Store::open(&place).unwrap();
    let whole = write(request(None), source(&run).await, &out, false).await.unwrap();
    assert_eq!(whole.rows(), rows);
    let proof = verify(&place, Measure::Estimate).await.unwrap();
    assert!(proof.verdict.findings.is_empty() && !proof.estimated);
    assert_eq!(proof.verdict.rows, rows);
    let lines = table1(source(&run).await).await.unwrap();
    assert!(lines.iter().any(|line| line.rows > 0));
}

/// Each thing that a caller can react to is a kind of its own, and the RUN and folder stay as they were.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_made_is_told_by_kind() {
    let temp = tempfile::tempdir().unwrap();
    let run = made(temp.path());
    let place = temp.path().join("out").display().to_string();
    let out = Store::open(&place).unwrap();
    write(request(None), source(&run).await, &out, false).await.unwrap();
    let again = write(request(None), source(&run).await, &out, false).await;
    assert!(matches!(again, Err(ExportError::Taken { old: Some((rows, _)), .. }) if rows > 10));
    let empty = write(request(Some(" ")), source(&run).await, &out, true).await;
    assert!(matches!(empty, Err(ExportError::EmptySystem)));
    assert!(verify(&place, Measure::Estimate).await.unwrap().verdict.findings.is_empty());

    let set = [("judged".to_owned(), "votes".to_owned(), "many".to_owned())];
    let wrong = replay(&Env::real(), &run, &Home::BuiltIn.into(), &set).await;
    let Err(DeliverError::Pipeline { diagnostics, .. }) = wrong else { panic!("{wrong:?}") };
    assert!(!diagnostics.is_empty());
    let nowhere = temp.path().join("nowhere").display().to_string();
    std::fs::create_dir(&nowhere).unwrap();
    let none = estimate(&nowhere, 10, None, 1, None).await;
    assert!(matches!(none, Err(DeliverError::NoManifest { .. })), "{none:?}");
}

/// A replay of a RUN whose pool was changed says so: the answer is about other records.
#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_is_not_the_runs_any_more_is_told() {
    let temp = tempfile::tempdir().unwrap();
    let (pool, run) = (temp.path().join("pool.jsonl"), temp.path().join("run"));
    let rows = |n: usize| -> String {
        (0..n).map(|k| format!("{{\"prompt\": \"a photo of {k} blue clocks\"}}\n")).collect()
    };
    std::fs::write(&pool, rows(6)).unwrap();
    let args = ["run", "--quiet", "--pool", pool.to_str().unwrap(), "--out", run.to_str().unwrap()];
    let ended = Command::new(env!("CARGO_BIN_EXE_coldstart")).args(args).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let run = run.to_str().unwrap();
    let told = |found: &coldstart::deliver::replay::Replay| -> Vec<String> {
        found.warnings.iter().filter(|w| w.code == "W04").map(|w| w.title.clone()).collect()
    };
    let same = replay(&Env::real(), run, &Home::BuiltIn.into(), &[]).await.unwrap();
    assert!(told(&same).is_empty(), "{:?}", same.warnings);
    std::fs::write(&pool, rows(8)).unwrap();
    let other = replay(&Env::real(), run, &Home::BuiltIn.into(), &[]).await.unwrap();
    assert_eq!(told(&other), ["what stage `pool` reads is not what the RUN read"]);
    let path = format!("\"{}\"", pool.display());
    let meant = [("pool".to_owned(), "path".to_owned(), path)];
    let meant = replay(&Env::real(), run, &Home::BuiltIn.into(), &meant).await.unwrap();
    assert!(told(&meant).is_empty(), "it was asked for");
}
