//! Conformance of the protocols: each case of `tests/cases/call/*.toml` is a request, the answers
//! of a scripted server, what the server must have seen, and the reply or error that must follow.

use crate::scripted::{Answer, Scripted, Seen, png};
use bytes::Bytes;
use coldstart::call::endpoints::Endpoints;
use coldstart::call::{
    CallError, ChatRequest, ImageRequest, Images, Output, Reply, Request, Sampling, Schema, Stack,
    StackOptions, ask_once,
};
use coldstart::diag::{SourceFile, Style, render};
use coldstart::env::Env;
use coldstart::media::{Verify, take};
use coldstart::record::{Digest, Message, Part, Speaker};
use serde::Deserialize;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// Cargo sets it for every test, it is a valid header and odd enough to be found anywhere: our
/// canary in place of an API key.
const KEY_ENV: &str = "CARGO_PKG_DESCRIPTION";
const KEY: &str = env!("CARGO_PKG_DESCRIPTION");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    protocol: String,
    /// Appended to the scripted server's root.
    base: String,
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    about: String,
    /// Lines for the role's table.
    #[serde(default)]
    endpoint: String,
    #[serde(default)]
    request: Ask,
    #[serde(default)]
    answers: Vec<Answer>,
    /// What the server must have seen, request by request; absent: not looked at.
    #[serde(default)]
    sees: Vec<Sees>,
    expect: Value,
}

/// What a case with `schema = true` asks for.
const SHAPE: Schema = Schema::Fields(&[("seen", Schema::Text), ("better", Schema::Bool)]);

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Ask {
    /// Send a picture too.
    picture: bool,
    /// Of `SHAPE`.
    schema: bool,
    sampling: Sampling,
    draw: u32,
    steps: Option<u32>,
    guidance: Option<f64>,
    negative_prompt: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Sees {
    line: String,
    headers: std::collections::BTreeMap<String, String>,
    /// A part of the JSON body; null = absent.
    body: Option<Value>,
}

pub struct Picture;

#[async_trait::async_trait]
impl Images for Picture {
    async fn image(&self, _: Digest) -> Result<Bytes, CallError> {
        Ok(png().into())
    }
}

#[tokio::test]
async fn every_protocol_reads_what_its_servers_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/call");
    let mut failures = Vec::new();
    let mut count = 0;
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the cases")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    for path in files {
        let text = std::fs::read_to_string(&path).expect("a readable file");
        let file: File =
            toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        for case in &file.case {
            count += 1;
            if let Err(why) = check(&file, case).await {
                failures.push(format!("{} / {} {}\n{why}", file.protocol, case.name, case.about));
            }
        }
    }
    assert!(count >= 120, "only {count} cases");
    assert!(failures.is_empty(), "{} of {count}:\n\n{}", failures.len(), failures.join("\n\n"));
}

async fn check(file: &File, case: &Case) -> Result<(), String> {
    let server = Scripted::start(case.answers.clone()).await;
    let text = format!(
        "[role.r]\nprotocol = \"{}\"\nurls = [\"{}{}\"]\nkey_env = \"{KEY_ENV}\"\nprices = \
         {{input = 1.0, output = 2.0, image = 0.5}}\n{}",
        file.protocol, server.base, file.base, case.endpoint
    );
    let source = Arc::new(SourceFile { path: "case".to_owned(), text });
    let endpoints = Endpoints::parse(source).map_err(|f| render(&f, Style::Plain))?;
    let endpoint = endpoints.get("r").ok_or("no role")?;
    let images: Arc<dyn Images> = Arc::new(Picture);
    let request = request(file, &case.request);
    let outcome = ask_once(&Env::real(), endpoint, &images, &request).await;
    let said = format!("{outcome:?}");
    if said.contains(KEY) {
        return Err(format!("the key leaked: {said}"));
    }
    let found = describe(&outcome);
    let mut faults = Vec::new();
    differ(&case.expect, &found, "expect", &mut faults);
    let seen = server.seen();
    if !case.sees.is_empty() && case.sees.len() != seen.len() {
        faults.push(format!("{} requests, expected {}", seen.len(), case.sees.len()));
    }
    for (sees, seen) in case.sees.iter().zip(&seen) {
        look(sees, seen, &server.base, &mut faults);
    }
    match faults.is_empty() {
        true => Ok(()),
        false => Err(format!("{}\nfound {found}", faults.join("\n"))),
    }
}

