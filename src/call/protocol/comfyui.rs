//! `comfyui`: a workflow graph with slots, queued by `POST /prompt`, awaited in `/history`, fetched
//! from `/view`.
//!
//! The workflow is the user's own (saved in API format); strings that are exactly `{prompt}`,
//! `{negative_prompt}`, `{seed}`, `{width}`, `{height}`, `{steps}`, `{guidance}` are replaced,
//! numbers as numbers. The prompt's id is chosen by us, so that a POST whose answer was lost is
//! found again rather than drawn twice.

use crate::call::http::{Body, Failure, Outgoing, Wire};
use crate::call::protocol::openai_images::IMAGE_BYTES;
use crate::call::protocol::{
    Answer, Entry, OptionError, Protocol, ProtocolOptions, Serves, drawn_anew,
};
use crate::call::{CallError, Fatal, ImageRequest, Request};
use crate::record::CallKey;
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const HISTORY_BYTES: usize = 16 << 20;
/// The queue is asked once in so many polls: it tells only of jobs that were lost.
const QUEUE_EVERY: u32 = 4;
/// Times that a job may be lost within one try.
const MOST_FORGOTTEN: u32 = 3;
/// Jobs of one call that are looked for in the history.
const MOST_JOBS: u32 = 16;

pub const ENTRY: Entry = Entry {
    name: "comfyui",
    serves: Serves::Image,
    about: "POST URL/prompt with your workflow: ComfyUI (one job at a time and server)",
    calls: &["/prompt"],
    options: &[
        ("workflow", "the workflow in API format, as JSON text, with slots such as \"{prompt}\""),
        ("workflow_file", "the same in a file (read when the endpoints file is)"),
        ("poll_ms", "how often the history is asked; 500"),
    ],
    billed: |_| 1,
    compile,
};

struct ComfyUi {
    workflow: Value,
    /// Of the slots that a role may leave unset, those that the workflow has.
    slots: Vec<&'static str>,
    poll: Duration,
}

fn compile(options: &ProtocolOptions) -> Result<Arc<dyn Protocol>, OptionError> {
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
    let has = |slot: &&str| text.contains(&format!("\"{{{slot}}}\""));
    let slots = ["steps", "guidance"].into_iter().filter(has).collect();
    Ok(Arc::new(ComfyUi { workflow, slots, poll: Duration::from_millis(poll) }))
}

#[async_trait::async_trait]
impl Protocol for ComfyUi {
    async fn exchange(&self, request: &Request, wire: &Wire<'_>) -> Result<Answer, Failure> {
        let image = drawn_anew(request, ENTRY.name)?;
        self.has_values(image)?;
        for number in 0..MOST_JOBS {
            let id = self.job_id(wire.call, number);
            // A job of an earlier try whose answer was lost, or of an earlier run.
            let (found, fresh) = match self.history(&id, wire).await? {
                Some(entry) => (entry, false),
                None => {
                    self.submit(image, &id, wire).await?;
                    (self.wait(image, &id, wire).await?, true)
                }
            };
            match first_image(&found).filter(|_| !is_failed(&found)) {
                Some(picture) => return Ok(Answer::drawn(self.view(picture, wire).await?, 1)),
                None if fresh => return Err(failed(&found, wire)),
                None => {}
            }
        }
        Err(Failure::record(format!("{} failed {MOST_JOBS} jobs of this call", wire.place())))
    }
}

