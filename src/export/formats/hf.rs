//! A `datasets` folder: Parquet shards under `data/`, a card, images that decode to PIL.
//!
//! What training needs and where it comes from; without what only the filters saw.

use crate::export::card::{CardFacts, pipeline_in};
use crate::export::columns::{column, images, messages, text};
use crate::export::conversation::Dialect;
use crate::export::croissant::{self, Described};
use crate::export::dataset::{DatasetError, HUGGINGFACE};
use crate::export::formats::table::{Naming, Tables};
use crate::export::formats::{
    Container, Example, Files, Form, README, Settings, Writer, universal,
};
use arrow_schema::{DataType, Schema, SchemaRef};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::Arc;

pub const FORM: Form = Form {
    name: "hf",
    about: "a `datasets` folder with a card, ready for `load_dataset` and the hub",
    docs: "Writes `data/<split>-00000.parquet` and on (500 MB each), `README.md`, `croissant.json` \
           (provenance for machines) and `publish.md` (the two commands that put the folder on the hub).\n\
           Columns: `id`, `prompt`, `category`, `source`, `outcome`, `licence`, `models`, \
           `simulated`, `messages`, `images` (PIL).",
    dialects: &[Dialect::Text],
    takes_rules: false,
    container: Container::Shards,
    beside: &[README, croissant::FILE, PUBLISH],
    prompt_tokens: None,
    pairs: false,
    start: |settings| {
        let tables = Tables::new(schema(), Naming::Shards(SHARD));
        let facts = CardFacts::default();
        Ok(Box::new(Hf { settings: settings.clone(), tables, simulated: 0, facts }))
    },
    back: universal::back,
};

/// How the folder gets to the hub, by the hub's own tool.
const PUBLISH: &str = "publish.md";

/// The hub's own recommendation for a shard.
const SHARD: u64 = 500 << 20;

struct Hf {
    settings: Settings,
    tables: Tables,
    simulated: u64,
    /// Counted over the rows that went in.
    facts: CardFacts,
}

fn schema() -> SchemaRef {
    let mut fields: Vec<_> =
        ["id", "prompt", "category", "source", "outcome", "licence"].map(text).to_vec();
    fields.push(column("models", crate::export::columns::list(DataType::Utf8)));
    fields.push(column("simulated", DataType::Boolean));
    fields.push(column("messages", messages()));
    fields.push(column("images", images()));
    let hub = ("huggingface".to_string(), HUGGINGFACE.to_string());
    Arc::new(Schema::new_with_metadata(fields, HashMap::from([hub])))
}

impl Writer for Hf {
    fn push(
        &mut self,
        example: &Example<'_>,
        out: &mut Files,
    ) -> Result<Option<Value>, DatasetError> {
        let trajectory = example.trajectory;
        let prompt = &trajectory.prompt;
        self.simulated += u64::from(trajectory.simulated);
        self.facts.count(trajectory);
        let row = json!({
            "id": prompt.id,
            "prompt": prompt.text,
            "category": prompt.category,
            "source": prompt.source,
            "outcome": trajectory.outcome,
            "licence": prompt.licence,
            "models": trajectory.models,
            "simulated": trajectory.simulated,
            "messages": universal::message_list(example.turns),
        });
        self.tables.push(example, row, out).map(Some)
    }

