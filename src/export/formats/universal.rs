//! One Parquet a split, `messages` and `images`: LLaMAFactory, verl and ms-swift give it the same
//! tokens and the same loss. Tools and observations are text already, so only the text dialect.
//!
//! No `huggingface` metadata: with it LLaMAFactory would decode and re-encode each image.

use crate::export::columns::{bounded_images, column, messages, text};
use crate::export::conversation::{Dialect, Speaker, Turn};
use crate::export::dataset::DatasetError;
use crate::export::formats::llamafactory::{DATASET_INFO, DEEPSPEED, dataset_info, sft_yaml};
use crate::export::formats::table::{Naming, Tables};
use crate::export::formats::{
    Back, Container, Example, Files, Form, Settings, Writer, array, string,
};
use arrow_schema::{Schema, SchemaRef};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

pub const FORM: Form = Form {
    name: "universal",
    about: "one Parquet with messages and images for LLaMAFactory, verl and ms-swift alike",
    docs: "Writes `<split>.parquet` (columns `id`, `messages`, `images`), `dataset_info.json`, \
           `sft.yaml` and `ds_z3.json`.\n\
           LLaMAFactory copies the images into its cache (three times their size on disk); the \
           `llamafactory` form does not.",
    dialects: &[Dialect::Text],
    takes_rules: false,
    container: Container::Parquet,
    beside: &[DATASET_INFO, "sft.yaml", "ds_z3.json"],
    prompt_tokens: None,
    pairs: false,
    start: |settings| Ok(Box::new(Universal::new(settings))),
    back,
};

struct Universal {
    settings: Settings,
    tables: Tables,
}

/// `id`, `messages`, `images`.
pub fn schema() -> SchemaRef {
    let images = column("images", bounded_images());
    Arc::new(Schema::new(vec![text("id"), column("messages", messages()), images]))
}

/// The tables of `schema`, one a split.
pub fn tables(settings: &Settings) -> Tables {
    Tables::new(schema(), Naming::One).bounded(settings.max_image_pixels)
}

/// The turns as role and content, the observation as a user's.
pub fn message_list(turns: &[Turn]) -> Vec<Value> {
    let role = |speaker| match speaker {
        Speaker::System => "system",
        Speaker::User | Speaker::Observation => "user",
        Speaker::Model => "assistant",
    };
    let message = |turn: &Turn| json!({"role": role(turn.speaker), "content": turn.text});
    turns.iter().map(message).collect()
}

/// A row of `schema`.
pub fn row(example: &Example<'_>) -> Value {
    json!({"id": example.trajectory.prompt.id, "messages": message_list(example.turns)})
}

impl Universal {
    fn new(settings: &Settings) -> Universal {
        Universal { settings: settings.clone(), tables: tables(settings) }
    }
}

impl Writer for Universal {
    fn push(
        &mut self,
        example: &Example<'_>,
        out: &mut Files,
    ) -> Result<Option<Value>, DatasetError> {
        self.tables.push(example, row(example), out).map(Some)
    }

    fn finish(
        &mut self,
        rows: &BTreeMap<String, u64>,
        out: &mut Files,
    ) -> Result<(), DatasetError> {
        self.tables.finish(&self.settings.splits, out)?;
        let tags =
            ["role", "content", "user", "assistant", "observation", "function_call", "system"];
        let columns = json!({"messages": "messages", "images": "images"});
        let info = dataset_info(&self.settings, rows, "parquet", &columns, tags);
        out.whole(DATASET_INFO, info);
        out.whole("sft.yaml", sft_yaml(&self.settings, rows));
        out.whole("ds_z3.json", DEEPSPEED);
        Ok(())
    }
}

/// Reads a row with `messages` of role and content.
pub fn back(row: &Value) -> Result<Back, String> {
    let mut turns = Vec::new();
    for message in array(row, "messages")? {
        let speaker = match string(message, "role")? {
            "system" => Speaker::System,
            "user" => Speaker::User,
            "assistant" => Speaker::Model,
            other => return Err(format!("`{other}` is no role of this form")),
        };
        turns.push((speaker, string(message, "content")?.to_string()));
    }
    let id = string(row, "id")?.to_string();
    Ok(Back { id, turns, images: Vec::new(), prompt_only: false })
}
