//! `submit-poll`: queues that take a job and are asked for it: BFL, fal, Replicate, and any other
//! by configuration.
//!
//! Such servers differ only in names, so a vendor is a table (`vendors`): where to post, where the
//! poll URL and the status stand in the answers, which words mean done, refused and failed, and
//! where the picture is. `vendor` fills the table; each key can be given by hand over it. A job that
//! was taken is a job that is paid: answers that get lost on the way to it are asked for again, and
//! only a job that failed is posted anew.

use crate::call::http::{Body, Failure, Outgoing, Wire, decode, is_listed};
use crate::call::protocol::openai_images::IMAGE_BYTES;
use crate::call::protocol::picture_words::{refusal_of, withheld};
use crate::call::protocol::vendors::{BFL, FAL, PLAIN, Preset, REPLICATE};
use crate::call::protocol::{
    Answer, Entry, Got, OptionError, Protocol, ProtocolOptions, Serves, drawn_anew,
};
use crate::call::{CallError, Fatal, ImageRequest, Request, Usage};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

const ANSWER_BYTES: usize = 128 << 20;
/// Answers about a job that may be lost in a row before it is given up.
const MOST_LOST: u32 = 8;

pub const ENTRY: Entry = Entry {
    name: "submit-poll",
    serves: Serves::Image,
    about: "POST a job, then ask for it: BFL, fal, Replicate, others by configuration",
    calls: &[],
    options: &[
        ("vendor", "`bfl`, `fal`, `replicate` or `plain`: fills in the keys below"),
        ("submit", "path of the POST under the URL; `{model}` is the model's name"),
        ("auth", "header and prefix of the key: \"x-key: \", \"authorization: Key \""),
        ("wrap", "the field that holds the input; empty: the body itself is the input"),
        (
            "fields",
            "other names of ours: {num_inference_steps = \"steps\", width = \"size.width\"}",
        ),
        ("poll", "JSON pointer to the poll URL in the answer to the POST, or a path with `{id}`"),
        ("status", "JSON pointer to the status in a poll's answer"),
        ("done", "status words of a finished job"),
        ("refused", "status words of a job that was refused for its content"),
        ("failed", "status words of a job that failed"),
        ("result", "JSON pointer to the URL of the result's answer, where it is apart"),
        ("image", "JSON pointer to the picture: a URL, a data: URL, or base64"),
        ("poll_ms", "how often the job is asked for; 500"),
        ("poll_hosts", "hosts besides the URL's own that are polled, and so get the key; `*.` too"),
    ],
    billed: |_| 1,
    compile,
};

struct SubmitPoll {
    submit: String,
    auth: (String, String),
    wrap: String,
    poll: String,
    status: String,
    done: Vec<String>,
    refused: Vec<String>,
    failed: Vec<String>,
    result: String,
    image: String,
    fields: BTreeMap<String, String>,
    poll_hosts: Vec<String>,
    /// Where the vendor keeps its pictures.
    image_hosts: Vec<String>,
    every: Duration,
    extra: Map<String, Value>,
}

fn compile(options: &ProtocolOptions) -> Result<Arc<dyn Protocol>, OptionError> {
    let preset = options.word(
        "vendor",
        &[("plain", PLAIN), ("bfl", BFL), ("fal", FAL), ("replicate", REPLICATE)],
    )?;
    let text = |key: &str| -> Result<String, OptionError> {
        let given = options.text(key)?.map(str::to_owned);
        let of = |table: Preset| table.iter().find(|(k, _)| *k == key).map(|(_, v)| *v);
        Ok(given.unwrap_or_else(|| of(preset).or(of(PLAIN)).unwrap_or_default().to_owned()))
    };
    let words = |key: &str| -> Result<Vec<String>, OptionError> {
        match options.values.get(key) {
            Some(Value::Array(items)) => {
                Ok(items.iter().filter_map(|i| i.as_str().map(str::to_owned)).collect())
            }
            _ => Ok(text(key)?.split('|').filter(|w| !w.is_empty()).map(str::to_owned).collect()),
        }
    };
    let mut fields: BTreeMap<String, String> = match options.values.get("fields") {
        Some(Value::Object(_)) => BTreeMap::new(),
        _ => words("fields")?.iter().filter_map(|pair| renamed(pair)).collect(),
    };
    for (ours, theirs) in
        options.values.get("fields").and_then(Value::as_object).into_iter().flatten()
    {
        fields.insert(ours.clone(), theirs.as_str().unwrap_or_default().to_owned());
    }
    let auth = text("auth")?;
    let (name, prefix) = auth.split_once(": ").ok_or_else(|| {
        OptionError::new("auth", format!("`auth` is `{auth}`"), "it is `header: prefix`")
    })?;
    if reqwest::header::HeaderName::from_bytes(name.as_bytes()).is_err() {
        return Err(OptionError::new("auth", format!("`{name}` is no header"), ""));
    }
    let every = match options.values.get("poll_ms") {
        None => 500,
        Some(value) => value.as_u64().filter(|n| (10..=60_000).contains(n)).ok_or_else(|| {
            OptionError::new("poll_ms", format!("`poll_ms` is `{value}`"), "it is 10 to 60000")
        })?,
    };
    Ok(Arc::new(SubmitPoll {
        submit: text("submit")?,
        auth: (name.to_owned(), prefix.to_owned()),
        wrap: text("wrap")?,
        poll: text("poll")?,
        status: text("status")?,
        done: words("done")?,
        refused: words("refused")?,
        failed: words("failed")?,
        result: text("result")?,
        image: text("image")?,
        fields,
        poll_hosts: words("poll_hosts")?,
        image_hosts: words("image_hosts")?,
        every: Duration::from_millis(every),
        extra: options.extra.clone(),
    }))
}

