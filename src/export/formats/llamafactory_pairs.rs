//! LLaMAFactory 0.9.5, preference pairs (`ranking: true`): the conversation up to the turn where two
//! rollouts part, the better one's turn and the worse one's.

use crate::export::conversation::{Dialect, Speaker, Turn};
use crate::export::dataset::DatasetError;
use crate::export::fill::fill;
use crate::export::formats::jsonl::Lines;
use crate::export::formats::llamafactory::{DEEPSPEED, filled};
use crate::export::formats::{
    Back, Container, DATASET_INFO, Example, Files, Form, Settings, Writer, array, string,
};
use crate::export::recipe;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub const FORM: Form = Form {
    name: "llamafactory-pairs",
    about: "preference pairs, images in the prompt, for LLaMAFactory's DPO",
    docs: "Of a dataset of pairs (`stages/rl_pairs`, `stages/rl_second_turns`): writes `<split>.jsonl` \
           (`conversations` up to the turn where the two part, `chosen`, `rejected`, `images`), \
           `images/`, `dataset_info.json`, `dpo.yaml` and `ds_z3.json`. Train with `llamafactory-cli \
           train dpo.yaml` from inside the folder.",
    dialects: &[Dialect::Text],
    takes_rules: false,
    container: Container::Jsonl,
    beside: &[DATASET_INFO, "dpo.yaml", "ds_z3.json"],
    prompt_tokens: None,
    pairs: true,
    start: |settings| Ok(Box::new(Pairs { settings: settings.clone(), lines: Lines::default() })),
    back,
};

const DPO: &str = include_str!("../../../data/export/llamafactory_dpo.yaml");

struct Pairs {
    settings: Settings,
    lines: Lines,
}

/// A pair's parts: the turns before, the chosen one, and the rejected text.
pub fn parts<'a>(example: &'a Example<'_>) -> Option<(&'a [Turn], &'a Turn, &'a str)> {
    let rejected = example.trajectory.rejected.as_ref()?;
    let (chosen, before) = example.turns.split_last()?;
    (chosen.speaker == Speaker::Model).then_some((before, chosen, rejected.turn.as_str()))
}

impl Writer for Pairs {
    fn push(
        &mut self,
        example: &Example<'_>,
        out: &mut Files,
    ) -> Result<Option<Value>, DatasetError> {
        let Some((before, chosen, rejected)) = parts(example) else { return Ok(None) };
        let said = |from: &str, text: &str| json!({"from": from, "value": text});
        let turns: Vec<Value> = before
            .iter()
            .filter(|turn| turn.speaker != Speaker::System)
            .map(|turn| match turn.speaker {
                Speaker::Model => said("gpt", &turn.text),
                _ => said("human", &turn.text),
            })
            .collect();
        let system = before.iter().find(|turn| turn.speaker == Speaker::System);
        let row = json!({
            "id": example.trajectory.prompt.id,
            "conversations": turns,
            "system": system.map_or("", |turn| &turn.text),
            "chosen": said("gpt", &chosen.text),
            "rejected": said("gpt", rejected),
            "images": self.lines.images(example, out),
        });
        self.lines.line(example.split, &row, out);
        Ok(Some(row))
    }

    fn finish(
        &mut self,
        rows: &BTreeMap<String, u64>,
        out: &mut Files,
    ) -> Result<(), DatasetError> {
        self.lines.finish(out);
        let entry = |split: &String| {
            json!({
                "file_name": format!("{split}.jsonl"),
                "formatting": "sharegpt",
                "ranking": true,
                "columns": {
                    "messages": "conversations", "system": "system", "chosen": "chosen",
                    "rejected": "rejected", "images": "images",
                },
                "tags": {
                    "role_tag": "from", "content_tag": "value", "user_tag": "human",
                    "assistant_tag": "gpt", "observation_tag": "observation",
                    "function_tag": "function_call", "system_tag": "system",
                },
            })
        };
        let named = |split| (format!("coldstart_pairs_{split}"), entry(split));
        let info: serde_json::Map<String, Value> =
            filled(&self.settings, rows).map(named).collect();
        out.whole(DATASET_INFO, format!("{:#}\n", Value::Object(info)));
        let train = self.settings.splits.first().map_or("train", String::as_str);
        let mut values = vec![
            ("train", format!("coldstart_pairs_{train}")),
            ("max_tokens", self.settings.max_tokens.to_string()),
            ("max_pixels", self.settings.max_image_pixels.to_string()),
        ];
        values.extend(recipe::PAIRS.slots(self.settings.gpus));
        out.whole("dpo.yaml", fill(DPO, &values));
        out.whole("ds_z3.json", DEEPSPEED);
        Ok(())
    }
}

/// The turns up to the chosen one, which is the last.
fn back(row: &Value) -> Result<Back, String> {
    let mut turns = vec![(Speaker::System, string(row, "system")?.to_string())];
    let mut said = array(row, "conversations")?.to_vec();
    said.push(row.get("chosen").cloned().ok_or("no `chosen`")?);
    let rejected = row.get("rejected").ok_or("no `rejected`")?;
    if string(rejected, "value")?.is_empty() {
        return Err("`rejected` is empty".into());
    }
    for turn in &said {
        let speaker = match string(turn, "from")? {
            "human" => Speaker::User,
            "gpt" => Speaker::Model,
            other => return Err(format!("`{other}` is no role of this form")),
        };
        turns.push((speaker, string(turn, "value")?.to_string()));
    }
    let path = |path: &Value| path.as_str().map(str::to_string).ok_or("an image is no path");
    let images = array(row, "images")?.iter().map(path).collect::<Result<_, _>>()?;
    Ok(Back { id: string(row, "id")?.to_string(), turns, images, prompt_only: false })
}
