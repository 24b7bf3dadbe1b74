//! Preflight: what `coldstart check --probe` asks of the real endpoints, and what it concludes.
//!
//! Not here: printing (`cli`). The one idea: a misconfiguration has a name. A probe makes one
//! small true call of the role's own sort (two for image roles) through the same code as a run,
//! and holds the answer against what each known mistake looks like.

use crate::call::endpoints::{Endpoint, Endpoints};
use crate::call::protocol::Serves;
use crate::call::{
    CallError, ChatRequest, Fatal, ImageRequest, Images, Message, Output, Part, Reply, Request,
    Sampling, Speaker, ask_url, check_picture,
};
use crate::env::Env;
use crate::record::{Digest, ImageRef, NanoUsd};
use bytes::Bytes;
use std::sync::Arc;

/// What is asked of a role.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    pub role: String,
    /// The model's name in the pipeline.
    pub model: String,
    pub sort: Sort,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Sort {
    Chat {
        sampling: Sampling,
        /// The role is shown pictures.
        vision: bool,
        /// The role is asked for JSON.
        json: bool,
    },
    Image {
        width: u32,
        height: u32,
        steps: Option<u32>,
        guidance: Option<f64>,
    },
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Gravity {
    /// Worth knowing.
    Note,
    /// Data would be worse than they look.
    Warning,
    /// A run would fail, or its data be wrong.
    Error,
}

/// One thing found.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Finding {
    pub gravity: Gravity,
    /// Stable: `seed_ignored`.
    pub name: &'static str,
    pub what: String,
    pub help: &'static str,
}

/// A role at one URL.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ProbeReport {
    pub role: String,
    pub url: String,
    pub protocol: &'static str,
    /// The name on the wire.
    pub model: String,
    /// As the server named it.
    pub served: String,
    /// Of the small call.
    pub latency_ms: Option<u64>,
    /// `apart` (in a field or a tag), `none`; empty for images.
    pub reasoning: &'static str,
    /// Pixels of the drawn picture.
    pub picture: Option<(u32, u32)>,
    pub cost: NanoUsd,
    pub simulated: bool,
    pub findings: Vec<Finding>,
}

impl ProbeReport {
    /// The worst of its findings.
    pub fn gravity(&self) -> Option<Gravity> {
        self.findings.iter().map(|f| f.gravity).max()
    }
}

/// Probes every URL of every asked role, all at once. Costs one small call a chat role and URL,
/// two pictures an image role and URL.
pub async fn probe(env: &Env, endpoints: &Endpoints, asks: &[Ask]) -> Vec<ProbeReport> {
    let jobs = asks.iter().filter_map(|ask| Some((ask, endpoints.get(&ask.role)?)));
    let jobs = jobs.flat_map(|(ask, e)| (0..e.urls.len()).map(move |at| one(env, e, at, ask)));
    futures::future::join_all(jobs).await
}

/// Whether two draws with different seeds differ at `endpoint`: without that, three draws are one
/// and nothing may be called pass@3. Costs two pictures.
pub async fn seeds_differ(
    env: &Env,
    endpoint: &Arc<Endpoint>,
    ask: &Ask,
) -> Result<Option<Finding>, CallError> {
    let images = test_images();
    let (first, second) = (draw(ask, 1), draw(ask, 2));
    let (first, second) = futures::try_join!(
        ask_url(env, endpoint, 0, &images, &first),
        ask_url(env, endpoint, 0, &images, &second),
    )?;
    Ok(same_picture(&first, &second))
}

