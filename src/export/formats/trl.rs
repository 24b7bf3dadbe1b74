//! TRL 1.16 (SFTTrainer, vision): Parquet with content blocks and images that decode to PIL.
//!
//! Blocks, since with plain strings TRL puts all images before the first user turn. A block has no
//! key `image`: the chat template asks whether the key is there.

use crate::export::columns::{column, group, images, list, text};
use crate::export::conversation::{Dialect, Speaker, Turn};
use crate::export::dataset::DatasetError;
use crate::export::fill::fill;
use crate::export::formats::llamafactory::DEEPSPEED;
use crate::export::formats::table::{Naming, Tables};
use crate::export::formats::{
    Back, Container, Example, Files, Form, Settings, Writer, array, files_of, string,
};
use crate::export::recipe;
use arrow_schema::{Schema, SchemaRef};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

pub const FORM: Form = Form {
    name: "trl",
    about: "Parquet with content blocks and PIL images for TRL's SFTTrainer",
    docs: "Writes `<split>.parquet` (columns `id`, `messages`, `images`) `sft.py` with the paper's \
           settings and `ds_z3.json`.\n\
           Set `max_length=None`: TRL's default of 1024 would cut image tokens.",
    dialects: &[Dialect::Text],
    takes_rules: false,
    container: Container::Parquet,
    beside: &["sft.py", "ds_z3.json"],
    prompt_tokens: None,
    pairs: false,
    start: |settings| {
        let tables = Tables::new(schema(), Naming::One);
        Ok(Box::new(Trl { settings: settings.clone(), tables }))
    },
    back,
};

const START: &str = include_str!("../../../data/export/trl_sft.py");

struct Trl {
    settings: Settings,
    tables: Tables,
}

fn schema() -> SchemaRef {
    let blocks = list(group(vec![text("type"), text("text")]));
    let message = group(vec![text("role"), column("content", blocks)]);
    let fields = vec![text("id"), column("messages", list(message)), column("images", images())];
    let hub = ("huggingface".to_string(), crate::export::dataset::HUGGINGFACE.to_string());
    Arc::new(Schema::new_with_metadata(fields, HashMap::from([hub])))
}

/// The text as blocks: an image block for each `<image>`.
pub(super) fn blocks(turn: &Turn) -> Vec<Value> {
    let block = |text: &str| json!({"type": "text", "text": text});
    if turn.images.is_empty() {
        return vec![block(&turn.text)];
    }
    let mut blocks = Vec::new();
    for (k, part) in turn.text.split("<image>").enumerate() {
        if k > 0 {
            blocks.push(json!({"type": "image"}));
        }
        if !part.is_empty() {
            blocks.push(block(part));
        }
    }
    blocks
}

impl Writer for Trl {
    fn push(
        &mut self,
        example: &Example<'_>,
        out: &mut Files,
    ) -> Result<Option<Value>, DatasetError> {
        let role = |speaker| match speaker {
            Speaker::System => "system",
            Speaker::User | Speaker::Observation => "user",
            Speaker::Model => "assistant",
        };
        let message = |turn: &Turn| json!({"role": role(turn.speaker), "content": blocks(turn)});
        let messages: Vec<Value> = example.turns.iter().map(message).collect();
        let row = json!({"id": example.trajectory.prompt.id, "messages": messages});
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
        values.extend(recipe::SFT.slots(self.settings.gpus));
        out.whole("sft.py", fill(START, &values));
        out.whole("ds_z3.json", DEEPSPEED);
        Ok(())
    }
}

/// A message's blocks as text, an `<image>` for each picture.
pub(super) fn text_of(message: &Value) -> Result<String, String> {
    let mut text = String::new();
    for block in array(message, "content")? {
        match string(block, "type")? {
            "image" => text.push_str("<image>"),
            _ => text.push_str(string(block, "text")?),
        }
    }
    Ok(text)
}

fn back(row: &Value) -> Result<Back, String> {
    let mut turns = Vec::new();
    for message in array(row, "messages")? {
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