#[async_trait::async_trait]
impl Protocol for SubmitPoll {
    async fn exchange(&self, request: &Request, wire: &Wire<'_>) -> Result<Answer, Failure> {
        let image = drawn_anew(request, ENTRY.name)?;
        let mut url = wire.url(&self.submit.replace("{model}", wire.model));
        if self.submit.is_empty() {
            url = wire.base.clone();
        }
        let mut body = Body::default();
        body.json(&self.body(image));
        let submitted = self.ask(Outgoing::post(url, body), wire).await?;
        let (status, last) = self.finished(submitted, wire).await?;
        if self.refused.contains(&status) {
            let why = refusal_of(&last).unwrap_or_else(|| status.clone());
            return Ok(Answer::bare(Got::Refused(why), status, Usage::default()));
        }
        // The filter's blank is paid like any picture.
        if let Some(why) = withheld(&last) {
            let usage = Usage { images: 1, ..Usage::default() };
            return Ok(Answer::bare(Got::Refused(why), status, usage));
        }
        let picture = self.picture(&last, wire).await?;
        Ok(Answer { finish: status, ..Answer::drawn(picture, 1) })
    }
}

impl SubmitPoll {
    fn body(&self, image: &ImageRequest) -> Value {
        let ours = [
            ("prompt", json!(image.prompt)),
            ("negative_prompt", json!(image.negative_prompt)),
            ("width", json!(image.width)),
            ("height", json!(image.height)),
            ("seed", json!(image.seed)),
            ("num_inference_steps", json!(image.steps)),
            ("guidance_scale", json!(image.guidance)),
        ];
        let mut input = Map::new();
        for (name, value) in ours.into_iter().filter(|(_, value)| !value.is_null()) {
            put(&mut input, self.fields.get(name).map_or(name, String::as_str), value);
        }
        input.extend(self.extra.clone());
        match self.wrap.is_empty() {
            true => Value::Object(input),
            false => json!({ (self.wrap.as_str()): input }),
        }
    }

