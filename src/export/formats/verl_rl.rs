//! verl 0.9.1, reinforcement (the paper's second stage): prompts, and what the reward needs to
//! know of them as ground truth; agent loop, reward function, sampler and configuration beside them.
//!
//! The ground truth holds rules, checklist, spec, gloss and the reference's name. It is for the
//! reward model: the prompt messages hold none of it. The Python is thin: pictures and rewards are
//! `coldstart serve`'s.

use crate::export::columns::{column, group, messages, text};
use crate::export::conversation::Dialect;
use crate::export::dataset::DatasetError;
use crate::export::fill::fill;
use crate::export::formats::table::{Naming, Tables};
use crate::export::formats::{
    Back, Container, Example, Files, Form, Settings, Writer, prompt_back, string, universal,
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
           `extra_info`, `agent_name`; the training split also `__rollout_n__` = 12), `loop.py` (an agent \
           loop that speaks the supervised rows' bytes), `reward.py`, `sampler.py` (12 rollouts to 8, \
           uniform over round counts), `agent.yaml`, `grpo.sh` with the paper's settings and \
           `REQUIRED_VERL.txt`. Pictures and rewards come from `coldstart serve`; an outage raises, and \
           the session is in no batch.\n\
           A prompt comes once, whatever its trajectories. `reward_model.ground_truth` is JSON: \
           `prompt`, `rules`, `atoms`, `spec`, `gloss`, `category`, `reference` (the hint image's digest: \
           its bytes are among the RUN's blobs); it must never be shown to the trained model.",
    dialects: &[Dialect::Text],
    takes_rules: true,
    container: Container::Parquet,
    beside: &[
        "loop.py",
        "reward.py",
        "sampler.py",
        "coldstart_service.py",
        "coldstart_grammar.py",
        "coldstart_resample.py",
        "agent.yaml",
        "REQUIRED_VERL.txt",
        "grpo.sh",
    ],
    prompt_tokens: Some(PROMPT_TOKENS),
    pairs: false,
    start: |settings| {
        let of = |schema| Tables::new(schema, Naming::One);
        let (train, held) = (of(schema(true)), of(schema(false)));
        Ok(Box::new(VerlRl {
            settings: settings.clone(),
            train,
            held,
            seen: HashSet::new(),
            index: 0,
        }))
    },
    back,
};

/// The longest prompt: verl drops longer ones with no more than a line in its log.
pub const PROMPT_TOKENS: u32 = 2_048;

/// Rollouts of a prompt in training (the paper's G'), of which the sampler keeps 8.
const ROLLOUTS: i64 = 12;

/// What talks to the service, for every trainer's code.
pub const SERVICE: &str = include_str!("../../../data/export/rl/coldstart_service.py");
/// What follows a turn, for every trainer's code.
pub const GRAMMAR: &str = include_str!("../../../data/export/rl/coldstart_grammar.py");

const FILES: [(&str, &str); 8] = [
    ("loop.py", include_str!("../../../data/export/rl/verl_loop.py")),
    ("reward.py", include_str!("../../../data/export/rl/verl_reward.py")),
    ("sampler.py", include_str!("../../../data/export/rl/verl_sampler.py")),
    ("coldstart_service.py", SERVICE),
    ("coldstart_grammar.py", GRAMMAR),
    ("coldstart_resample.py", include_str!("../../../data/export/rl/coldstart_resample.py")),
    ("agent.yaml", include_str!("../../../data/export/rl/verl_agent.yaml")),
    ("REQUIRED_VERL.txt", include_str!("../../../data/export/rl/verl_required.txt")),
];
const START: &str = include_str!("../../../data/export/verl_grpo.sh");

struct VerlRl {
    settings: Settings,
    /// The split that is trained, and the others: only rollouts that train are resampled.
    train: Tables,
    held: Tables,
    seen: HashSet<String>,
    index: i64,
}

fn schema(train: bool) -> SchemaRef {
    let extra = group(vec![
        column("index", DataType::Int64),
        text("split"),
        text("id"),
        text("category"),
        column("need_tools_kwargs", DataType::Boolean),
    ]);
    let mut columns = vec![
        text("data_source"),
        column("prompt", messages()),
        text("ability"),
        column("reward_model", group(vec![text("style"), text("ground_truth")])),
        column("extra_info", extra),
        column("agent_name", DataType::Utf8),
    ];
    columns.extend(train.then(|| column("__rollout_n__", DataType::Int64)));
    Arc::new(Schema::new(columns))
}

/// What the reward model is told of a prompt, as JSON text.
pub fn ground_truth(trajectory: &Trajectory, rules: &[(String, String)]) -> String {
    let prompt = &trajectory.prompt;
    let rules: Vec<Value> =
        rules.iter().map(|(id, text)| json!({"id": id, "text": text})).collect();
    json!({
        "prompt": prompt.text,
        "rules": rules,
        "atoms": trajectory.atoms,
        "spec": prompt.spec,
        "gloss": prompt.gloss,
        "category": prompt.category,
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
        let mut row = json!({
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
            "agent_name": "coldstart_agent",
        });
        let trains = self.settings.splits.first().is_none_or(|first| first == example.split);
        if trains {
            row["__rollout_n__"] = ROLLOUTS.into();
        }
        self.index += 1;
        let tables = if trains { &mut self.train } else { &mut self.held };
        tables.push(example, row, out).map(Some)
    }

    fn finish(
        &mut self,
        rows: &BTreeMap<String, u64>,
        out: &mut Files,
    ) -> Result<(), DatasetError> {
        let splits = &self.settings.splits;
        let (train, held) = splits.split_at(splits.len().min(1));
        self.train.finish(train, out)?;
        self.held.finish(held, out)?;
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
        values.extend(recipe::ROLLOUTS.slots(self.settings.gpus));
        out.whole("grpo.sh", fill(START, &values));
        Ok(())
    }
}

fn back(row: &Value) -> Result<Back, String> {
    let reward = row.get("reward_model").ok_or("no `reward_model`")?;
    let info = row.get("extra_info").ok_or("no `extra_info`")?;
    prompt_back(row, "prompt", string(info, "id")?, string(reward, "ground_truth")?)
}