    fn finish(
        &mut self,
        rows: &BTreeMap<String, u64>,
        out: &mut Files,
    ) -> Result<(), DatasetError> {
        self.tables.finish(&self.settings.splits, out)?;
        let known = self.settings.card.as_deref().unwrap_or("# Trajectories\n");
        let (front, text) = parts(known);
        let mut card = format!("---\n{front}");
        if front.is_empty() {
            card.push_str("tags:\n- agent\n- trajectories\n- coldstart\n");
            card.push_str(if self.simulated > 0 { "- simulated\n" } else { "" });
        }
        card.push_str("configs:\n- config_name: default\n  data_files:\n");
        // A pattern that matches no file is an error of `datasets`.
        let filled = |split: &&String| rows.get(*split).is_some_and(|n| *n > 0);
        let splits: Vec<&String> = self.settings.splits.iter().filter(filled).collect();
        for split in &splits {
            let _ = writeln!(card, "  - split: {split}\n    path: data/{split}-*.parquet");
        }
        card.push_str("---\n\n");
        // The card's own notice is enough; a card without one gets ours.
        if self.simulated > 0 && !known.contains("**SIMULATED DATA") {
            let _ = writeln!(
                card,
                "> **SIMULATED DATA**: {} of the rows come from coldstart's simulated world.\n",
                self.simulated
            );
        }
        card.push_str("| split | rows |\n|---|---:|\n");
        for split in splits {
            let _ = writeln!(card, "| {split} | {} |", rows.get(split).unwrap_or(&0));
        }
        card.push('\n');
        card.push_str(&text);
        out.whole(README, card);
        out.whole(croissant::FILE, self.described(rows, front));
        out.whole(PUBLISH, include_str!("../../../data/export/publish.md"));
        Ok(())
    }
}

impl Hf {
    /// The description for machines; `front` is the front matter of the dataset's own card.
    fn described(&self, rows: &BTreeMap<String, u64>, front: &str) -> String {
        let said = |key: &str| front.lines().find_map(|line| line.strip_prefix(key));
        let named = said("license_name: ").filter(|name| !name.starts_with("unset"));
        let licence = named.or_else(|| said("license: "));
        let card = self.settings.card.as_deref().unwrap_or_default();
        let title = card.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or_default();
        let facts = CardFacts {
            title: pipeline_in(title).to_owned(),
            pipeline: told(card, "pipeline").to_owned(),
            licence: licence.map(|text| text.trim_matches('"').to_owned()),
            ..self.facts.clone()
        };
        let pattern = |split: &String| (split.clone(), format!("data/{split}-*.parquet"));
        let filled = |split: &&String| rows.get(*split).is_some_and(|n| *n > 0);
        let splits: Vec<_> = self.settings.splits.iter().filter(filled).map(pattern).collect();
        let (rows, simulated) = (rows.values().sum(), self.simulated > 0);
        let digest = told(card, "digest");
        croissant::render(&facts, Described { rows, simulated, splits: &splits, digest })
    }
}

/// What a card says in the form "what `value`"; empty where it does not.
fn told<'a>(card: &'a str, what: &str) -> &'a str {
    let after = card.split_once(&format!(" {what} `")).map(|(_, after)| after);
    after.and_then(|after| after.split_once('`')).map_or("", |(value, _)| value)
}

/// A card's front matter up to `configs`, and its text without the columns and the picture, which
/// are not this folder's.
fn parts(card: &str) -> (&str, String) {
    let (front, text) = card
        .strip_prefix("---\n")
        .and_then(|rest| rest.split_once("\n---\n"))
        .map_or(("", card), |(front, text)| (front, text));
    let front = front.find("configs:").map_or("", |at| &front[..at]);
    let text = text.split_once("\n## Columns\n").map_or(text, |(before, _)| before);
    let kept = text.lines().filter(|line| !line.starts_with("![sample pictures"));
    (front, kept.flat_map(|line| [line, "\n"]).collect())
}

#[cfg(test)]
mod tests {
    use super::{parts, told};

    #[test]
    fn a_card_keeps_its_licence_and_loses_what_is_elsewhere() {
        let card = "---\nlicense: mit\ntags:\n- x\nconfigs:\n- config_name: default\n---\n\n# T\n\
                    ![sample pictures, one](samples.png)\nrows\n\n## Columns\n\n| a |\n";
        assert_eq!(parts(card), ("license: mit\ntags:\n- x\n", "\n# T\nrows\n".to_string()));
        assert_eq!(parts("# T\n"), ("", "# T\n".to_string()));
        let card = "\n3 rows; pipeline `ab`; digest `cd`.\n";
        assert_eq!(
            (told(card, "pipeline"), told(card, "digest"), told("", "digest")),
            ("ab", "cd", "")
        );
    }
}
