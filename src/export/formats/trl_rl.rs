//! TRL 1.16, reinforcement: prompts with their ground truth, an environment that draws and a reward,
//! both by `coldstart serve`, a chat template that writes tool turns, and a start script.

use crate::export::columns::{column, messages, text};
use crate::export::conversation::{Dialect, Speaker};
use crate::export::dataset::DatasetError;
use crate::export::fill::fill;
use crate::export::formats::table::{Naming, Tables};
use crate::export::formats::verl_rl::{GRAMMAR, PROMPT_TOKENS, SERVICE, ground_truth};
use crate::export::formats::{
    Back, Container, Example, Files, Form, Settings, Writer, files_of, prompt_back, string,
};
use crate::export::recipe;
use arrow_schema::{Schema, SchemaRef};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

pub const FORM: Form = Form {
    name: "trl-grpo",
    about: "prompts with ground truth, environment, template and reward for TRL's GRPOTrainer",
    docs: "Writes `<split>.parquet` (`id`, `prompt`, `truth`), `environment.py` (the tool and the reward, \
           by `coldstart serve`), `tool_template.jinja` (Qwen2.5-VL's own drops tool turns, and TRL \
           refuses it) and `grpo.py`. A prompt comes once. `truth` is for the reward and must never be \
           shown to the trained model. TRL has no resampling over round counts: a group is 8.",
    dialects: &[Dialect::Text],
    takes_rules: true,
    container: Container::Parquet,
    beside: &[
        "environment.py",
        "tool_template.jinja",
        "coldstart_service.py",
        "coldstart_grammar.py",
        "grpo.py",
    ],
    prompt_tokens: Some(PROMPT_TOKENS),
    pairs: false,
    start: |settings| {
        let tables = Tables::new(schema(), Naming::One);
        Ok(Box::new(TrlRl { settings: settings.clone(), tables, seen: HashSet::new() }))
    },
    back,
};

const START: &str = include_str!("../../../data/export/trl_grpo.py");

struct TrlRl {
    settings: Settings,
    tables: Tables,
    seen: HashSet<String>,
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![text("id"), column("prompt", messages()), text("truth")]))
}

impl Writer for TrlRl {
    fn push(
        &mut self,
        example: &Example<'_>,
        out: &mut Files,
    ) -> Result<Option<Value>, DatasetError> {
        let prompt = &example.trajectory.prompt;
        if !self.seen.insert(prompt.text.clone()) {
            return Ok(None);
        }
        let said = example.turns.iter().map(|turn| {
            let role = if turn.speaker == Speaker::System { "system" } else { "user" };
            json!({"role": role, "content": turn.text})
        });
        let row = json!({
            "id": prompt.id,
            "prompt": said.collect::<Vec<_>>(),
            "truth": ground_truth(example.trajectory, &self.settings.rules),
        });
        self.tables.push(example, row, out).map(Some)
    }

    fn finish(
        &mut self,
        rows: &BTreeMap<String, u64>,
        out: &mut Files,
    ) -> Result<(), DatasetError> {
        self.tables.finish(&self.settings.splits, out)?;
        let template = include_str!("../../../data/export/rl/trl_tool_template.jinja");
        out.whole("environment.py", include_str!("../../../data/export/rl/trl_environment.py"));
        out.whole("tool_template.jinja", template);
        out.whole("coldstart_service.py", SERVICE);
        out.whole("coldstart_grammar.py", GRAMMAR);
        let response = self.settings.max_tokens.saturating_sub(PROMPT_TOKENS);
        let mut values = vec![
            ("files", files_of(&self.settings.splits, rows)),
            ("max_response", response.to_string()),
            ("max_pixels", self.settings.max_image_pixels.to_string()),
        ];
        values.extend(recipe::ROLLOUTS.slots(self.settings.gpus));
        out.whole("grpo.py", fill(START, &values));
        Ok(())
    }
}

fn back(row: &Value) -> Result<Back, String> {
    prompt_back(row, "prompt", string(row, "id")?, string(row, "truth")?)
}
