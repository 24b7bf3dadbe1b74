//! ms-swift 4.6, reinforcement: prompts with their ground truth, the multi-turn scheduler and reward
//! that call `coldstart serve`, and a start script.

use crate::export::conversation::{Dialect, Speaker};
use crate::export::dataset::DatasetError;
use crate::export::fill::fill;
use crate::export::formats::jsonl::Lines;
use crate::export::formats::verl_rl::{GRAMMAR, PROMPT_TOKENS, SERVICE, ground_truth};
use crate::export::formats::{
    Back, Container, Example, Files, Form, Settings, Writer, prompt_back, string,
};
use crate::export::recipe;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};

pub const FORM: Form = Form {
    name: "ms-swift-rl",
    about: "prompts with ground truth, multi-turn scheduler and reward for ms-swift's GRPO",
    docs: "Writes `<split>.jsonl` (`messages`, `truth`), `scheduler.py` (GenAgent's turns and reward, by \
           `coldstart serve`) and `grpo.sh`. A prompt comes once. `truth` is for the reward and must \
           never be shown to the trained model. ms-swift has no resampling over round counts: a group is \
           8.",
    dialects: &[Dialect::Text],
    takes_rules: true,
    container: Container::Jsonl,
    beside: &["scheduler.py", "coldstart_service.py", "coldstart_grammar.py", "grpo.sh"],
    prompt_tokens: Some(PROMPT_TOKENS),
    pairs: false,
    start: |settings| {
        let (settings, seen) = (settings.clone(), HashSet::new());
        Ok(Box::new(MsSwiftRl { settings, lines: Lines::default(), seen }))
    },
    back,
};

const START: &str = include_str!("../../../data/export/ms_swift_grpo.sh");

struct MsSwiftRl {
    settings: Settings,
    lines: Lines,
    seen: HashSet<String>,
}

impl Writer for MsSwiftRl {
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
            "messages": said.collect::<Vec<_>>(),
            "truth": ground_truth(example.trajectory, &self.settings.rules),
            "images": [],
        });
        self.lines.line(example.split, &row, out);
        Ok(Some(row))
    }

    fn finish(&mut self, _: &BTreeMap<String, u64>, out: &mut Files) -> Result<(), DatasetError> {
        self.lines.finish(out);
        out.whole("scheduler.py", include_str!("../../../data/export/rl/ms_swift_scheduler.py"));
        out.whole("coldstart_service.py", SERVICE);
        out.whole("coldstart_grammar.py", GRAMMAR);
        let most = self.settings.max_tokens;
        let mut values = vec![
            ("train", self.settings.splits.first().map_or("train", String::as_str).to_string()),
            ("max_tokens", most.to_string()),
            ("max_response", most.saturating_sub(PROMPT_TOKENS).to_string()),
            ("max_pixels", self.settings.max_image_pixels.to_string()),
        ];
        values.extend(recipe::ROLLOUTS.slots(self.settings.gpus));
        out.whole("grpo.sh", fill(START, &values));
        Ok(())
    }
}

/// A row that holds the prompt alone, with its truth as JSON.
fn back(row: &Value) -> Result<Back, String> {
    prompt_back(row, "messages", string(row, "id")?, string(row, "truth")?)
}
