//! ms-swift 4.6.0: JSON lines with `messages` and image files.
//!
//! Text dialect: every turn verbatim. Native: the call as role `tool_call` (its JSON alone), the
//! observation as role `tool`, the signature in `tools`.

use crate::export::conversation::{Dialect, Speaker, TOOL_SIGNATURE, Turn};
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
    name: "ms-swift",
    about: "JSON lines with messages and image files for ms-swift",
    docs: "Writes `<split>.jsonl`, `images/` and `sft.sh`, which starts `swift sft` with the \
           paper's settings. Image paths are relative to the folder: `ROOT_IMAGE_DIR` says where \
           it is (`sft.sh` sets it).",
    dialects: &[Dialect::Text, Dialect::Native],
    takes_rules: false,
    container: Container::Jsonl,
    beside: &["sft.sh"],
    prompt_tokens: None,
    pairs: false,
    start: |settings| Ok(Box::new(MsSwift { settings: settings.clone(), lines: Lines::default() })),
    back,
};

const START: &str = include_str!("../../../data/export/ms_swift_sft.sh");

struct MsSwift {
    settings: Settings,
    lines: Lines,
}

/// A turn as ms-swift's messages: two when it calls natively.
fn messages(turn: &Turn, native: bool) -> Vec<Value> {
    let message = |role: &str, content: &str| json!({"role": role, "content": content});
    let call = turn.text.split_once("<tool_call>").filter(|_| native && turn.calls);
    match (turn.speaker, call) {
        (Speaker::System, _) => vec![message("system", &turn.text)],
        (Speaker::Model, Some((text, call))) => {
            let call = call.trim_end_matches("</tool_call>").trim();
            vec![message("assistant", text), message("tool_call", call)]
        }
        (Speaker::Model, None) => vec![message("assistant", &turn.text)],
        (Speaker::Observation, _) if native => vec![message("tool", &turn.text)],
        _ => vec![message("user", &turn.text)],
    }
}

impl Writer for MsSwift {
    fn push(
        &mut self,
        example: &Example<'_>,
        out: &mut Files,
    ) -> Result<Option<Value>, DatasetError> {
        let native = self.settings.dialect == Dialect::Native;
        let list: Vec<Value> =
            example.turns.iter().flat_map(|turn| messages(turn, native)).collect();
        let mut row = json!({
            "id": example.trajectory.prompt.id,
            "messages": list,
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
        let splits = &self.settings.splits;
        let held = splits.get(1).filter(|split| rows.get(*split).is_some_and(|n| *n > 0));
        let val = |split: &String| {
            format!(
                "--val_dataset \"$here/{split}.jsonl\" --eval_strategy epoch \
                 --per_device_eval_batch_size 1 "
            )
        };
        let mut values = vec![
            ("train", splits.first().map_or("train", String::as_str).to_string()),
            ("val", held.map_or(String::new(), val)),
            ("max_tokens", self.settings.max_tokens.to_string()),
            ("max_pixels", self.settings.max_image_pixels.to_string()),
        ];
        values.extend(recipe::SFT.slots(self.settings.gpus));
        out.whole("sft.sh", fill(START, &values));
        Ok(())
    }
}

fn back(row: &Value) -> Result<Back, String> {
    let mut turns: Vec<(Speaker, String)> = Vec::new();
    for message in array(row, "messages")? {
        let content = string(message, "content")?;
        let speaker = match string(message, "role")? {
            "system" => Speaker::System,
            "user" => Speaker::User,
            "assistant" => Speaker::Model,
            "tool" => Speaker::Observation,
            "tool_call" => {
                // The other half of the assistant's turn.
                let half = turns.last_mut().filter(|(speaker, _)| *speaker == Speaker::Model);
                let (_, text) = half.ok_or("a `tool_call` does not follow its thinking")?;
                text.push_str(&format!("<tool_call>\n{content}\n</tool_call>"));
                continue;
            }
            other => return Err(format!("`{other}` is no role of this form")),
        };
        turns.push((speaker, content.to_string()));
    }
    let path = |path: &Value| path.as_str().map(str::to_string).ok_or("an image is no path");
    let images = array(row, "images")?.iter().map(path).collect::<Result<_, _>>()?;
    Ok(Back { id: string(row, "id")?.to_string(), turns, images, prompt_only: false })
}
