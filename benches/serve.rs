//! The service for trainers: what `/reward` adds to its judge calls, a GRPO step of 2,880 trajectories
//! against a world of 200 ms and 256 slots, and 3,000 trajectories at once with stalls and errors.
//!
//! The world is a stand-in that answers at once or late and looks at nothing, so that a machine of two
//! cores measures the service and not the judge. The service is the binary, its CPU and memory are the
//! system's own account of that process. Aims: 2 ms and 300 us of CPU a reward, the step in 1.15 x ideal.
//! On two quiet cores, release: 0.28 ms and 195 us where nothing is judged, 0.5 ms and 425 us where the
//! judge's answer is in the journal; the step in 1.11 x; with faults 3,000 of 3,000 scored, none wrong or
//! unlike without, 240 MB.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use coldstart::env::Env;
use futures::stream::{self, StreamExt};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

#[path = "peers/known.rs"]
mod known;
use known::tell;

/// How the world answers.
#[derive(Clone)]
struct World {
    env: Env,
    latency: Duration,
    slots: Arc<Semaphore>,
    /// One in so many requests gets a 500, and one in so many no answer for long; 0: none.
    fails: u64,
    stalls: u64,
    asked: Arc<AtomicU64>,
}

/// What every judge says: yes to everything.
fn judgement(rules: &[String]) -> Value {
    let checks: Vec<Value> = rules
        .iter()
        .map(String::as_str)
        .chain(["a1"])
        .map(|id| json!({"id": id, "answer": "yes", "evidence": "It is there."}))
        .collect();
    json!({"rationale": "Two red cubes are to be seen. The request is met.", "checks": checks})
}

async fn chat(State((world, said)): State<(World, Arc<[String; 2]>)>, body: Bytes) -> Response {
    let number = world.asked.fetch_add(1, Ordering::Relaxed);
    if world.fails > 0 && number % world.fails == 7 % world.fails {
        return (StatusCode::INTERNAL_SERVER_ERROR, "no").into_response();
    }
    if world.stalls > 0 && number % world.stalls == 11 % world.stalls {
        world.env.sleep(Duration::from_secs(30)).await;
    }
    let _slot = world.slots.acquire().await;
    world.env.sleep(world.latency).await;
    let text = String::from_utf8_lossy(&body);
    let pictures = text.matches("data:image").count();
    let content = &said[usize::from(pictures > 1)];
    let asked = text.split("\"model\":\"").nth(1).and_then(|rest| rest.split('"').next());
    let reply = json!({
        "id": "x", "object": "chat.completion", "model": asked,
        "choices": [{"index": 0, "finish_reason": "stop",
                     "message": {"role": "assistant", "content": content}}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 200},
    });
    ([("content-type", "application/json")], reply.to_string()).into_response()
}

