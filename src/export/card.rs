//! The dataset card (README.md): what is in the dataset, how it came about, and what it is not.

use crate::export::purity::{Sums, line};
use crate::record::{Acceptance, Report, StageReport};
use std::collections::BTreeMap;
use std::fmt::Write;

/// What the card says beside the report.
#[derive(Debug, Clone, Default)]
pub struct CardFacts {
    /// A heading: the pipeline's name.
    pub title: String,
    /// The pipeline's digest.
    pub pipeline: String,
    /// Models as their servers named them (the empty name: one did not), with the number of rows each had a part in.
    pub models: BTreeMap<String, u64>,
    /// Rows by the licence of their prompt's source; the empty name is "not stated".
    pub licences: BTreeMap<String, u64>,
    /// Rows by source.
    pub sources: BTreeMap<String, u64>,
    /// What the judgements of each round say.
    pub acceptance: Acceptance,
    /// The SPDX or hub name of the dataset's own licence; absent: `other`, to be filled in.
    pub licence: Option<String>,
    /// The sheet of sample pictures, as a path beside the card.
    pub grid: Option<String>,
    /// The shards' name: what stands before `-00000.parquet`.
    pub split: String,
    /// How pure the rows say they are.
    pub purity: Sums,
}

impl CardFacts {
    /// Counts a row's models, licence and source.
    pub fn count(&mut self, trajectory: &crate::record::Trajectory) {
        for model in &trajectory.models {
            *self.models.entry(model.clone()).or_default() += 1;
        }
        let licence = trajectory.prompt.licence.clone().unwrap_or_default();
        *self.licences.entry(licence).or_default() += 1;
        *self.sources.entry(trajectory.prompt.source.clone()).or_default() += 1;
        let judged = |r: &crate::record::Round| r.judgement.as_ref().map(|j| j.satisfied);
        self.acceptance.add(trajectory.rounds.iter().map(judged));
        self.purity.count(trajectory);
    }
}

/// The report as it will be once the dataset is written: the last stage, which writes it, counts its
/// records after the card is made. `rows` are in the dataset, `failed` could not be written.
pub fn sealed(mut report: Report, rows: u64, failed: u64, digest: &str) -> Report {
    report.dataset.rows = rows;
    report.dataset.digest = digest.to_owned();
    if let Some(sink) = report.stages.last_mut() {
        (sink.entered, sink.passed, sink.failed) = (rows + failed, rows, failed);
    }
    report
}

/// The card as Markdown with the hub's front matter.
pub fn render(report: &Report, facts: &CardFacts) -> String {
    let mut out = front_matter(report, facts);
    let title = if facts.title.is_empty() { "trajectories" } else { &facts.title };
    let _ = writeln!(out, "\n# {}\n", plain(title));
    if report.simulated {
        out.push_str(SIMULATED);
    }
    out.push_str(ABOUT);
    let _ = writeln!(
        out,
        "\n{} rows; pipeline `{}`; digest `{}`.",
        report.dataset.rows, facts.pipeline, report.dataset.digest
    );
    if let Some(grid) = &facts.grid {
        let _ = writeln!(out, "\n![sample pictures, one block a trajectory]({grid})");
    }
    funnel(&mut out, &report.stages);
    strata(&mut out, report);
    acceptance(&mut out, &facts.acceptance);
    purity(&mut out, facts);
    let models = named(&facts.models, "not named by its server");
    table(&mut out, "Models", ("model", "rows"), &models);
    table(&mut out, "Sources", ("source", "rows"), &facts.sources);
    licences(&mut out, facts);
    out.push_str(COLUMNS);
    out
}

const SIMULATED: &str = "> **SIMULATED DATA.** The replies behind these rows come from \
coldstart's simulated world: drawn scenes and a grammar, no real model. Good for trying the \
machine and its loaders; do not train a model for use on it.\n\n";

const ABOUT: &str = "Cold-start SFT trajectories for an agent that calls an image generator, looks \
at the picture, judges it, reflects and calls again (GenAgent, arXiv 2601.18543, section 3.2). \
Made by coldstart.\n";