async fn one(env: &Env, endpoint: &Arc<Endpoint>, at: usize, ask: &Ask) -> ProbeReport {
    let model = endpoint.model.clone().unwrap_or_else(|| ask.model.clone());
    let mut report = ProbeReport {
        role: ask.role.clone(),
        url: endpoint.urls.get(at).map(crate::call::http::place).unwrap_or_default(),
        protocol: endpoint.protocol.name,
        model,
        served: String::new(),
        latency_ms: None,
        reasoning: "",
        picture: None,
        cost: NanoUsd(0),
        simulated: false,
        findings: Vec::new(),
    };
    let is_image = matches!(ask.sort, Sort::Image { .. });
    if is_image != (endpoint.protocol.serves == Serves::Image) {
        report.findings.push(wrong_sort(endpoint.protocol.name));
        return report;
    }
    match ask.sort {
        Sort::Chat { .. } => chat(env, endpoint, at, ask, &mut report).await,
        Sort::Image { .. } => image(env, endpoint, at, ask, &mut report).await,
    }
    report
}

async fn chat(env: &Env, endpoint: &Arc<Endpoint>, at: usize, ask: &Ask, report: &mut ProbeReport) {
    let outcome = ask_url(env, endpoint, at, &test_images(), &question(ask)).await;
    let reply = match taken(outcome, report) {
        Some(reply) => reply,
        None => return,
    };
    let Output::Text { text, reasoning } = &reply.output else {
        report.findings.push(refused(&reply.output));
        return;
    };
    report.reasoning = if reasoning.trim().is_empty() { "none" } else { "apart" };
    judge_text(ask, &report.model, text, reasoning, &reply.finish, &mut report.findings);
}

/// What a chat reply gives away.
fn judge_text(
    ask: &Ask,
    model: &str,
    text: &str,
    reasoning: &str,
    finish: &str,
    findings: &mut Vec<Finding>,
) {
    let Sort::Chat { vision, json, .. } = ask.sort else { return };
    let (silent, thought) = (text.trim().is_empty(), !reasoning.trim().is_empty());
    let cut = matches!(finish, "length" | "MAX_TOKENS");
    let thinker = model.to_lowercase().contains("thinking");
    let mut add = |gravity, name, what: String, help| {
        findings.push(Finding { gravity, name, what, help });
    };
    if silent && thought && !cut {
        add(
            Gravity::Error,
            "reasoning_parser_on_instruct",
            "the answer is empty and all of it stands in the reasoning".to_owned(),
            "serve this model without a reasoning parser, or send extra = \
             {chat_template_kwargs = {enable_thinking = false}}",
        );
    } else if silent && cut {
        add(
            Gravity::Error,
            "thinking_cut",
            "the thinking used up max_tokens before a word of the answer".to_owned(),
            "raise the role's max_tokens in _models.toml",
        );
    } else if silent {
        add(Gravity::Error, "silent", "the answer is empty".to_owned(), "look at the server's log");
    }
    if thinker && !thought && !silent {
        add(
            Gravity::Warning,
            "no_thinking",
            format!("`{model}` is a thinking model and no thinking came"),
            "start the server with its reasoning parser, and have it return the reasoning",
        );
    }
    if json && !silent && parse_json(text).is_none() {
        add(
            Gravity::Warning,
            "response_format_ignored",
            "a schema was asked for and the answer is no JSON".to_owned(),
            "set json = \"object\" or \"off\", or a server that follows response_format; stages \
             drop what does not parse",
        );
    }
    if vision && !silent && !text.to_lowercase().contains("red") {
        add(
            Gravity::Warning,
            "picture_not_seen",
            "a plain red picture was not called red".to_owned(),
            "check that the model takes pictures and that the server passes them on",
        );
    }
}

fn parse_json(text: &str) -> Option<serde_json::Value> {
    let text = text.trim().trim_start_matches("```json").trim_start_matches("```");
    serde_json::from_str(text.trim_end_matches("```").trim()).ok()
}

