//! T2I-R1's prompts: JSON lines (despite the name `.json`) with `nouns` and one of `spatial_info`,
//! `numeracy_info`, `attr_nouns`, of which the spec is made where they say all of the prompt.

use super::{Reader, jsonl};
use crate::pool::benchmark::region;
use crate::pool::input::Input;
use crate::pool::out::{Flow, Out};
use crate::record::{Relation, Spec, SpecObject};
use crate::text;
use serde_json::Value;

pub const READER: Reader = Reader {
    name: "t2i_r1",
    about: "T2I-R1: prompts with structured meanings, no images",
    layout: "geneval_and_t2i_data_final.json, JSON lines: {\"prompt\", \"nouns\", \"task_type\", \
             \"spatial_info\"|\"numeracy_info\"|\"attr_nouns\"}; Apache-2.0",
    claims,
    read,
};

fn json(input: &Input) -> Vec<&str> {
    input.ending(&[".json", ".jsonl"])
}

fn claims(input: &Input) -> bool {
    let first = json(input).first().map(|name| input.head(name, 4096)).unwrap_or_default();
    let first = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&first);
    let line = first.split(|&b| b == b'\n').next().unwrap_or_default();
    serde_json::from_slice::<Value>(line)
        .is_ok_and(|row| row.get("nouns").is_some() && row.get("task_type").is_some())
}

fn read(input: &Input, out: &mut Out) -> Flow {
    for name in json(input) {
        jsonl::rows(input, name, out, &mut |out, key, row| {
            let mut draft = out.draft_of(key, &row)?;
            draft.category = row.get("task_type").and_then(Value::as_str).map(str::to_owned);
            let said = draft.text.as_deref().and_then(text::spec::parse);
            draft.spec = draft.spec.or(said).or_else(|| spec_of(&row));
            if draft.spec.is_some() {
                out.mapped("spec", "the prompt, numeracy_info, spatial_info");
            }
            draft.licence = draft.licence.or(Some("Apache-2.0".to_owned()));
            out.row(draft)
        })?;
    }
    Ok(())
}

/// The spec of the row's own structure, where it says all that the prompt does: counts, or a plain
/// relation of two things. Of attributes only colours are structure; others stay words.
fn spec_of(row: &Value) -> Option<Spec> {
    let object = |class: &str, count: u32| SpecObject {
        class: text::spec::class(class),
        count,
        color: None,
        region: None,
        size: None,
        material: None,
    };
    if row.get("task_type").and_then(Value::as_str) == Some("complex") {
        // Its objects have attributes that the structure leaves out.
        return None;
    }
    if let Some(counts) = row.get("numeracy_info").and_then(Value::as_array) {
        let mut spec = Spec::default();
        for entry in counts {
            let (name, num) = (entry.get("obj_name")?.as_str()?, entry.get("num")?.as_u64()?);
            spec.include.push(object(name, u32::try_from(num).ok()?));
        }
        return (!spec.include.is_empty()).then_some(spec);
    }
    let place = row.get("spatial_info")?;
    let word = |key: &str| place.get(key).and_then(Value::as_str);
    let region = region(word("locality")?)?;
    Some(Spec {
        include: vec![object(word("obj1")?, 1), object(word("obj2")?, 1)],
        relations: vec![Relation { subject: 0, region, object: 1 }],
        ..Spec::default()
    })
}
