//! `comfyui`: a workflow graph with slots, queued by `POST /prompt`, awaited in `/history`, fetched
//! from `/view`.
//!
//! The one idea: the workflow is the user's own (saved in API format); strings that are exactly
//! `{prompt}`, `{negative_prompt}`, `{seed}`, `{width}`, `{height}`, `{steps}`, `{guidance}` are
//! replaced, numbers as numbers. The prompt's id is chosen by us, so that a POST whose answer was
//! lost is found again rather than drawn twice.

use crate::call::http::{Body, Failure, Outgoing, Wire, excerpt};
use crate::call::protocol::openai_images::IMAGE_BYTES;
use crate::call::protocol::{
    Answer, Entry, Got, OptionError, Options, Protocol, Serves, wrong_sort,
};
use crate::call::{ImageRequest, Request, Usage};
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const HISTORY_BYTES: usize = 16 << 20;

pub const ENTRY: Entry = Entry {
    name: "comfyui",
    serves: Serves::Image,
    about: "POST URL/prompt with your workflow: ComfyUI (one job at a time and server)",
    options: &[
        ("workflow", "the workflow in API format, as JSON text, with slots such as \"{prompt}\""),
        ("workflow_file", "the same in a file (read when the endpoints file is)"),
        ("poll_ms", "how often the history is asked; 500"),
    ],
    compile,
};

struct ComfyUi {
    workflow: Value,
    poll: Duration,
}

fn compile(options: &Options) -> Result<Arc<dyn Protocol>, OptionError> {
    let (key, text) = match (options.text("workflow")?, options.text("workflow_file")?) {
        (Some(text), None) => ("workflow", text.to_owned()),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                let title = format!("`{path}` cannot be read: {error}");
                OptionError::new("workflow_file", title, "it is a path from where you are")
            })?;
            ("workflow_file", text)
        }
        _ => {
            return Err(OptionError::new(
                "workflow",
                "a ComfyUI endpoint needs one of `workflow` and `workflow_file`",
                "save the workflow in API format and put \"{prompt}\" and \"{seed}\" into it",
            ));
        }
    };
    let workflow: Value = serde_json::from_str(&text).map_err(|error| {
        OptionError::new(key, format!("the workflow is not JSON: {error}"), "save it in API format")
    })?;
    for slot in ["{prompt}", "{seed}"] {
        if !text.contains(&format!("\"{slot}\"")) {
            return Err(OptionError::new(
                key,
                format!("the workflow has no slot \"{slot}\""),
                "without it every picture would be the same",
            ));
        }
    }
    let poll = match options.values.get("poll_ms") {
        None => 500,
        Some(value) => value.as_u64().filter(|n| (10..=60_000).contains(n)).ok_or_else(|| {
            OptionError::new("poll_ms", format!("`poll_ms` is `{value}`"), "it is 10 to 60000")
        })?,
    };
    Ok(Arc::new(ComfyUi { workflow, poll: Duration::from_millis(poll) }))
}

#[async_trait::async_trait]
impl Protocol for ComfyUi {
    async fn exchange(&self, request: &Request, wire: &Wire<'_>) -> Result<Answer, Failure> {
        let Request::Image(image) = request else { return Err(wrong_sort(request, ENTRY.name)) };
        let id = job_id(request);
        let found = match self.history(&id, wire).await? {
            // Drawn by an earlier try whose answer was lost.
            Some(entry) => entry,
            None => {
                self.submit(image, &id, wire).await?;
                self.wait(&id, wire).await?
            }
        };
        let picture = first_image(&found).ok_or_else(|| failed(&found, wire))?;
        let bytes = self.view(picture, wire).await?;
        let usage = Usage { images: 1, ..Usage::default() };
        Ok(Answer { got: Got::Image(bytes), finish: String::new(), usage, served: String::new() })
    }
}

/// A UUID made of the call's key.
fn job_id(request: &Request) -> String {
    let hex = request.key().hex();
    let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32))
}

