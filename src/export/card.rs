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
    /// Each role's model, as the pipeline names it: the generator and the illustrator too, whose servers
    /// name none.
    pub roles: Vec<(String, String)>,
    /// Prompts by language (ISO 639-1, `und`: unknown), as `text::language` guesses it.
    pub languages: BTreeMap<String, u64>,
    /// Models as their servers named them, with the number of rows each had a part in. Servers that name
    /// none are under the empty name, which the card leaves to the roles.
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
        let language = crate::text::language::guess(&trajectory.prompt.text).to_owned();
        *self.languages.entry(language).or_default() += 1;
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
    let _ = writeln!(out, "\n# {}\n", plain(&title(facts)));
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
    loading(&mut out, facts);
    funnel(&mut out, &report.stages);
    strata(&mut out, report);
    acceptance(&mut out, &facts.acceptance);
    purity(&mut out, facts);
    models(&mut out, facts);
    table(&mut out, "Sources", ("source", "rows"), &facts.sources);
    licences(&mut out, facts);
    out.push_str(COLUMNS);
    out
}

/// What the dataset is, for people: the pipeline's own name says it to few.
fn title(facts: &CardFacts) -> String {
    let pipeline = if facts.title.is_empty() { "trajectories" } else { &facts.title };
    format!("{TITLE} ({pipeline})")
}

const TITLE: &str = "Image-agent cold-start trajectories";

/// The pipeline's name in a card's title; another title as it is.
pub fn pipeline_in(title: &str) -> &str {
    let inside = title.strip_prefix(TITLE).and_then(|rest| rest.strip_prefix(" ("));
    inside.and_then(|rest| rest.strip_suffix(')')).unwrap_or(title)
}

/// Code that loads the dataset from where the card lies.
fn loading(out: &mut String, facts: &CardFacts) {
    let split = split(facts);
    let _ = write!(
        out,
        "\n## Load\n\n```python\nfrom datasets import load_dataset\n\n\
         data = load_dataset(\".\", split=\"{split}\")  # this folder, or the dataset's name on the hub\n\
         row = data[0]\n\
         print(row[\"prompt\"], row[\"outcome\"], row[\"messages\"][-1][\"content\"])\n\
         row[\"images\"][0].show()  # PIL, in the order of the <image> marks\n```\n"
    );
}

fn split(facts: &CardFacts) -> &str {
    if facts.split.is_empty() { "train" } else { &facts.split }
}

/// Every role with its model, and how many rows a model had a part in where its server says its name.
fn models(out: &mut String, facts: &CardFacts) {
    if facts.roles.is_empty() {
        let named = named(&facts.models, "not named by its server");
        return table(out, "Models", ("model", "rows"), &named);
    }
    out.push_str("\n## Models\n\n| role | model |\n|---|---|\n");
    for (role, model) in &facts.roles {
        let _ = writeln!(out, "| {} | {} |", plain(role), plain(model));
    }
    let served: BTreeMap<String, u64> = facts
        .models
        .iter()
        .filter(|(name, _)| !name.is_empty() && !facts.roles.iter().any(|(_, m)| m == *name))
        .map(|(name, rows)| (name.clone(), *rows))
        .collect();
    if !served.is_empty() {
        out.push_str(
            "\nServers that named themselves otherwise:\n\n| model | rows |\n|---|---:|\n",
        );
        for (name, rows) in served {
            let _ = writeln!(out, "| {} | {rows} |", plain(&name));
        }
    }
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
"#;

fn front_matter(report: &Report, facts: &CardFacts) -> String {
    let size = match report.dataset.rows {
        0..1_000 => "n<1K",
        1_000..10_000 => "1K<n<10K",
        10_000..100_000 => "10K<n<100K",
        100_000..1_000_000 => "100K<n<1M",
        _ => "1M<n<10M",
    };
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let split = split(facts);
    let simulated = if report.simulated { "\n- simulated" } else { "" };
    // A guess at a short prompt is often wrong, so a language must have its share.
    let all: u64 = facts.languages.values().sum();
    let spoken = facts.languages.iter().filter(|(code, n)| *code != "und" && **n * 20 >= all);
    let languages: String = spoken.map(|(code, _)| format!("- {code}\n")).collect();
    let languages = match languages.is_empty() {
        true => String::new(),
        false => format!("language:\n{languages}"),
    };
    format!(
        "---\npretty_name: {}\n{}{languages}task_categories:\n- text-to-image\nsize_categories:\n- \
         {size}\ntags:\n- agent\n- trajectories\n- coldstart{simulated}\nconfigs:\n- config_name: \
         default\n  data_files:\n  - split: {split}\n    path: {split}-*.parquet\n---\n",
        quoted(&title(facts)),
        licence(facts, quoted),
    )
}

/// The hub knows licences by its own names; another one is `other` with a name, since a card without is
/// refused there.
fn licence(facts: &CardFacts, quoted: impl Fn(&str) -> String) -> String {
    match facts.licence.as_deref() {
        Some(own) if own.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.')) => {
            format!("license: {}\n", own.to_lowercase())
        }
        Some(own) => format!("license: other\nlicense_name: {}\n", quoted(own)),
        None => "license: other\nlicense_name: unset-see-the-licences-of-prompts-and-models\n"
            .to_owned(),
    }
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
    let _ = writeln!(
        out,
        "\n## Strata\n\nWanted is what an even {} over these strata would be.\n\n| category / outcome | available | wanted | taken |\n|---|---:|---:|---:|",
        report.dataset.target
    );
    for (name, s) in &report.dataset.strata {
        let (wanted, name) = (s.wanted.max(s.quota), plain(name));
        let _ = writeln!(out, "| {name} | {} | {wanted} | {} |", s.available, s.taken);
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
mod tests;
