//! verl 0.9.1, supervised: the universal rows, and the trainer's configuration as overrides.

use crate::export::conversation::Dialect;
use crate::export::dataset::DatasetError;
use crate::export::fill::fill;
use crate::export::formats::table::Tables;
use crate::export::formats::{Container, Example, Files, Form, Settings, Writer, universal};
use crate::export::recipe;
use serde_json::Value;
use std::collections::BTreeMap;

pub const FORM: Form = Form {
    name: "verl-sft",
    about: "Parquet and a configuration for verl's multi-turn SFT trainer",
    docs: "Writes `<split>.parquet` (columns `id`, `messages`, `images`) and `sft.sh`, which starts \
           `verl.trainer.sft_trainer` with the paper's settings.\n\
           verl 0.9.1 has no option that freezes the vision tower: it is trained here, and frozen in the \
           other forms.\n\
           Text dialect only: Qwen2.5-VL's own template ignores a `tools` column and gives role \
           `tool` another rendering.",
    dialects: &[Dialect::Text],
    takes_rules: false,
    container: Container::Parquet,
    beside: &["sft.sh"],
    prompt_tokens: None,
    pairs: false,
    start: |settings| {
        let tables = universal::tables(settings);
        Ok(Box::new(VerlSft { settings: settings.clone(), tables }))
    },
    back: universal::back,
};

const START: &str = include_str!("../../../data/export/verl_sft.sh");

struct VerlSft {
    settings: Settings,
    tables: Tables,
}

impl Writer for VerlSft {
    fn push(
        &mut self,
        example: &Example<'_>,
        out: &mut Files,
    ) -> Result<Option<Value>, DatasetError> {
        self.tables.push(example, universal::row(example), out).map(Some)
    }

    fn finish(
        &mut self,
        rows: &BTreeMap<String, u64>,
        out: &mut Files,
    ) -> Result<(), DatasetError> {
        self.tables.finish(&self.settings.splits, out)?;
        let splits = &self.settings.splits;
        let train = splits.first().map_or("train", String::as_str);
        let held = splits.get(1).filter(|split| rows.get(*split).is_some_and(|n| *n > 0));
        let val = held.map_or("null".to_string(), |split| format!("\"$here/{split}.parquet\""));
        let test = if held.is_some() { "after_each_epoch" } else { "-1" };
        let mut values = vec![
            ("train", format!("\"$here/{train}.parquet\"")),
            ("val", val),
            ("test", test.to_string()),
            ("max_tokens", self.settings.max_tokens.to_string()),
        ];
        values.extend(recipe::SFT.slots(self.settings.gpus));
        out.whole("sft.sh", fill(START, &values));
        Ok(())
    }
}