impl ComfyUi {
    /// A UUID made of the call's key and the workflow: another workflow is another picture. Jobs of
    /// one call are numbered, since a job that failed stays in the history.
    fn job_id(&self, call: CallKey, number: u32) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&call.0).update(self.workflow.to_string().as_bytes());
        hasher.update(&number.to_le_bytes());
        let hex = hasher.finalize().to_hex();
        let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default();
        format!("{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32))
    }

    /// A slot without a value would draw by a number that nobody chose.
    fn has_values(&self, image: &ImageRequest) -> Result<(), Failure> {
        let slots = [("steps", image.steps.is_some()), ("guidance", image.guidance.is_some())];
        match slots.iter().find(|(slot, set)| !set && self.slots.contains(slot)) {
            None => Ok(()),
            Some((slot, _)) => Err(Failure::fatal(
                Fatal::Address,
                format!(
                    "the workflow has a slot \"{{{slot}}}\" and role `{}` sets no `{slot}`; set it in \
                     _models.toml, or write a number into the workflow",
                    image.role
                ),
            )),
        }
    }

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
                wire.excerpt(errors.to_string().as_bytes(), 300)
            ))),
            None => Ok(()),
        }
    }

    async fn wait(
        &self,
        image: &ImageRequest,
        id: &str,
        wire: &Wire<'_>,
    ) -> Result<Value, Failure> {
        let mut forgotten = 0;
        for round in 1_u32.. {
            wire.env.sleep(self.poll).await;
            if let Some(entry) = self.history(id, wire).await? {
                return Ok(entry);
            }
            if wire.env.now() >= wire.deadline {
                break;
            }
            if !round.is_multiple_of(QUEUE_EVERY) || self.has(id, wire).await? {
                continue;
            }
            // It may have left the queue for the history between the two questions.
            if let Some(entry) = self.history(id, wire).await? {
                return Ok(entry);
            }
            forgotten += 1;
            let place = wire.place();
            tracing::warn!(place, id, "the server forgot the job; it is posted anew");
            if forgotten > MOST_FORGOTTEN {
                return Err(Failure::sick(format!(
                    "{place} forgot job {id} {forgotten} times: neither its queue nor its history \
                     has it (was the server restarted?)"
                )));
            }
            self.submit(image, id, wire).await?;
        }
        Err(Failure::sick(format!(
            "{} had not drawn job {id} in {:?}",
            wire.place(),
            wire.connection.timeouts.total
        )))
    }

    /// Whether the server still has the job waiting or at work; a server that does not say has.
    async fn has(&self, id: &str, wire: &Wire<'_>) -> Result<bool, Failure> {
        let out = authorized(Outgoing::get(wire.url("queue")), wire);
        let queue = match wire.send(out).await {
            Ok(incoming) => json_of(&incoming.bytes(HISTORY_BYTES).await?, wire)?,
            Err(Failure { error: CallError::Fatal { kind: Fatal::Model, .. }, .. }) => {
                return Ok(true);
            }
            Err(failure) => return Err(failure),
        };
        let lists = ["queue_running", "queue_pending"].map(|name| queue.get(name));
        let [Some(running), Some(pending)] = lists else { return Ok(true) };
        let jobs = [running, pending].into_iter().filter_map(Value::as_array).flatten();
        Ok(jobs.filter_map(Value::as_array).flatten().any(|word| word == id))
    }

    /// The job's entry, once it is there and filled.
    async fn history(&self, id: &str, wire: &Wire<'_>) -> Result<Option<Value>, Failure> {
        let out = authorized(Outgoing::get(wire.url(&format!("history/{id}"))), wire);
        let bytes = wire.send(out).await?.bytes(HISTORY_BYTES).await?;
        let mut history = json_of(&bytes, wire)?;
        Ok(history.get_mut(id).map(Value::take).filter(|entry| {
            entry.get("outputs").and_then(Value::as_object).is_some_and(|o| !o.is_empty())
                || entry.pointer("/status/completed").is_some_and(|done| *done == true)
                || is_failed(entry)
        }))
    }

    async fn view(&self, picture: &Value, wire: &Wire<'_>) -> Result<Bytes, Failure> {
        let mut url = wire.url("view");
        for name in ["filename", "subfolder", "type"] {
            let value = picture.get(name).and_then(Value::as_str).unwrap_or_default();
            url.query_pairs_mut().append_pair(name, value);
        }
        match wire.send(authorized(Outgoing::get(url), wire)).await {
            Ok(incoming) => incoming.bytes(IMAGE_BYTES).await,
            // The file was cleared away; that says nothing of the model.
            Err(Failure { error: CallError::Fatal { kind: Fatal::Model, what }, .. }) => {
                Err(Failure::record(what))
            }
            Err(failure) => Err(failure),
        }
    }
}

fn authorized(out: Outgoing, wire: &Wire<'_>) -> Outgoing {
    match wire.bearer() {
        Some(value) => out.header("authorization", value),
        None => out,
    }
}

fn json_of(bytes: &[u8], wire: &Wire<'_>) -> Result<Value, Failure> {
    serde_json::from_slice(bytes).map_err(|error| wire.rubbish(error, bytes))
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
            "{steps}" => json!(image.steps),
            "{guidance}" => json!(image.guidance),
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

/// Whether the job broke off; what it has put out until then may be half a picture.
fn is_failed(entry: &Value) -> bool {
    entry.pointer("/status/status_str").is_some_and(|status| status == "error")
}

fn failed(entry: &Value, wire: &Wire<'_>) -> Failure {
    let why = entry.get("status").map(Value::to_string).unwrap_or_default();
    let why = wire.excerpt(why.as_bytes(), 300);
    Failure::record(format!("{} drew nothing: {why}", wire.place()))
}