const COLUMNS: &str = r#"
## Columns

| column | meaning |
|---|---|
| `id` `prompt` `category` `source` `licence` | the user's prompt and where it comes from |
| `outcome` | `one_round`, `closed` (ends with an answer) or `open` (ends on a tool call) |
| `messages` `images` | the conversation, ready to train; one `<image>` per image |
| `rounds` | thinking, refined prompt, picture, judgement, verdict, score and checks of each round; `posterior` and `claims`: the probabilities that the verdict is right and that the judgement is true, where several looks were added up |
| `improved` `comparisons` `atoms` `attempts` | what the filters saw |
| `truth` | spec, gloss and reference: **never to be shown to the trained model** |
| `provenance` | call keys, models, pipeline digest, whether simulated |

`datasets.load_dataset` yields `images` as PIL images with no code.
"#;

fn front_matter(report: &Report, facts: &CardFacts) -> String {
    let size = match report.dataset.rows {
        0..1_000 => "n<1K",
        1_000..10_000 => "1K<n<10K",
        10_000..100_000 => "10K<n<100K",
        100_000..1_000_000 => "100K<n<1M",
        _ => "1M<n<10M",
    };
    let licence = facts.licence.as_deref().unwrap_or("other");
    let plain = licence.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'));
    let quoted = serde_json::Value::from(licence).to_string();
    let licence = if plain { licence } else { &quoted };
    let split = if facts.split.is_empty() { "train" } else { &facts.split };
    let simulated = if report.simulated { "\n- simulated" } else { "" };
    format!(
        "---\nlicense: {licence}\ntask_categories:\n- text-to-image\nsize_categories:\n- {size}\n\
         tags:\n- agent\n- trajectories\n- coldstart{simulated}\nconfigs:\n- config_name: default\n  \
         data_files:\n  - split: {split}\n    path: {split}-*.parquet\n---\n"
    )
}

fn funnel(out: &mut String, stages: &[StageReport]) {
    if stages.is_empty() {
        return;
    }
    out.push_str("\n## Funnel\n\n| stage | in | passed | dropped | failed | reasons |\n");
    out.push_str("|---|---:|---:|---:|---:|---|\n");
    for stage in stages {
        let reasons: Vec<String> =
            stage.reasons.iter().map(|(reason, n)| format!("{} {n}", plain(reason))).collect();
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} |",
            plain(&stage.stage),
            stage.entered,
            stage.passed,
            stage.dropped,
            stage.failed,
            reasons.join(", ")
        );
    }
}

fn strata(out: &mut String, report: &Report) {
    if report.dataset.strata.is_empty() {
        return;
    }
    out.push_str("\n## Strata\n\n| category / outcome | available | wanted | taken |\n");
    out.push_str("|---|---:|---:|---:|\n");
    for (name, s) in &report.dataset.strata {
        let _ = writeln!(out, "| {} | {} | {} | {} |", plain(name), s.available, s.quota, s.taken);
    }
}

fn acceptance(out: &mut String, acceptance: &Acceptance) {
    if acceptance.0.is_empty() {
        return;
    }
    out.push_str("\n## Acceptance by round\n\n| judgement | accepts | rejects | accepting |\n");
    out.push_str("|---|---:|---:|---:|\n");
    for (name, judged) in acceptance.rounds() {
        let share = judged.share().map_or("-".into(), |share| format!("{:.1} %", share * 100.0));
        let _ = writeln!(out, "| {name} | {} | {} | {share} |", judged.accepts, judged.rejects);
    }
}

fn purity(out: &mut String, facts: &CardFacts) {
    let purity = facts.purity.purity();
    if purity.is_empty() {
        return;
    }
    out.push_str(
        "\n## Expected purity\n\nBy the posteriors of the rows' verdicts: the share of rows of which \
         every verdict is right, with what holds it in 19 of 20, and of which every J is true \
         throughout. It is as right as what the judges were taken for (`data/judges.toml` of the run).\n\n\
         | rows of | rows | verdicts | every J |\n|---|---:|---:|---:|\n",
    );
    for (name, p) in &purity {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {:.1} % |",
            plain(name),
            p.rows,
            line(p),
            p.claims * 100.0
        );
    }
}