fn request(file: &File, ask: &Ask) -> Request {
    let is_chat = matches!(file.protocol.as_str(), "openai-chat" | "gemini");
    if !is_chat {
        return Request::Image(ImageRequest {
            role: "r".into(),
            model: "asked-model".into(),
            prompt: "two \"red\" cats".into(),
            negative_prompt: ask.negative_prompt.clone(),
            width: 512,
            height: 256,
            steps: ask.steps,
            guidance: ask.guidance,
            seed: 77,
            draw: ask.draw,
            edits: None,
        });
    }
    let mut parts = vec![Part::Text("see \"this\"".into())];
    if ask.picture {
        parts.push(Part::Image(take(&png().into(), Verify::Decode).expect("a picture").image));
    }
    let say = |speaker, parts| Message { speaker, parts };
    Request::Chat(ChatRequest {
        role: "r".into(),
        model: "asked-model".into(),
        messages: vec![
            say(Speaker::System, vec![Part::Text("be brief".into())]),
            say(Speaker::User, parts),
        ],
        sampling: ask.sampling.clone(),
        schema: ask.schema.then_some(&SHAPE),
        draw: ask.draw,
    })
}

/// The outcome as JSON, for comparison by parts.
fn describe(outcome: &Result<Reply, CallError>) -> Value {
    let reply = match outcome {
        Ok(reply) => reply,
        Err(error) => {
            let kind = match error {
                CallError::Transient { overload: true, .. } => "overload".to_owned(),
                CallError::Transient { .. } => "transient".to_owned(),
                CallError::Record { .. } => "record".to_owned(),
                CallError::Fatal { kind, .. } => format!("{kind:?}").to_lowercase(),
                CallError::Store(_) => "store".to_owned(),
                CallError::Stopped => "stopped".to_owned(),
            };
            let after = match error {
                CallError::Transient { after: Some(after), .. } => after.as_millis() as u64,
                _ => 0,
            };
            return serde_json::json!({"error": kind, "says": error.to_string(), "after": after});
        }
    };
    let mut out = serde_json::json!({
        "finish": reply.finish, "served": reply.served, "cost": reply.cost.0,
        "usage": serde_json::to_value(reply.usage).expect("plain"),
        "simulated": reply.simulated,
    });
    match &reply.output {
        Output::Text { text, reasoning } => {
            out["text"] = text.as_str().into();
            out["reasoning"] = reasoning.as_str().into();
        }
        Output::Refused { reason } => out["refused"] = reason.as_str().into(),
        Output::Image { image, bytes, .. } => {
            assert!(bytes.is_some(), "a fresh picture brings its bytes");
            out["image"] = serde_json::json!([image.width, image.height]);
        }
    }
    out
}

/// Whether `found` has all of `expect`; `says` need only be contained, null means absent.
fn differ(expect: &Value, found: &Value, at: &str, faults: &mut Vec<String>) {
    match (expect, found) {
        (Value::Object(expect), Value::Object(_)) => {
            for (name, value) in expect {
                let place = format!("{at}.{name}");
                match (found.get(name), value) {
                    (None, Value::String(s)) if s == "<absent>" => {}
                    (Some(found), value) => differ(value, found, &place, faults),
                    (None, _) => faults.push(format!("{place} is missing")),
                }
            }
        }
        (Value::String(part), Value::String(whole)) if at.ends_with(".says") => {
            if !whole.contains(part.as_str()) {
                faults.push(format!("{at}: `{part}` is not in `{whole}`"));
            }
        }
        _ if expect == found => {}
        _ => faults.push(format!("{at}: {found}, expected {expect}")),
    }
}

fn look(sees: &Sees, seen: &Seen, base: &str, faults: &mut Vec<String>) {
    if !sees.line.is_empty() && sees.line != seen.line {
        faults.push(format!("`{}`, expected `{}`", seen.line, sees.line));
    }
    for (name, value) in &sees.headers {
        let value = value.replace("{{key}}", KEY).replace("{{base}}", base);
        let found = seen.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let fits = if value == "<absent>" { found.is_none() } else { found == Some(&value) };
        if !fits {
            faults.push(format!("header {name}: {found:?}, expected `{value}`"));
        }
    }
    if let Some(expect) = &sees.body {
        match serde_json::from_slice(&seen.body) {
            Ok(found) => {
                let filled = expect
                    .to_string()
                    .replace("{{png}}", &base64_simd::STANDARD.encode_to_string(png()));
                let expect: Value = serde_json::from_str(&filled).expect("JSON");
                differ(&expect, &found, "body", faults);
            }
            Err(error) => faults.push(format!("the body is not JSON: {error}")),
        }
    }
}