/// The address of a world.
async fn world(env: &Env, latency_ms: u64, fails: u64, stalls: u64) -> anyhow::Result<String> {
    let rules = std::fs::read_to_string("data/judge_rules.toml")?;
    let ids = rules
        .lines()
        .filter_map(|line| line.strip_prefix("id"))
        .filter_map(|l| l.split('"').nth(1));
    let ids: Vec<String> = ids.map(str::to_owned).collect();
    let said = [judgement(&ids).to_string(), json!({"better": "B", "evidence": "x"}).to_string()];
    let world = World {
        env: env.clone(),
        latency: Duration::from_millis(latency_ms),
        slots: Arc::new(Semaphore::new(256)),
        fails,
        stalls,
        asked: Arc::default(),
    };
    let app = axum::Router::new()
        .route("/v1/chat/completions", axum::routing::post(chat))
        .layer(axum::extract::DefaultBodyLimit::disable())
        .with_state((world, Arc::new(said)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let base = format!("http://{}", listener.local_addr()?);
    env.spawn(async move { axum::serve(listener, app).await });
    Ok(base)
}

/// The service, as a process of its own.
struct Service {
    child: Child,
    url: String,
    http: reqwest::Client,
    pictures: Vec<String>,
}

impl Service {
    async fn start(folder: &Path, base: &str, sim: &str) -> anyhow::Result<Service> {
        let chat = |role: &str| {
            format!("[role.{role}]\nprotocol = \"openai-chat\"\nurls = [\"{base}/v1\"]\n\n")
        };
        let endpoints = format!(
            "[default]\nprices = {{}}\nmax_in_flight = 256\nfirst_byte_timeout = \"3s\"\n\n{}{}{}\
             [role.generator]\nprotocol = \"openai-images\"\nurls = [\"{sim}/v1\"]\n",
            chat("judge"),
            chat("comparator"),
            chat("checklist")
        );
        let file = folder.join("endpoints.toml");
        std::fs::write(&file, endpoints)?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_coldstart"));
        command.args(["serve", "--mix-simulated", "--listen", "127.0.0.1:0", "--endpoints"]);
        command.arg(file).arg("--out").arg(folder.join("run"));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let stdout = child.stdout.take().ok_or_else(|| anyhow::anyhow!("no stdout"))?;
        let mut url = String::new();
        BufReader::new(stdout).read_line(&mut url)?;
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(Duration::from_secs(300)).build()?;
        let mut service = Service { child, url: url.trim().to_owned(), http, pictures: Vec::new() };
        for caption in CAPTIONS {
            let asked = json!({"caption": caption, "seed": 1, "bytes": false});
            let drawn = service.post("/image", &asked).await?;
            service.pictures.push(drawn["digest"].as_str().unwrap_or_default().to_owned());
        }
        Ok(service)
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.http.post(format!("{}{path}", self.url));
        let request = request.header("content-type", "application/json").body(body.to_string());
        let reply = request.send().await?;
        let status = reply.status();
        let text = reply.text().await?;
        anyhow::ensure!(status.is_success(), "{status}: {text}");
        Ok(serde_json::from_str(&text)?)
    }

    /// A rollout of up to two pictures whose judges are asked nothing twice.
    fn rollout(&self, n: usize, pictures: usize) -> Value {
        let call = |caption: &str| {
            let arguments = json!({"caption": caption});
            format!(
                "<tool_call>\n{{\"name\": \"image_generation_tool\", \"arguments\": {arguments}}}\n</tool_call>"
            )
        };
        let mut turns = vec![format!("<think>a</think> {}", call(CAPTIONS[0]))];
        if pictures > 1 {
            let again = call(CAPTIONS[1]);
            turns.push(format!("<judge>\nNo.\n</judge>\n<think>\nb\n</think>\n{again}"));
        }
        turns.push("<judge>\nYes.\n</judge>\n<answer>done</answer>".to_owned());
        let rounds = CAPTIONS.iter().zip(&self.pictures).take(pictures);
        let rounds: Vec<Value> =
            rounds.map(|(caption, digest)| json!({"caption": caption, "digest": digest})).collect();
        let atom = json!({"id": "a1", "kind": "object", "question": "Are there cubes?", "expected": "cubes"});
        json!({"id": format!("{pictures}_{n}"), "prompt": format!("two red cubes, number {n}"),
               "truth": {"atoms": [atom]}, "turns": turns, "rounds": rounds, "ended": "answer"})
    }

    /// CPU time of the process, user and system.
    fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        let stat = stat.unwrap_or_default();
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: u64 = fields.skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 10)
    }

    /// The most memory it ever had, MB.
    fn memory(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kb = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        kb.unwrap_or(0.0) / 1024.0
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

const CAPTIONS: [&str; 2] = ["two red cubes", "two red cubes, seen clearly"];

async fn added(env: &Env, sim: &str) -> anyhow::Result<()> {
    const COUNT: usize = 200;
    const MANY: usize = 2_000;
    let folder = tempfile::tempdir()?;
    let service = Service::start(folder.path(), &world(env, 0, 0, 0).await?, sim).await?;
    let mut took = Vec::new();
    let before = service.cpu();
    for n in 0..COUNT {
        let body = service.rollout(n, 1);
        let begun = env.now();
        service.post("/reward", &body).await?;
        took.push(env.now().duration_since(begun));
    }
    let first = (service.cpu() - before) / COUNT as u32;
    took.sort();
    println!(
        "reward, judge answers at once: median {:.2} ms, p95 {:.2} ms, {} us CPU with its judge call, which is durable then",
        ms(took[COUNT / 2]),
        ms(took[COUNT * 95 / 100]),
        first.as_micros()
    );
    // What the service adds: where nothing is judged, and where what the judge said is known (its question
    // is put together and its answer read all the same).
    for (what, pictures, id) in [
        ("rollouts without a picture, nothing to judge", 0, Some("bare")),
        ("other rollouts, judged alike before", 1, Some("other")),
        ("the same rollouts again", 1, None),
    ] {
        let (mut took, before) = (Vec::new(), service.cpu());
        for n in 0..MANY {
            let mut body = service.rollout(n % COUNT, pictures);
            if let Some(id) = id {
                body["id"] = json!(format!("{id}_{n}"));
            }
            let begun = env.now();
            service.post("/reward", &body).await?;
            took.push(env.now().duration_since(begun));
        }
        took.sort();
        let (cpu, median) =
            ((service.cpu() - before).as_micros() as f64 / MANY as f64, ms(took[MANY / 2]));
        println!(
            "{what}: median {median:.2} ms, p95 {:.2} ms, {cpu:.0} us CPU",
            ms(took[MANY * 95 / 100])
        );
        if pictures == 0 {
            tell("reward, ms added", median);
            tell("reward, us CPU added", cpu);
        }
    }
    Ok(())
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Scores `count` trajectories at once and gives the scores; `known`: what they must be, as far as it
/// goes, since faults of a server may change no score.
async fn all(
    env: &Env,
    sim: &str,
    count: usize,
    (latency, fails, stalls): (u64, u64, u64),
    known: &[Option<f64>],
) -> anyhow::Result<Vec<Option<f64>>> {
    let folder = tempfile::tempdir()?;
    let base = world(env, latency, fails, stalls).await?;
    let service = Service::start(folder.path(), &base, sim).await?;
    let (begun, before, idle) = (env.now(), service.cpu(), service.memory());
    let asks = (0..count).map(|n| {
        let body = service.rollout(n, 2);
        let service = &service;
        async move { service.post("/reward", &body).await }
    });
    let scored: Vec<anyhow::Result<Value>> = stream::iter(asks).buffered(count).collect().await;
    let took = env.now().duration_since(begun).as_secs_f64();
    let score = |one: &anyhow::Result<Value>| one.as_ref().ok().and_then(|v| v["score"].as_f64());
    let scores: Vec<Option<f64>> = scored.iter().map(score).collect();
    // Every judge says yes, and one of two places wins: nothing else can come out.
    let odd = |score: f64| (score - 0.7).abs() > 1e-9 && (score - 1.0).abs() > 1e-9;
    let wrong = scores.iter().flatten().filter(|score| odd(**score)).count();
    let other = scores.iter().zip(known).filter(|(now, before)| now != before).count();
    let ideal = (2 * count).div_ceil(256) as f64 * latency as f64 / 1000.0;
    println!(
        "{count} trajectories of two pictures at once (one 500 in {fails}, one stall in {stalls}; 0: none): {} \
         scored, {wrong} wrong, {other} of {} unlike without faults; {took:.2} s, {:.2} x ideal, {} us CPU each, \
         {:.0} MB at most ({idle:.0} before)",
        scores.iter().flatten().count(),
        known.len(),
        took / ideal,
        ((service.cpu() - before) / count as u32).as_micros(),
        service.memory()
    );
    if fails == 0 {
        tell("a step of 2,880, x ideal", took / ideal);
    }
    if let Some(Err(error)) = scored.iter().find(|one| one.is_err()) {
        println!("  the first that was not scored: {error}");
    }
    Ok(scores)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let env = Env::real();
    let (sim, _world) = coldstart::sim::Server::start(
        env.clone(),
        coldstart::sim::World::default(),
        coldstart::sim::SimOptions::default(),
    )
    .await?;
    added(&env, &sim).await?;
    let calm = all(&env, &sim, 2_880, (200, 0, 0), &[]).await?;
    all(&env, &sim, 3_000, (200, 20, 600), &calm).await?;
    Ok(())
}