async fn image(
    env: &Env,
    endpoint: &Arc<Endpoint>,
    at: usize,
    ask: &Ask,
    report: &mut ProbeReport,
) {
    let images = test_images();
    let (first_ask, second_ask) = (draw(ask, 1), draw(ask, 2));
    let (first, second) = futures::join!(
        ask_url(env, endpoint, at, &images, &first_ask),
        ask_url(env, endpoint, at, &images, &second_ask),
    );
    let Some(first) = taken(first, report) else { return };
    let Output::Image { image, .. } = &first.output else {
        report.findings.push(refused(&first.output));
        return;
    };
    report.picture = Some((image.width, image.height));
    if let Sort::Image { width, height, .. } = ask.sort
        && (image.width, image.height) != (width, height)
    {
        report.findings.push(Finding {
            gravity: Gravity::Warning,
            name: "size_ignored",
            what: format!("{width}x{height} was asked and {}x{} came", image.width, image.height),
            help: "choose the dialect that fits the server, or the size that it draws",
        });
    }
    match second {
        Ok(second) => {
            report.cost += second.cost;
            report.findings.extend(same_picture(&first, &second));
        }
        Err(error) => report.findings.push(failed(&error)),
    }
}

fn same_picture(first: &Reply, second: &Reply) -> Option<Finding> {
    let digest = |reply: &Reply| match &reply.output {
        Output::Image { image, .. } => Some(image.digest),
        _ => None,
    };
    (digest(first)? == digest(second)?).then(|| Finding {
        gravity: Gravity::Error,
        name: "seed_ignored",
        what: "two draws with different seeds are one picture: three draws would be one".to_owned(),
        help: "choose the dialect that sends the seed, or a server that takes one",
    })
}

/// Notes what a reply says beside its content; None when there is none, with a finding.
fn taken(outcome: Result<Reply, CallError>, report: &mut ProbeReport) -> Option<Reply> {
    match outcome {
        Ok(reply) => {
            report.served = reply.served.clone();
            report.latency_ms = Some(reply.latency_ms);
            report.simulated = reply.simulated;
            report.cost += reply.cost;
            if reply.served.is_empty()
                && report.picture.is_none()
                && report.protocol != "openai-images"
            {
                report.findings.push(Finding {
                    gravity: Gravity::Note,
                    name: "model_unnamed",
                    what: "the answer does not say which model gave it".to_owned(),
                    help: "a model swapped in silence could not be noticed here",
                });
            }
            Some(reply)
        }
        Err(error) => {
            report.findings.push(failed(&error));
            None
        }
    }
}

fn failed(error: &CallError) -> Finding {
    let what = error.to_string();
    let (name, help) = match error {
        CallError::Fatal { kind: Fatal::Key, .. } => ("key_refused", "give a key that may do this"),
        CallError::Fatal { kind: Fatal::Model, .. } => {
            ("model", "ask for a model that the server has, by `model`, or accept its name")
        }
        CallError::Fatal { kind: Fatal::Money, .. } => ("payment", "top up the account"),
        CallError::Fatal { kind: Fatal::Quota, .. } => ("quota", "wait, or raise the quota"),
        CallError::Fatal { .. } => ("endpoint", "see the message"),
        CallError::Transient { .. } if what.contains("cannot be reached") => {
            ("unreachable", "start the server, or mend `urls`")
        }
        CallError::Transient { overload: true, .. } => {
            ("overloaded", "wait, or lower max_in_flight")
        }
        CallError::Transient { .. } => ("broken_answer", "look at the server's log"),
        CallError::Record { .. } | CallError::Stopped => ("request_refused", "see the message"),
    };
    Finding { gravity: Gravity::Error, name, what, help }
}

fn refused(output: &Output) -> Finding {
    let what = match output {
        Output::Refused { reason } => format!("a harmless request was refused: {reason}"),
        _ => "the answer is of another sort than was asked".to_owned(),
    };
    Finding { gravity: Gravity::Error, name: "refused", what, help: "look at the safety settings" }
}

fn wrong_sort(protocol: &str) -> Finding {
    Finding {
        gravity: Gravity::Error,
        name: "wrong_protocol",
        what: format!("protocol `{protocol}` does not serve what this role asks"),
        help: "chat roles take openai-chat or gemini, image roles one of the others",
    }
}