/// The endpoint of role `r` that `lines` make at `base`.
pub fn endpoint(base: &str, lines: &str) -> Endpoints {
    let text = format!("[role.r]\nurls = [\"{base}/v1\"]\nprices = {{}}\n{lines}");
    let source = Arc::new(SourceFile { path: "test".to_owned(), text });
    Endpoints::parse(source).unwrap_or_else(|faults| panic!("{}", render(&faults, Style::Plain)))
}

pub fn picture(seed: u64) -> Request {
    Request::Image(ImageRequest {
        role: "r".into(),
        model: "m".into(),
        prompt: "a cat".into(),
        negative_prompt: None,
        width: 8,
        height: 4,
        steps: None,
        guidance: None,
        seed,
        draw: seed as u32,
        edits: None,
    })
}

#[tokio::test]
async fn a_listed_host_gives_the_picture_and_hears_neither_key_nor_headers() {
    let storage = Scripted::start(vec![Answer { raw_png: true, ..Answer::default() }]).await;
    // Another name of this machine is another host.
    let link = storage.base.replace("127.0.0.1", "localhost");
    let body = format!("{{\"data\":[{{\"url\":\"{link}/1.png\"}}]}}");
    let server = Scripted::start(vec![Answer { body, ..Answer::default() }]).await;
    let lines = format!(
        "protocol = \"openai-images\"\nkey_env = \"{KEY_ENV}\"\nheaders = {{ x-title = \"t\" \
         }}\nimage_hosts = [\"localhost\"]"
    );
    let endpoints = endpoint(&server.base, &lines);
    let images: Arc<dyn Images> = Arc::new(Picture);
    let role = endpoints.get("r").expect("the role");
    let reply = ask_once(&Env::real(), role, &images, &picture(1)).await.expect("a picture");
    assert!(matches!(reply.output, Output::Image { .. }));
    let names = |seen: &[Seen]| -> Vec<String> {
        seen[0].headers.iter().map(|(name, _)| name.clone()).collect()
    };
    let (own, other) = (names(&server.seen()), names(&storage.seen()));
    for name in ["authorization", "x-title"] {
        assert!(own.iter().any(|n| n == name), "{own:?}");
        assert!(!other.iter().any(|n| n == name), "{other:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_and_asked_again() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let endpoints = endpoint(&base, "protocol = \"openai-images\"");
    let images: Arc<dyn Images> = Arc::new(Picture);
    let role = endpoints.get("r").expect("the role");
    let error = ask_once(&Env::real(), role, &images, &picture(1)).await.expect_err("nobody");
    assert!(matches!(error, CallError::Transient { .. }), "{error:?}");
    assert!(error.to_string().contains(&format!("{base}/v1 cannot be reached")), "{error}");
}

#[tokio::test]
async fn a_server_that_ignores_seeds_stops_the_run_before_its_twin_is_journaled() {
    let one = Answer { raw_png: true, ..Answer::default() };
    let server = Scripted::start(vec![one; 9]).await;
    let endpoints = endpoint(&server.base, "protocol = \"openai-images\"");
    let images: Arc<dyn Images> = Arc::new(Picture);
    let stack = Stack::build(&Env::real(), &endpoints, images, StackOptions::default())
        .unwrap_or_else(|faults| panic!("{}", render(&faults, Style::Plain)));
    assert!(stack.model().call(picture(1).keyed()).await.is_ok());
    // A few may be a filter's blanks.
    for seed in 2..9 {
        let error = stack.model().call(picture(seed).keyed()).await.expect_err("a twin");
        assert!(matches!(error, CallError::Record { .. }), "{error:?}");
    }
    let error = stack.model().call(picture(9).keyed()).await.expect_err("a twin");
    assert!(matches!(error, CallError::Fatal { .. }), "{error:?}");
    assert!(error.to_string().contains("pass@3"), "{error}");
}
