//! ATIF v1.7 (Agent Trajectory Interchange Format): one JSON document a trajectory, pictures as
//! files. Harbor's viewer, Data Designer, NeMo Agent Toolkit and Docent read it.
//!
//! A step of the agent is a model turn taken apart: thinking as `reasoning_content`, the judgement of
//! the picture before it as `message`, the call as a tool call, and the picture that came back as its
//! observation. Paths of pictures are relative to the document, as Harbor reads them.

use crate::export::conversation::{self, Dialect, Speaker, TOOL, TOOL_SIGNATURE, Turn};
use crate::export::dataset::DatasetError;
use crate::export::formats::{
    Back, Container, Example, Files, Form, Writer, array, image_file, string,
};
use crate::export::grammar;
use crate::record::{Digest, ImageRef};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};

pub const FORM: Form = Form {
    name: "atif",
    about: "ATIF v1.7, one JSON a trajectory, for viewers and tools of agent trajectories",
    docs: "Writes `<split>/00000/0000000.json` and on (a thousand a folder) and `images/`.\n\
           `reasoning_content` is the thinking, `message` the judgement of the picture before, \
           `tool_calls` the call, `observation` the picture. `extra` says where the prompt comes \
           from, how the trajectory ends and whether it is simulated.",
    dialects: &[Dialect::Text, Dialect::Native],
    takes_rules: false,
    container: Container::Documents,
    beside: &[],
    prompt_tokens: None,
    pairs: false,
    start: |_| Ok(Box::new(Atif::default())),
    back,
};

const VERSION: &str = "ATIF-v1.7";
/// Documents of one folder: the hub takes fewer than 10,000.
const FOLDER: u64 = 1_000;
/// The way from a document's folder to the export's.
const UP: &str = "../../";
/// What the last turn of a conversation that ends by an answer says after its judgement.
const ANSWER: &str = "done";

/// Whether `rest`, after `<split>/`, is a document's name.
pub fn is_document(rest: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let name = rest.strip_suffix(".json").and_then(|stem| stem.split_once('/'));
    name.is_some_and(|(folder, number)| digits(folder) && digits(number))
}

#[derive(Default)]
struct Atif {
    written: HashSet<Digest>,
    rows: BTreeMap<String, u64>,
}

impl Writer for Atif {
    fn push(
        &mut self,
        example: &Example<'_>,
        out: &mut Files,
    ) -> Result<Option<Value>, DatasetError> {
        for (bytes, image) in example.images {
            if self.written.insert(image.digest) {
                out.whole(image_file(image), bytes.clone());
            }
        }
        let row = document(example)?;
        let number = self.rows.entry(example.split.to_owned()).or_default();
        let name = format!("{}/{:05}/{number:07}.json", example.split, *number / FOLDER);
        *number += 1;
        out.whole(name, format!("{row:#}\n"));
        Ok(Some(row))
    }

    fn finish(&mut self, _: &BTreeMap<String, u64>, _: &mut Files) -> Result<(), DatasetError> {
        Ok(())
    }
}

fn document(example: &Example<'_>) -> Result<Value, DatasetError> {
    let (trajectory, prompt) = (example.trajectory, &example.trajectory.prompt);
    let steps = steps(example.turns)?;
    let tool: Value = serde_json::from_str(TOOL_SIGNATURE).unwrap_or_default();
    let mut row = json!({
        "schema_version": VERSION,
        "session_id": prompt.id,
        "trajectory_id": prompt.id,
        "agent": {
            "name": "coldstart",
            "version": env!("CARGO_PKG_VERSION"),
            "tool_definitions": [tool],
            "extra": {"models": trajectory.models},
        },
        "final_metrics": {"total_steps": steps.len()},
        "steps": steps,
        "extra": {
            "category": prompt.category,
            "source": prompt.source,
            "licence": prompt.licence,
            "outcome": trajectory.outcome,
            "simulated": trajectory.simulated,
        },
    });
    if trajectory.simulated {
        row["notes"] =
            "SIMULATED DATA: made in coldstart's simulated world, by no real model".into();
    }
    Ok(row)
}

