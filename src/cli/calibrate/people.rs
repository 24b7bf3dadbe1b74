//! Several people's labels: how far they agree, and their way to and from other tools.

use crate::archive::RunDir;
use crate::archive::exchange::{argilla, from_argilla};
use crate::archive::labels::{Label, Truth, latest, parse};
use crate::audit::Index;
use crate::audit::agreement::{People, decisions, truth};
use crate::audit::sampling::Asked;
use crate::audit::show::{Grid, Look, line};
use crate::cli::Done;
use crate::env::Env;
use crate::store::Layout;
use serde_json::json;
use std::path::Path;

/// A form that labels travel in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// A label a line
    Jsonl,
    /// Argilla's records, a JSON list
    Argilla,
}

/// Agreement as text.
pub fn text(found: &People, look: Look) -> String {
    let mut grid = Grid::new("lr");
    grid.row(["by", "labels"]);
    for (by, labels) in &found.labels {
        grid.row([line(by, 40), labels.to_string()]);
    }
    let mut out = format!("{}\n", grid.lines().join("\n"));
    if found.shared == 0 {
        out.push_str("no decision was labelled by two people (`coldstart view --overlap`)\n");
        return out;
    }
    let figure = |n: Option<f64>| n.map_or("-".to_owned(), |n| format!("{n:.3}"));
    let mut pairs = Grid::new("lrrr");
    pairs.row(["two people", "shared", "agree", "kappa"]);
    for pair in &found.pairs {
        let name = format!("{}, {}", line(&pair.a, 30), line(&pair.b, 30));
        pairs.row([name, pair.shared.to_string(), pair.agree.to_string(), figure(pair.kappa)]);
    }
    out.push_str(&format!("\n{}\n", pairs.lines().join("\n")));
    out.push_str(&format!(
        "\nKrippendorff's alpha over {} shared decisions: {}\n{}",
        found.shared,
        figure(found.alpha),
        look.bold(&format!("{} to adjudicate", found.open.len()))
    ));
    out.push_str(if found.open.is_empty() { "\n" } else { " (`coldstart view`, Label)\n" });
    for open in found.open.iter().take(20) {
        let said: Vec<String> = open
            .said
            .iter()
            .map(|s| format!("{} {}", line(&s.by, 30), if s.accept { "accept" } else { "reject" }))
            .collect();
        out.push_str(&format!("  {} {}: {}\n", open.id, open.stage, said.join(", ")));
    }
    out
}

/// Labels of a RUN as another tool takes them; with `sample`, also the decisions that are to be labelled.
pub fn export(
    run: &RunDir,
    index: &Index,
    labels: &[Label],
    sample: &[Asked],
    form: Form,
) -> String {
    let decided = decisions(index, &run.shape);
    // What was said of the stage's decision is told as what it should have been.
    let plain: Vec<Label> = labels
        .iter()
        .filter_map(|label| {
            let accepted = decided.get(&(label.id, label.stage.clone())).copied();
            let accept = truth(label, accepted)?;
            let truth = Some(if accept { Truth::Accept } else { Truth::Reject });
            Some(Label { truth, agree: None, ..label.clone() })
        })
        .collect();
    if form == Form::Jsonl {
        let lines = plain.iter().filter_map(|label| serde_json::to_string(label).ok());
        let asked = sample.iter().filter_map(|asked| serde_json::to_string(asked).ok());
        return lines.chain(asked).map(|line| format!("{line}\n")).collect();
    }
    let mut items: Vec<(crate::record::Id, String, Option<f64>)> =
        sample.iter().map(|a| (a.id, a.stage.clone(), Some(a.weight))).collect();
    for label in &plain {
        if !items.iter().any(|(id, stage, _)| *id == label.id && *stage == label.stage) {
            items.push((label.id, label.stage.clone(), label.weight));
        }
    }
    let records: Vec<serde_json::Value> = items
        .iter()
        .map(|(id, stage, weight)| {
            let record = index.records.find(id).map(|record| record as usize);
            let prompt = record.map_or("", |record| index.records.prompt.get(record));
            let category =
                record.map_or("", |record| index.names.get(index.records.category[record]));
            let fields = json!({ "prompt": prompt, "stage": stage });
            let metadata = json!({ "category": category, "weight": weight });
            let own: Vec<&Label> = plain
                .iter()
                .filter(|l| l.id == *id && l.stage == *stage && !l.adjudicates)
                .collect();
            argilla(id, stage, &fields, &metadata, &own)
        })
        .collect();
    format!("{:#}\n", serde_json::Value::from(records))
}

/// Puts a file's labels into the RUN, each under its own name, or under `by` where it has none.
pub async fn import(
    run: &RunDir,
    index: &Index,
    file: &Path,
    by: Option<&str>,
    env: &Env,
) -> anyhow::Result<Done> {
    let place = file.display().to_string();
    let bytes = std::fs::read(file).map_err(|err| anyhow::anyhow!("`{place}`: {err}"))?;
    let text = String::from_utf8_lossy(&bytes);
    let theirs = text.trim_start().starts_with('[') || text.contains("\"responses\"");
    let (labels, open) = if theirs { from_argilla(&text, &place)? } else { parse(&text, &place)? };
    let all = labels.len();
    let mut kept: Vec<Label> = labels
        .into_iter()
        .filter(|l| index.stage(&l.stage).is_some() && index.records.find(&l.id).is_some())
        .collect();
    let now = env.unix_ms();
    for label in &mut kept {
        if label.by.is_empty() {
            by.unwrap_or("import").clone_into(&mut label.by);
        }
        label.at_ms.get_or_insert(now);
    }
    let kept = latest(kept);
    anyhow::ensure!(!kept.is_empty(), "`{place}` holds no label on a decision of `{}`", run.name());
    let lines: Vec<String> = kept.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
    let name = format!("{}/{now}-import.jsonl", Layout::LABELS);
    run.store().put(&name, format!("{}\n", lines.join("\n")).into()).await?;
    println!("{} labels taken into `{}`", kept.len(), run.name());
    if open > 0 {
        println!("{open} records hold no answer");
    }
    if all > kept.len() {
        println!("{} labels are on no decision of this RUN, or said again", all - kept.len());
    }
    Ok(Done::Well)
}
