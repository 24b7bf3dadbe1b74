//! verl 0.9.1, reinforcement (the paper's second stage): prompts, and what the reward needs to
//! know of them as ground truth; reward function, image tool and configuration beside them.
//!
//! The ground truth holds rules, checklist, spec, gloss and the reference's name. It is for the
//! reward model: the prompt messages hold none of it.

use crate::export::columns::{column, group, messages, text};
use crate::export::conversation::{Dialect, Speaker};
use crate::export::dataset::DatasetError;
use crate::export::fill::fill;
use crate::export::formats::table::{Naming, Tables};
use crate::export::formats::{
    Back, Container, Example, Files, Form, Settings, Writer, array, string, universal,
};
use crate::export::recipe;
use crate::record::Trajectory;
use arrow_schema::{DataType, Schema, SchemaRef};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

pub const FORM: Form = Form {
    name: "verl-rl",
    about: "prompts with ground truth, reward function and configuration for verl's GRPO",
    docs: "Writes `<split>.parquet` (columns `data_source`, `prompt`, `ability`, `reward_model`, \
           `extra_info`), `reward.py` (equations 6 and 7), `image_tool.py`, `tools.yaml` and \
           `grpo.sh` with the paper's settings.\n\
           A prompt comes once, whatever its trajectories. `reward_model.ground_truth` is JSON: \
           `prompt`, `rules`, `atoms`, `spec`, `gloss`, `reference` (the hint image's digest: its \
           bytes are among the RUN's blobs); it must never be shown to the trained model.\n\
           In rollouts verl renders a picture in a turn of role `tool`, which Qwen2.5-VL's template \
           does not wrap in `<tool_response>` as the supervised rows do; a chat template of one's \
           own (`actor_rollout_ref.model.custom_chat_template`) can.",
    dialects: &[Dialect::Text],
    container: Container::Parquet,
    beside: &["reward.py", "image_tool.py", "tools.yaml", "grpo.sh"],
    prompt_tokens: Some(PROMPT_TOKENS),
    start: |settings| {
        let tables = Tables::new(schema(), Naming::One);
        Ok(Box::new(VerlRl { settings: settings.clone(), tables, seen: HashSet::new(), index: 0 }))
    },
    back,
};

/// The longest prompt: verl drops longer ones with no more than a line in its log.
const PROMPT_TOKENS: u32 = 2_048;

const FILES: [(&str, &str); 3] = [
    ("reward.py", include_str!("../../../data/export/verl_reward.py")),
    ("image_tool.py", include_str!("../../../data/export/verl_image_tool.py")),
    ("tools.yaml", include_str!("../../../data/export/verl_tools.yaml")),
];
const START: &str = include_str!("../../../data/export/verl_grpo.sh");

struct VerlRl {
    settings: Settings,
    tables: Tables,
    seen: HashSet<String>,
    index: i64,
}

fn schema() -> SchemaRef {
    let extra = group(vec![
        column("index", DataType::Int64),
        text("split"),
        text("id"),
        text("category"),
        column("need_tools_kwargs", DataType::Boolean),
    ]);
    Arc::new(Schema::new(vec![
        text("data_source"),
        column("prompt", messages()),
        text("ability"),
        column("reward_model", group(vec![text("style"), text("ground_truth")])),
        column("extra_info", extra),
        column("agent_name", DataType::Utf8),
    ]))
}

/// What the reward model is told of a prompt, as JSON text.
fn ground_truth(trajectory: &Trajectory, rules: &[(String, String)]) -> String {
    let prompt = &trajectory.prompt;
    let rules: Vec<Value> =
        rules.iter().map(|(id, text)| json!({"id": id, "text": text})).collect();
    json!({
        "prompt": prompt.text,
        "rules": rules,
        "atoms": trajectory.atoms,
        "spec": prompt.spec,
        "gloss": prompt.gloss,
        "reference": prompt.reference.as_ref().map(crate::export::dataset::image_name),
    })
    .to_string()
}

impl Writer for VerlRl {
    fn push(
        &mut self,
        example: &Example<'_>,
        out: &mut Files,
    ) -> Result<Option<Value>, DatasetError> {
        let prompt = &example.trajectory.prompt;
        if !self.seen.insert(prompt.text.clone()) {
            return Ok(None);
        }
        let row = json!({
            "data_source": "coldstart",
            "prompt": universal::message_list(example.turns),
            "ability": "t2i",
            "reward_model": {
                "style": "model",
                "ground_truth": ground_truth(example.trajectory, &self.settings.rules),
            },
            "extra_info": {
                "index": self.index,
                "split": example.split,
                "id": prompt.id,
                "category": prompt.category,
                "need_tools_kwargs": false,
            },
            "agent_name": "tool_agent",
        });
        self.index += 1;
        self.tables.push(example, row, out).map(Some)
    }

    fn finish(
        &mut self,
        rows: &BTreeMap<String, u64>,
        out: &mut Files,
    ) -> Result<(), DatasetError> {
        self.tables.finish(&self.settings.splits, out)?;
        for (name, content) in FILES {
            out.whole(name, content);
        }
        let splits = &self.settings.splits;
        let train = splits.first().map_or("train", String::as_str);
        let held = splits.get(1).filter(|split| rows.get(*split).is_some_and(|n| *n > 0));
        let mut values = vec![
            ("train", train.to_string()),
            ("val", held.map_or(train, String::as_str).to_string()),
            ("max_tokens", self.settings.max_tokens.to_string()),
            ("max_prompt", PROMPT_TOKENS.to_string()),
            ("max_response", self.settings.max_tokens.saturating_sub(PROMPT_TOKENS).to_string()),
        ];
        values.extend(recipe::slots(self.settings.gpus));
        out.whole("grpo.sh", fill(START, &values));
        Ok(())
    }
}

fn back(row: &Value) -> Result<Back, String> {
    let mut turns = Vec::new();
    for message in array(row, "prompt")? {
        let speaker = match string(message, "role")? {
            "system" => Speaker::System,
            "user" => Speaker::User,
            other => return Err(format!("`{other}` has no place in a prompt")),
        };
        turns.push((speaker, string(message, "content")?.to_string()));
    }
    let truth = row.get("reward_model").map_or(Err("no `reward_model`".into()), |reward| {
        string(reward, "ground_truth").map(str::to_string)
    })?;
    serde_json::from_str::<Value>(&truth).map_err(|e| format!("`ground_truth` is no JSON: {e}"))?;
    let info = row.get("extra_info").ok_or("no `extra_info`")?;
    Ok(Back { id: string(info, "id")?.into(), turns, images: Vec::new(), prompt_only: true })
}