/// The turns as steps; a picture belongs to the step that called for it.
fn steps(turns: &[Turn]) -> Result<Vec<Value>, DatasetError> {
    let mut steps: Vec<Value> = Vec::new();
    for turn in turns {
        let number = steps.len() + 1;
        let spoken =
            |source: &str| json!({"step_id": number, "source": source, "message": turn.text});
        match turn.speaker {
            Speaker::System => steps.push(spoken("system")),
            Speaker::User => steps.push(spoken("user")),
            Speaker::Model => steps.push(agent_step(number, &turn.text)?),
            Speaker::Observation => {
                if let Some(step) = steps.last_mut() {
                    step["observation"] = observation(number - 1, turn);
                }
            }
        }
    }
    Ok(steps)
}

fn call_id(step: usize) -> String {
    format!("call_{step}")
}

fn agent_step(number: usize, text: &str) -> Result<Value, DatasetError> {
    // The first model turn follows the system's and the user's.
    let turn = grammar::model_turn(text, number == 3)
        .map_err(|fault| DatasetError::Damaged(fault.what.into()))?;
    let mut step = json!({
        "step_id": number,
        "source": "agent",
        "message": turn.judgement.unwrap_or_default(),
    });
    if let (Some(thinking), Some(caption)) = (turn.thinking, turn.caption) {
        step["reasoning_content"] = thinking.into();
        step["tool_calls"] = json!([{
            "tool_call_id": call_id(number),
            "function_name": TOOL,
            "arguments": {"caption": caption},
        }]);
    }
    if turn.answer {
        step["extra"] = json!({"answer": ANSWER});
    }
    Ok(step)
}

/// What came back: a picture, and the words around it where the dialect has some.
fn observation(step: usize, turn: &Turn) -> Value {
    let picture = |image: &ImageRef| {
        let path = format!("{UP}{}", image_file(image));
        json!({"type": "image", "source": {"media_type": image.mime.as_str(), "path": path}})
    };
    let mut images = turn.images.iter().map(picture);
    let mut content: Vec<Value> = Vec::new();
    for (at, text) in turn.text.split("<image>").enumerate() {
        if at > 0 {
            content.extend(images.next());
        }
        if !text.is_empty() {
            content.push(json!({"type": "text", "text": text}));
        }
    }
    json!({"results": [{"source_call_id": call_id(step), "content": content}]})
}

fn back(row: &Value) -> Result<Back, String> {
    if string(row, "schema_version")? != VERSION {
        return Err(format!("it is no {VERSION}"));
    }
    let mut back = Back { id: string(row, "session_id")?.to_owned(), ..Back::default() };
    for step in array(row, "steps")? {
        let message = string(step, "message")?;
        let speaker = match string(step, "source")? {
            "system" => Speaker::System,
            "user" => Speaker::User,
            "agent" => Speaker::Model,
            other => return Err(format!("`{other}` is no source of a step")),
        };
        let text = match speaker {
            Speaker::Model => model_text(step, message)?,
            _ => message.to_owned(),
        };
        back.turns.push((speaker, text));
        if let Some(observation) = step.get("observation") {
            seen(observation, &mut back)?;
        }
    }
    Ok(back)
}

fn model_text(step: &Value, message: &str) -> Result<String, String> {
    let judgement = Some(message).filter(|text| !text.is_empty());
    let Some(calls) = step.get("tool_calls").and_then(Value::as_array) else {
        let answered = step.pointer("/extra/answer").and_then(Value::as_str) == Some(ANSWER);
        return match answered {
            true => Ok(conversation::model_turn(judgement, None)),
            false => Err("a step of the agent neither calls nor answers".to_owned()),
        };
    };
    let [call] = calls.as_slice() else {
        return Err(format!("a step has {} calls, not one", calls.len()));
    };
    if string(call, "function_name")? != TOOL {
        return Err(format!("a step does not call `{TOOL}`"));
    }
    let caption = string(call.get("arguments").unwrap_or(&Value::Null), "caption")?;
    let thinking = string(step, "reasoning_content")?;
    Ok(conversation::model_turn(judgement, Some((thinking, caption))))
}

/// The observation as a turn of its own.
fn seen(observation: &Value, back: &mut Back) -> Result<(), String> {
    let mut text = String::new();
    for result in array(observation, "results")? {
        for part in array(result, "content")? {
            if string(part, "type")? == "text" {
                text.push_str(string(part, "text")?);
                continue;
            }
            let path = part.pointer("/source/path").and_then(Value::as_str).unwrap_or_default();
            let path = path.strip_prefix(UP).ok_or("a picture lies outside of the export")?;
            back.images.push(path.to_owned());
            text.push_str("<image>");
        }
    }
    back.turns.push((Speaker::Observation, text));
    Ok(())
}
