//! TRL 1.16, preference pairs for DPOTrainer: prompt, chosen and rejected as content blocks, images
//! that decode to PIL.

use crate::export::columns::{column, group, images, list, text};
use crate::export::conversation::{Dialect, Speaker};
use crate::export::dataset::DatasetError;
use crate::export::fill::fill;
use crate::export::formats::llamafactory_pairs::parts;
use crate::export::formats::table::{Naming, Tables};
use crate::export::formats::trl::{blocks, text_of};
use crate::export::formats::{
    Back, Container, Example, Files, Form, Settings, Writer, array, files_of, string,
};
use crate::export::recipe;
use arrow_schema::{Schema, SchemaRef};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

pub const FORM: Form = Form {
    name: "trl-dpo",
    about: "preference pairs, images in the prompt, for TRL's DPOTrainer",
    docs: "Of a dataset of pairs (`stages/rl_pairs`, `stages/rl_second_turns`): writes \
           `<split>.parquet` (columns `id`, `prompt`, `chosen`, `rejected`, `images`) and `dpo.py`. The \
           prompt is all that was said and shown before the two part; `chosen` and `rejected` are one \
           turn each, so that no observation bears a loss.",
    dialects: &[Dialect::Text],
    takes_rules: false,
    container: Container::Parquet,
    beside: &["dpo.py"],
    prompt_tokens: None,
    pairs: true,
    start: |settings| {
        let tables = Tables::new(schema(), Naming::One);
        Ok(Box::new(Pairs { settings: settings.clone(), tables }))
    },
    back,
};

const START: &str = include_str!("../../../data/export/trl_dpo.py");

struct Pairs {
    settings: Settings,
    tables: Tables,
}

fn schema() -> SchemaRef {
    let said = || {
        let blocks = list(group(vec![text("type"), text("text")]));
        list(group(vec![text("role"), column("content", blocks)]))
    };
    let fields = vec![
        text("id"),
        column("prompt", said()),
        column("chosen", said()),
        column("rejected", said()),
        column("images", images()),
    ];
    let hub = ("huggingface".to_string(), crate::export::dataset::HUGGINGFACE.to_string());
    Arc::new(Schema::new_with_metadata(fields, HashMap::from([hub])))
}

impl Writer for Pairs {
    fn push(
        &mut self,
        example: &Example<'_>,
        out: &mut Files,
    ) -> Result<Option<Value>, DatasetError> {
        let Some((before, chosen, rejected)) = parts(example) else { return Ok(None) };
        let role = |speaker| match speaker {
            Speaker::System => "system",
            Speaker::User | Speaker::Observation => "user",
            Speaker::Model => "assistant",
        };
        let prompt: Vec<Value> = before
            .iter()
            .map(|turn| json!({"role": role(turn.speaker), "content": blocks(turn)}))
            .collect();
        let turn = |text: &str| {
            let content = [json!({"type": "text", "text": text})];
            json!([{"role": "assistant", "content": content}])
        };
        let row = json!({
            "id": example.trajectory.prompt.id,
            "prompt": prompt,
            "chosen": turn(&chosen.text),
            "rejected": turn(rejected),
        });
        self.tables.push(example, row, out).map(Some)
    }

    fn finish(
        &mut self,
        rows: &BTreeMap<String, u64>,
        out: &mut Files,
    ) -> Result<(), DatasetError> {
        self.tables.finish(&self.settings.splits, out)?;
        let mut values = vec![
            ("files", files_of(&self.settings.splits, rows)),
            ("max_pixels", self.settings.max_image_pixels.to_string()),
        ];
        values.extend(recipe::PAIRS.slots(self.settings.gpus));
        out.whole("dpo.py", fill(START, &values));
        Ok(())
    }
}

/// The turns up to the chosen one, which is the last.
fn back(row: &Value) -> Result<Back, String> {
    let mut turns = Vec::new();
    if array(row, "rejected")?.len() != 1 {
        return Err("`rejected` is not one turn".into());
    }
    for message in array(row, "prompt")?.iter().chain(array(row, "chosen")?) {
        let speaker = match string(message, "role")? {
            "system" => Speaker::System,
            "user" => Speaker::User,
            "assistant" => Speaker::Model,
            other => return Err(format!("`{other}` is no role of this form")),
        };
        turns.push((speaker, text_of(message)?));
    }
    let id = string(row, "id")?.to_string();
    Ok(Back { id, turns, images: Vec::new(), prompt_only: false })
}
