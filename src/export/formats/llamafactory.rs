//! LLaMAFactory 0.9.5 (`formatting: sharegpt`): JSON lines, image files, `dataset_info.json` and a
//! training configuration with the paper's settings.
//!
//! Every model turn is verbatim text of role `gpt` (text dialect): nothing is parsed or re-dumped.
//! In the native dialect a turn that calls is a `function_call`, an observation an `observation`.

use crate::export::conversation::{Dialect, Speaker, TOOL_SIGNATURE};
use crate::export::dataset::DatasetError;
use crate::export::fill::fill;
use crate::export::formats::jsonl::Lines;
use crate::export::formats::{
    Back, Container, Example, Files, Form, Settings, Writer, array, string,
};
use crate::export::recipe;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub const FORM: Form = Form {
    name: "llamafactory",
    about: "ShareGPT JSON lines and image files for LLaMAFactory (ms-swift reads the same)",
    docs: "Writes `<split>.jsonl`, `images/`, `dataset_info.json`, `sft.yaml` and `ds_z3.json`.\n\
           Train with `llamafactory-cli train sft.yaml` from inside the folder.\n\
           The template must be `qwen2_vl` for Qwen2.5-VL (there is no `qwen2_5_vl`), and \
           `cutoff_len` must fit: a cut row keeps its images and stops the run.\n\
           To stream, set `accelerator_config: {dispatch_batches: false}` and `max_steps`.",
    dialects: &[Dialect::Text, Dialect::Native],
    takes_rules: false,
    container: Container::Jsonl,
    beside: &[DATASET_INFO, "sft.yaml", "ds_z3.json"],
    prompt_tokens: None,
    pairs: false,
    start: |settings| {
        Ok(Box::new(LlamaFactory { settings: settings.clone(), lines: Lines::default() }))
    },
    back,
};

/// How LLaMAFactory finds the rows: without it, or with another, it loads nothing or drops rows.
pub const DATASET_INFO: &str = "dataset_info.json";

const SFT: &str = include_str!("../../../data/export/llamafactory_sft.yaml");
pub(super) const DEEPSPEED: &str = include_str!("../../../data/export/ds_z3.json");

struct LlamaFactory {
    settings: Settings,
    lines: Lines,
}

impl Writer for LlamaFactory {
    fn push(
        &mut self,
        example: &Example<'_>,
        out: &mut Files,
    ) -> Result<Option<Value>, DatasetError> {
        let native = self.settings.dialect == Dialect::Native;
        let from = |speaker, calls| match (speaker, native) {
            (Speaker::Model, true) if calls => "function_call",
            (Speaker::Model, _) => "gpt",
            (Speaker::Observation, true) => "observation",
            _ => "human",
        };
        let turns: Vec<Value> = example
            .turns
            .iter()
            .filter(|turn| turn.speaker != Speaker::System)
            .map(|turn| json!({"from": from(turn.speaker, turn.calls), "value": turn.text}))
            .collect();
        let system = example.turns.iter().find(|turn| turn.speaker == Speaker::System);
        let mut row = json!({
            "id": example.trajectory.prompt.id,
            "conversations": turns,
            "system": system.map_or("", |turn| &turn.text),
            "images": self.lines.images(example, out),
        });
        if native {
            row["tools"] = Value::from(format!("[{TOOL_SIGNATURE}]"));
        }
        self.lines.line(example.split, &row, out);
        Ok(Some(row))
    }

    fn finish(
        &mut self,
        rows: &BTreeMap<String, u64>,
        out: &mut Files,
    ) -> Result<(), DatasetError> {
        self.lines.finish(out);
        let native = self.settings.dialect == Dialect::Native;
        let tags = ["from", "value", "human", "gpt", "observation", "function_call", "system"];
        let mut columns = json!(
            {"messages": "conversations", "system": "system", "images": "images"});
        if native {
            columns["tools"] = Value::from("tools");
        }
        out.whole(DATASET_INFO, dataset_info(&self.settings, rows, "jsonl", &columns, tags));
        out.whole("sft.yaml", sft_yaml(&self.settings, rows));
        out.whole("ds_z3.json", DEEPSPEED);
        Ok(())
    }
}

/// `dataset_info.json`: an entry a split that has rows. All seven tags are named: one that is
/// left out would not be its default but nothing, and every row would be dropped.
pub fn dataset_info(
    settings: &Settings,
    rows: &BTreeMap<String, u64>,
    extension: &str,
    columns: &Value,
    tags: [&str; 7],
) -> String {
    let [role, content, user, assistant, observation, function, system] = tags;
    let entry = |split: &String| {
        json!({
            "file_name": format!("{split}.{extension}"),
            "formatting": "sharegpt",
            "columns": columns,
            "tags": {
                "role_tag": role,
                "content_tag": content,
                "user_tag": user,
                "assistant_tag": assistant,
                "observation_tag": observation,
                "function_tag": function,
                "system_tag": system,
            },
        })
    };
    let info: serde_json::Map<String, Value> =
        filled(settings, rows).map(|split| (format!("coldstart_{split}"), entry(split))).collect();
    format!("{:#}\n", Value::Object(info))
}

/// The splits that have rows: the loaders refuse an empty file.
pub(super) fn filled<'a>(
    settings: &'a Settings,
    rows: &'a BTreeMap<String, u64>,
) -> impl Iterator<Item = &'a String> {
    settings.splits.iter().filter(|split| rows.get(*split).is_some_and(|n| *n > 0))
}

/// The paper's SFT settings.
pub fn sft_yaml(settings: &Settings, rows: &BTreeMap<String, u64>) -> String {
    let eval = filled(settings, rows).nth(1).map_or(String::new(), |split| {
        format!(
            "eval_dataset: coldstart_{split}\neval_strategy: epoch\nper_device_eval_batch_size: 1\n"
        )
    });
    let train = settings.splits.first().map_or("train", String::as_str);
    let mut values = vec![
        ("train", format!("coldstart_{train}")),
        ("eval", eval),
        ("max_tokens", settings.max_tokens.to_string()),
        ("max_pixels", settings.max_image_pixels.to_string()),
    ];
    values.extend(recipe::SFT.slots(settings.gpus));
    fill(SFT, &values)
}

fn back(row: &Value) -> Result<Back, String> {
    let mut turns = vec![(Speaker::System, string(row, "system")?.to_string())];
    for turn in array(row, "conversations")? {
        let speaker = match string(turn, "from")? {
            "human" => Speaker::User,
            "observation" => Speaker::Observation,
            "gpt" | "function_call" => Speaker::Model,
            other => return Err(format!("`{other}` is no role of this form")),
        };
        turns.push((speaker, string(turn, "value")?.to_string()));
    }
    let path = |path: &Value| path.as_str().map(str::to_string).ok_or("an image is no path");
    let images = array(row, "images")?.iter().map(path).collect::<Result<_, _>>()?;
    Ok(Back { id: string(row, "id")?.to_string(), turns, images, prompt_only: false })
}
