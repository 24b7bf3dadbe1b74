//! `submit-poll`: queues that take a job and are asked for it: BFL, fal, Replicate, and any other
//! by configuration.
//!
//! The one idea: such servers differ only in names, so a vendor is a table: where to post, where
//! the poll URL and the status stand in the answers, which words mean done, refused and failed, and
//! where the picture is. `vendor` fills the table; each key can be given by hand over it.

use crate::call::http::{Body, Failure, Outgoing, Wire, excerpt};
use crate::call::protocol::openai_images::{IMAGE_BYTES, decode};
use crate::call::protocol::{
    Answer, Entry, Got, OptionError, Options, Protocol, Serves, wrong_sort,
};
use crate::call::{ImageRequest, Request, Usage};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

const ANSWER_BYTES: usize = 128 << 20;

pub const ENTRY: Entry = Entry {
    name: "submit-poll",
    serves: Serves::Image,
    about: "POST a job, then ask for it: BFL, fal, Replicate, others by configuration",
    options: &[
        ("vendor", "`bfl`, `fal`, `replicate` or `plain`: fills in the keys below"),
        ("submit", "path of the POST under the URL; `{model}` is the model's name"),
        ("auth", "header and prefix of the key: \"x-key: \", \"authorization: Key \""),
        ("wrap", "the field that holds the input; empty: the body itself is the input"),
        ("poll", "JSON pointer to the poll URL in the answer to the POST, or a path with `{id}`"),
        ("status", "JSON pointer to the status in a poll's answer"),
        ("done", "status words of a finished job"),
        ("refused", "status words of a job that was refused for its content"),
        ("failed", "status words of a job that failed"),
        ("result", "JSON pointer to the URL of the result's answer, where it is apart"),
        ("image", "JSON pointer to the picture: a URL, a data: URL, or base64"),
        ("poll_ms", "how often the job is asked for; 500"),
    ],
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
    every: Duration,
    extra: Map<String, Value>,
}

/// What `vendor` stands for: key, value; lists are separated by `|`.
type Preset = &'static [(&'static str, &'static str)];

const PLAIN: Preset = &[
    ("submit", ""),
    ("auth", "authorization: Bearer "),
    ("wrap", ""),
    ("poll", "/polling_url"),
    ("status", "/status"),
    ("done", "done|completed|succeeded|success"),
    ("refused", "refused|moderated"),
    ("failed", "failed|error|canceled"),
    ("result", ""),
    ("image", "/image"),
];
const BFL: Preset = &[
    ("submit", "{model}"),
    ("auth", "x-key: "),
    ("poll", "/polling_url"),
    ("done", "Ready"),
    ("refused", "Request Moderated|Content Moderated"),
    ("failed", "Error|Failed|Task not found"),
    ("image", "/result/sample"),
];
const FAL: Preset = &[
    ("submit", "{model}"),
    ("auth", "authorization: Key "),
    ("poll", "/status_url"),
    ("done", "COMPLETED"),
    ("result", "/response_url"),
    ("image", "/images/0/url"),
];
const REPLICATE: Preset = &[
    ("submit", "models/{model}/predictions"),
    ("wrap", "input"),
    ("poll", "/urls/get"),
    ("done", "succeeded"),
    ("failed", "failed|canceled"),
    ("image", "/output"),
];

fn compile(options: &Options) -> Result<Arc<dyn Protocol>, OptionError> {
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
            _ => Ok(text(key)?.split('|').map(str::to_owned).collect()),
        }
    };
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
        every: Duration::from_millis(every),
        extra: options.extra.clone(),
    }))
}

#[async_trait::async_trait]
impl Protocol for SubmitPoll {
    async fn exchange(&self, request: &Request, wire: &Wire<'_>) -> Result<Answer, Failure> {
        let Request::Image(image) = request else { return Err(wrong_sort(request, ENTRY.name)) };
        let mut url = wire.url(&self.submit.replace("{model}", wire.model));
        if self.submit.is_empty() {
            url = wire.base.clone();
        }
        let mut body = Body::default();
        body.json(&self.body(image));
        let submitted = self.ask(Outgoing::post(url, body), wire).await?;
        let (status, last) = self.finished(submitted, wire).await?;
        let answer = |got| {
            let usage = Usage { images: 1, ..Usage::default() };
            Ok(Answer { got, finish: status.clone(), usage, served: String::new() })
        };
        if self.refused.contains(&status) {
            return Ok(Answer {
                got: Got::Refused(status.clone()),
                finish: status,
                usage: Usage::default(),
                served: String::new(),
            });
        }
        answer(Got::Image(self.picture(&last, wire).await?))
    }
}