    async fn ask(&self, mut out: Outgoing, wire: &Wire<'_>) -> Result<Value, Failure> {
        self.own(&out.url, wire)?;
        let (name, prefix) = &self.auth;
        let name = reqwest::header::HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Some(value)) = (name, wire.key.and_then(|key| key.header(prefix))) {
            out.headers.insert(name, value);
        }
        let bytes = wire.send(out).await?.bytes(ANSWER_BYTES).await?;
        serde_json::from_slice(&bytes).map_err(|error| wire.rubbish(error, &bytes))
    }

    /// What is said about a job that was taken, through answers that get lost.
    async fn news(&self, url: &Url, wire: &Wire<'_>) -> Result<Value, Failure> {
        let mut lost = 0;
        loop {
            match self.ask(Outgoing::get(url.clone()), wire).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => self.bear(failure, &mut lost, wire).await?,
            }
        }
    }

    /// Waits after a lost answer about a job; hands back a failure that waiting does not mend.
    async fn bear(&self, failure: Failure, lost: &mut u32, wire: &Wire<'_>) -> Result<(), Failure> {
        *lost += 1;
        match &failure.error {
            CallError::Transient { after, .. } if *lost <= MOST_LOST => {
                let left = wire.deadline.saturating_duration_since(wire.env.now());
                if left.is_zero() {
                    return Err(failure);
                }
                wire.env.sleep(after.unwrap_or(self.every).max(self.every).min(left)).await;
                Ok(())
            }
            // The job is gone, which says nothing of the model: it is posted anew.
            CallError::Fatal { kind: Fatal::Model, what } => Err(Failure::again(what.clone())),
            _ => Err(failure),
        }
    }

    /// The key goes only to the endpoint's own host, and to those that the vendor's table or the
    /// user names (BFL's poll URLs name a region).
    fn own(&self, url: &Url, wire: &Wire<'_>) -> Result<(), Failure> {
        let host = url.host_str().unwrap_or_default();
        let same = url.host_str() == wire.base.host_str()
            || is_listed(host, self.poll_hosts.iter().map(String::as_str));
        if same && url.scheme() == wire.base.scheme() {
            return Ok(());
        }
        Err(Failure::record(format!(
            "the job is to be polled at `{host}`, which is not the endpoint's; add it to \
             `poll_hosts` if it is the vendor's"
        )))
    }

    /// Polls until the job is done or refused; the last answer.
    async fn finished(
        &self,
        submitted: Value,
        wire: &Wire<'_>,
    ) -> Result<(String, Value), Failure> {
        let place = wire.place();
        let link = self.poll_link(&submitted).ok_or_else(|| {
            let said = wire.excerpt(submitted.to_string().as_bytes(), 200);
            Failure::sick(format!("{place} named no poll URL: {said}"))
        })?;
        let url = wire.url("").join(&link).map_err(|e| Failure::sick(format!("{place}: {e}")))?;
        let mut answer = submitted;
        loop {
            let status = word(&answer, &self.status).to_owned();
            let done = self.done.contains(&status);
            // fal ends a job that failed as completed, with an error.
            let error = done && answer.get("error").is_some_and(|error| !error.is_null());
            if error || self.failed.contains(&status) {
                if let Some(reason) = refusal_of(&answer).or_else(|| withheld(&answer)) {
                    return Err(Failure::refused(reason));
                }
                let why = wire.excerpt(answer.to_string().as_bytes(), 300);
                return Err(Failure::again(format!("{place}: the job ended `{status}`: {why}")));
            }
            if done || self.refused.contains(&status) {
                return Ok((status, self.result(answer, wire).await?));
            }
            if wire.env.now() >= wire.deadline {
                return Err(Failure::sick(format!("{place}: the job was still `{status}`")));
            }
            wire.env.sleep(self.every).await;
            answer = self.news(&url, wire).await?;
        }
    }

    fn poll_link(&self, submitted: &Value) -> Option<String> {
        if let Some(link) = submitted.pointer(&self.poll).and_then(Value::as_str) {
            return Some(link.to_owned());
        }
        let id = submitted.get("id").or(submitted.get("request_id"))?.as_str()?;
        self.poll.contains("{id}").then(|| self.poll.replace("{id}", id))
    }

    async fn result(&self, last: Value, wire: &Wire<'_>) -> Result<Value, Failure> {
        let link = match self.result.is_empty() {
            true => None,
            false => last.pointer(&self.result).and_then(Value::as_str),
        };
        let Some(link) = link else { return Ok(last) };
        let place = wire.place();
        let url = wire.url("").join(link).map_err(|e| Failure::sick(format!("{place}: {e}")))?;
        self.news(&url, wire).await
    }

    async fn picture(&self, last: &Value, wire: &Wire<'_>) -> Result<Bytes, Failure> {
        let at = last.pointer(&self.image);
        // Replicate's output is a URL or a list of them.
        let text = at.and_then(|v| v.as_str().or_else(|| v.get(0)?.as_str()));
        let Some(text) = text else {
            let why = wire.excerpt(last.to_string().as_bytes(), 200);
            return Err(Failure::again(format!("{}: no picture in {why}", wire.place())));
        };
        // A JPEG in base64 begins with `/9j/`, which is no path.
        let path = text.starts_with('/') && !text.starts_with("/9j/");
        if text.starts_with("http") || text.starts_with("data:") || path {
            let mut lost = 0;
            loop {
                match wire.fetch_image(text, &self.image_hosts, IMAGE_BYTES).await {
                    Ok(bytes) => return Ok(bytes),
                    Err(failure) => self.bear(failure, &mut lost, wire).await?,
                }
            }
        }
        decode(text).ok_or_else(|| Failure::sick("the picture is neither a URL nor base64"))
    }
}

fn word<'a>(answer: &'a Value, pointer: &str) -> &'a str {
    answer.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// `ours=theirs` of a vendor's table.
fn renamed(pair: &str) -> Option<(String, String)> {
    pair.split_once('=').map(|(ours, theirs)| (ours.to_owned(), theirs.to_owned()))
}

/// Puts `value` at `place` (`size.width` is inside `size`; an empty place is nowhere).
fn put(into: &mut Map<String, Value>, place: &str, value: Value) {
    match place.split_once('.') {
        None if place.is_empty() => {}
        None => {
            into.insert(place.to_owned(), value);
        }
        Some((outer, inner)) => {
            let slot = into.entry(outer).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(fields) = slot {
                put(fields, inner, value);
            }
        }
    }
}