fn question(ask: &Ask) -> Request {
    let (sampling, vision, json) = match &ask.sort {
        Sort::Chat { sampling, vision, json } => (sampling.clone(), *vision, *json),
        Sort::Image { .. } => (Sampling::default(), false, false),
    };
    let mut text = match vision {
        true => "Which colour is this picture? Answer with one word.".to_owned(),
        false => "Say hello in one word.".to_owned(),
    };
    if json {
        text.push_str(" Reply as JSON: {\"answer\": \"…\"}");
    }
    let mut parts = vec![Part::Text(text)];
    parts.extend(vision.then(|| Part::Image(red_ref())));
    let schema = json.then(|| {
        serde_json::json!({
            "type": "object",
            "properties": {"answer": {"type": "string"}},
            "required": ["answer"],
            "additionalProperties": false,
        })
    });
    Request::Chat(ChatRequest {
        role: ask.role.clone(),
        model: ask.model.clone(),
        messages: vec![Message { speaker: Speaker::User, parts }],
        sampling,
        schema,
        draw: 0,
    })
}

fn draw(ask: &Ask, seed: u64) -> Request {
    let (width, height, steps, guidance) = match &ask.sort {
        Sort::Image { width, height, steps, guidance } => (*width, *height, *steps, *guidance),
        Sort::Chat { .. } => (512, 512, None, None),
    };
    Request::Image(ImageRequest {
        role: ask.role.clone(),
        model: ask.model.clone(),
        prompt: "three red apples on a wooden table".to_owned(),
        negative_prompt: None,
        width,
        height,
        steps,
        guidance,
        seed,
        // Servers without seeds choose by the draw.
        draw: (seed - 1) as u32,
    })
}

/// The probe's own picture: 64 x 64 pixels of red.
struct Red;

#[async_trait::async_trait]
impl Images for Red {
    async fn image(&self, _: Digest) -> Result<Bytes, CallError> {
        Ok(red())
    }
}

fn test_images() -> Arc<dyn Images> {
    Arc::new(Red)
}

fn red() -> Bytes {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, 64, 64);
    encoder.set_color(png::ColorType::Rgb);
    let pixels: Vec<u8> = [220, 20, 20].iter().copied().cycle().take(64 * 64 * 3).collect();
    // Writing to memory cannot fail; were it to, the picture would not decode and be told of.
    if let Ok(mut writer) = encoder.write_header() {
        let _ = writer.write_image_data(&pixels);
    }
    out.into()
}

fn red_ref() -> ImageRef {
    let bytes = red();
    check_picture(&bytes).unwrap_or(ImageRef {
        digest: Digest::of(&bytes),
        mime: crate::record::Mime::Png,
        width: 64,
        height: 64,
        bytes: bytes.len() as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::{Ask, Sort, judge_text};
    use crate::call::Sampling;

    fn found(model: &str, text: &str, reasoning: &str, finish: &str) -> Vec<&'static str> {
        let sort = Sort::Chat { sampling: Sampling::default(), vision: true, json: true };
        let ask = Ask { role: "r".into(), model: model.into(), sort };
        let mut findings = Vec::new();
        judge_text(&ask, model, text, reasoning, finish, &mut findings);
        findings.iter().map(|f| f.name).collect()
    }

    #[test]
    fn each_mistake_has_its_name() {
        let none: [&str; 0] = [];
        assert_eq!(found("x-Instruct", r#"{"answer":"red"}"#, "", "stop"), none);
        assert_eq!(found("x-Instruct", "", "it is red", "stop"), ["reasoning_parser_on_instruct"]);
        assert_eq!(found("x-Thinking", "", "it is", "length"), ["thinking_cut"]);
        assert_eq!(found("x-Thinking", r#"{"answer":"red"}"#, "", "stop"), ["no_thinking"]);
        assert_eq!(found("x", "Red.", "", "stop"), ["response_format_ignored"]);
        assert_eq!(found("x", r#"{"answer":"blue"}"#, "", "stop"), ["picture_not_seen"]);
    }
}