impl SubmitPoll {
    fn body(&self, image: &ImageRequest) -> Value {
        let mut input = Map::new();
        let mut put = |name: &str, value: Value| {
            if !value.is_null() {
                input.insert(name.to_owned(), value);
            }
        };
        put("prompt", json!(image.prompt));
        put("negative_prompt", json!(image.negative_prompt));
        put("width", json!(image.width));
        put("height", json!(image.height));
        put("seed", json!(image.seed));
        put("num_inference_steps", json!(image.steps));
        put("guidance_scale", json!(image.guidance));
        input.extend(self.extra.clone());
        input.retain(|_, value| !value.is_null());
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
        serde_json::from_slice(&bytes).map_err(|error| {
            let text = wire.scrub(&String::from_utf8_lossy(&bytes[..bytes.len().min(400)]));
            let place = wire.place();
            Failure::sick(format!("{place} answered rubbish ({error}): `{}`", excerpt(&text, 120)))
        })
    }

    /// The key goes only to the endpoint's own host, or one of the same registered domain (BFL's
    /// poll URLs name a region), or one that the user listed.
    fn own(&self, url: &Url, wire: &Wire<'_>) -> Result<(), Failure> {
        let (host, base) = (url.host_str().unwrap_or_default(), wire.base.host_str());
        let base = base.unwrap_or_default();
        let tail =
            |name: &str| name.split('.').rev().take(2).map(str::to_owned).collect::<Vec<_>>();
        let same = host == base
            || (base.parse::<std::net::IpAddr>().is_err() && tail(host) == tail(base))
            || wire.endpoint.image_hosts.iter().any(|listed| listed == host);
        if same && url.scheme() == wire.base.scheme() {
            return Ok(());
        }
        Err(Failure::record(format!(
            "the job is to be polled at `{host}`, which is not the endpoint's; add it to \
             `image_hosts` if it is the vendor's"
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
            Failure::sick(format!(
                "{place} named no poll URL: {}",
                wire.scrub(&excerpt(&submitted.to_string(), 200))
            ))
        })?;
        let url = wire.url("").join(&link).map_err(|e| Failure::sick(format!("{place}: {e}")))?;
        let mut answer = submitted;
        loop {
            let status = word(&answer, &self.status).to_owned();
            if self.done.contains(&status) || self.refused.contains(&status) {
                return Ok((status, self.result(answer, wire).await?));
            }
            if self.failed.contains(&status) {
                let why = wire.scrub(&excerpt(&answer.to_string(), 300));
                return Err(Failure::again(format!("{place}: the job ended `{status}`: {why}")));
            }
            if wire.env.now() >= wire.deadline {
                return Err(Failure::sick(format!("{place}: the job was still `{status}`")));
            }
            wire.env.sleep(self.every).await;
            answer = self.ask(Outgoing::get(url.clone()), wire).await?;
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
        let url = Url::parse(link).map_err(|e| Failure::sick(format!("`{link}`: {e}")))?;
        self.ask(Outgoing::get(url), wire).await
    }

    async fn picture(&self, last: &Value, wire: &Wire<'_>) -> Result<Bytes, Failure> {
        let at = last.pointer(&self.image);
        // Replicate's output is a URL or a list of them.
        let text = at.and_then(|v| v.as_str().or_else(|| v.get(0)?.as_str()));
        let Some(text) = text else {
            let why = wire.scrub(&excerpt(&last.to_string(), 200));
            return Err(Failure::again(format!("{}: no picture in {why}", wire.place())));
        };
        // A JPEG in base64 begins with `/9j/`, which is no path.
        let path = text.starts_with('/') && !text.starts_with("/9j/");
        if text.starts_with("http") || text.starts_with("data:") || path {
            return wire.fetch_image(text, IMAGE_BYTES).await;
        }
        decode(text).ok_or_else(|| Failure::sick("the picture is neither a URL nor base64"))
    }
}

fn word<'a>(answer: &'a Value, pointer: &str) -> &'a str {
    answer.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