fn table(out: &mut String, title: &str, head: (&str, &str), rows: &BTreeMap<String, u64>) {
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n## {title}\n\n| {} | {} |\n|---|---:|", head.0, head.1);
    for (name, count) in rows {
        let _ = writeln!(out, "| {} | {count} |", plain(name));
    }
}

/// The counts, with words for what has no name.
fn named(counts: &BTreeMap<String, u64>, nameless: &str) -> BTreeMap<String, u64> {
    let name = |name: &String| if name.is_empty() { nameless.to_owned() } else { name.clone() };
    counts.iter().map(|(of, count)| (name(of), *count)).collect()
}

fn licences(out: &mut String, facts: &CardFacts) {
    let licences = named(&facts.licences, "not stated");
    table(out, "Licences of the prompts", ("licence", "rows"), &licences);
    out.push_str(
        "\nThe licences of the models that wrote and drew these rows hold as well; check them \
         before publishing.\n",
    );
}

/// Text from outside as one cell's plain text: no table, link, tag or line can come of it.
fn plain(text: &str) -> String {
    let text = text.chars().take(120).flat_map(|c| match c {
        '|' | '<' | '>' | '[' | ']' | '`' | '*' | '_' | '\\' | '#' | '!' => vec!['\\', c],
        c if c.is_control() => vec![' '],
        c => vec![c],
    });
    text.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{DatasetReport, Stratum};

    #[test]
    fn the_stage_that_writes_the_dataset_and_a_server_that_names_no_model_are_told() {
        let stage = StageReport { stage: "dataset".into(), ..StageReport::default() };
        let report = Report { stages: vec![stage], ..Report::default() };
        let mut facts = CardFacts::default();
        facts.models.insert(String::new(), 4);
        let card = render(&sealed(report, 4, 1, "d"), &facts);
        assert!(card.contains("| dataset | 5 | 4 | 0 | 1 |"), "{card}");
        assert!(
            card.contains("| not named by its server | 4 |") && !card.contains("\n|  |"),
            "{card}"
        );
        assert!(card.contains("4 rows; pipeline ``; digest `d`."));
    }

    #[test]
    fn the_card_says_what_is_simulated_and_escapes_what_is_foreign() {
        let strata = [("a|b/open".to_string(), Stratum { available: 3, quota: 2, taken: 2 })];
        let report = Report {
            simulated: true,
            stages: vec![StageReport {
                stage: "hard".into(),
                entered: 9,
                ..StageReport::default()
            }],
            dataset: DatasetReport {
                rows: 2,
                digest: "d".into(),
                strata: strata.into(),
                ..DatasetReport::default()
            },
            ..Report::default()
        };
        let mut facts = CardFacts::default();
        facts.models.insert("<script>|x".into(), 2);
        facts.acceptance.add([Some(false), Some(true)]);
        facts.acceptance.add([Some(true)]);
        let card = render(&report, &facts);
        assert!(card.contains("| J1 | 1 | 1 | 50.0 % |\n| J2 | 1 | 0 | 100.0 % |"), "{card}");
        assert!(card.contains("\n  - split: train\n    path: train-*.parquet\n---\n"));
        let other = CardFacts {
            split: "held_out".into(),
            licence: Some("mine: all rights".into()),
            ..CardFacts::default()
        };
        let other = render(&report, &other);
        assert!(other.contains("path: held_out-*.parquet"));
        assert!(other.starts_with("---\nlicense: \"mine: all rights\"\n"));
        assert!(card.contains("SIMULATED") && card.contains("\n- simulated\n"));
        assert!(card.contains("| a\\|b/open | 3 | 2 | 2 |"));
        assert!(card.contains("| \\<script\\>\\|x | 2 |"));
        assert!(card.contains("| hard | 9 |"));
        let real = Report { simulated: false, ..report };
        assert!(!render(&real, &facts).to_lowercase().contains("simulated data"));
    }
}