impl ComfyUi {
    async fn submit(&self, image: &ImageRequest, id: &str, wire: &Wire<'_>) -> Result<(), Failure> {
        let graph = fill(&self.workflow, image);
        let mut body = Body::default();
        body.json(&json!({"prompt": graph, "client_id": "coldstart", "prompt_id": id}));
        let bytes = wire.send(authorized(Outgoing::post(wire.url("prompt"), body), wire)).await?;
        let answer = json_of(&bytes.bytes(HISTORY_BYTES).await?, wire)?;
        let errors =
            answer.get("node_errors").filter(|e| e.as_object().is_some_and(|o| !o.is_empty()));
        match errors {
            Some(errors) => Err(Failure::record(format!(
                "{} refused the workflow: {}",
                wire.place(),
                excerpt(&errors.to_string(), 300)
            ))),
            None => Ok(()),
        }
    }

    async fn wait(&self, id: &str, wire: &Wire<'_>) -> Result<Value, Failure> {
        loop {
            wire.env.sleep(self.poll).await;
            if let Some(entry) = self.history(id, wire).await? {
                return Ok(entry);
            }
            if wire.env.now() >= wire.deadline {
                return Err(Failure::sick(format!(
                    "{} had not drawn job {id} in {:?}",
                    wire.place(),
                    wire.endpoint.timeouts.total
                )));
            }
        }
    }

    /// The job's entry, once it is there and filled.
    async fn history(&self, id: &str, wire: &Wire<'_>) -> Result<Option<Value>, Failure> {
        let out = authorized(Outgoing::get(wire.url(&format!("history/{id}"))), wire);
        let bytes = wire.send(out).await?.bytes(HISTORY_BYTES).await?;
        let mut history = json_of(&bytes, wire)?;
        Ok(history.get_mut(id).map(Value::take).filter(|entry| {
            entry.get("outputs").and_then(Value::as_object).is_some_and(|o| !o.is_empty())
                || entry.pointer("/status/status_str").is_some_and(|s| s == "error")
        }))
    }

    async fn view(&self, picture: &Value, wire: &Wire<'_>) -> Result<Bytes, Failure> {
        let mut url = wire.url("view");
        for name in ["filename", "subfolder", "type"] {
            let value = picture.get(name).and_then(Value::as_str).unwrap_or_default();
            url.query_pairs_mut().append_pair(name, value);
        }
        wire.send(authorized(Outgoing::get(url), wire)).await?.bytes(IMAGE_BYTES).await
    }
}

fn authorized(out: Outgoing, wire: &Wire<'_>) -> Outgoing {
    match wire.bearer() {
        Some(value) => out.header("authorization", value),
        None => out,
    }
}

fn json_of(bytes: &[u8], wire: &Wire<'_>) -> Result<Value, Failure> {
    serde_json::from_slice(bytes).map_err(|error| {
        let text = wire.scrub(&String::from_utf8_lossy(&bytes[..bytes.len().min(400)]));
        Failure::sick(format!(
            "{} answered rubbish ({error}): `{}`",
            wire.place(),
            excerpt(&text, 120)
        ))
    })
}

/// The workflow with its slots filled.
fn fill(value: &Value, image: &ImageRequest) -> Value {
    match value {
        Value::String(text) => match text.as_str() {
            "{prompt}" => json!(image.prompt),
            "{negative_prompt}" => json!(image.negative_prompt.as_deref().unwrap_or_default()),
            "{seed}" => json!(image.seed),
            "{width}" => json!(image.width),
            "{height}" => json!(image.height),
            "{steps}" => image.steps.map_or(Value::from(20), Value::from),
            "{guidance}" => image.guidance.map_or(Value::from(3.5), Value::from),
            _ => value.clone(),
        },
        Value::Array(items) => items.iter().map(|item| fill(item, image)).collect(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(k, v)| (k.clone(), fill(v, image))).collect())
        }
        _ => value.clone(),
    }
}

/// A saved picture if there is one, else a preview.
fn first_image(entry: &Value) -> Option<&Value> {
    let outputs = entry.get("outputs")?.as_object()?;
    let all: Vec<&Value> =
        outputs.values().filter_map(|node| node.get("images")?.as_array()).flatten().collect();
    let saved = all.iter().find(|image| image.get("type").is_some_and(|t| t == "output"));
    saved.or(all.first()).copied()
}

fn failed(entry: &Value, wire: &Wire<'_>) -> Failure {
    let why = entry.get("status").map(Value::to_string).unwrap_or_default();
    Failure::record(format!("{} drew nothing: {}", wire.place(), excerpt(&why, 300)))
}
