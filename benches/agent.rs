//! Rollouts measured against their ideal: 2,000 prompts, each played through three pictures, against a
//! standing world of 200 ms and 256 slots. Beside it a hand-written asyncio loop does the same.
//!
//! `cargo bench --bench agent [makespan] [memory]` prints figures; nothing passes or fails here.
//! The world is a stand-in, so that a machine of two cores measures the program and not a painter and
//! an eye: its agent calls, rejects twice and accepts, its pictures (512 x 512, no two alike) are drawn
//! before the clock starts. So a prompt is seven calls, one after the other: four turns and three
//! pictures. Ideal = calls / 256, rounded up, times 200 ms: every slot full from the first moment to
//! the last, and more than the 1.4 s of one conversation. PYTHON names a Python that has aiohttp.
//! The aim is 1.10 x ideal. On two quiet cores, release: 1.088, 1.094 and 1.101 x in three runs, the
//! loop, which keeps no journal, 1.04 to 1.15 x; 0.68 to 0.97 ms of CPU a call.
//! Memory: 130 MB at 3,000 prompts, 142 MB at 12,000.

use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use coldstart::env::Env;
use coldstart::export::conversation::{SYSTEM_TEXT, model_turn};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

#[path = "peers/known.rs"]
mod known;
use known::tell;

const SLOTS: usize = 256;
const LATENCY_MS: u64 = 200;
const ROUNDS: usize = 3;
/// Turns and pictures of a prompt.
const CALLS: usize = 2 * ROUNDS + 1;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|w| !w.starts_with("--")).collect();
    let wanted = |word: &str| words.is_empty() || words.iter().any(|w| w == word);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    if wanted("makespan") {
        runtime.block_on(makespan(2000));
    }
    if wanted("memory") {
        runtime.block_on(memory());
    }
}

/// Agent and generator.
#[derive(Clone)]
struct World {
    env: Env,
    latency: Duration,
    slots: Arc<Semaphore>,
    calls: Arc<AtomicUsize>,
    /// When the first call came, when the last was answered.
    span: Arc<Mutex<Option<(Instant, Instant)>>>,
    drawn: Arc<AtomicUsize>,
    /// In base64.
    pictures: Arc<Vec<String>>,
}

impl World {
    /// Its address too.
    async fn start(env: &Env, latency_ms: u64, pictures: &Arc<Vec<String>>) -> (World, String) {
        let world = World {
            env: env.clone(),
            latency: Duration::from_millis(latency_ms),
            slots: Arc::new(Semaphore::new(SLOTS)),
            calls: Arc::default(),
            span: Arc::default(),
            drawn: Arc::default(),
            pictures: pictures.clone(),
        };
        let app = axum::Router::new()
            .route("/v1/chat/completions", post(chat))
            .route("/v1/images/generations", post(image))
            .layer(DefaultBodyLimit::disable())
            .with_state(world.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        env.spawn(async move { axum::serve(listener, app).await });
        (world, url)
    }

    async fn work(&self) {
        let came = self.env.now();
        self.span.lock().get_or_insert((came, came));
        let _slot = self.slots.acquire().await;
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.env.sleep(self.latency).await;
        let mut span = self.span.lock();
        *span = span.map(|(first, _)| (first, self.env.now()));
    }

    /// Seconds from `start` to the first call, and from the last answer to `end`.
    fn edges(&self, start: Instant, end: Instant) -> (f64, f64) {
        let Some((first, last)) = *self.span.lock() else { return (0.0, 0.0) };
        (first.duration_since(start).as_secs_f64(), end.duration_since(last).as_secs_f64())
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

/// Thinks and calls, rejects what it is shown, accepts the last.
async fn chat(State(world): State<World>, body: Bytes) -> Response {
    world.work().await;
    let text = String::from_utf8_lossy(&body);
    let shown = text.matches("data:image").count();
    let caption = format!("A wide, calm scene in soft daylight, seen from version {shown}.");
    let call = (shown < ROUNDS).then_some(("The things asked for are to be seen.", &*caption));
    let turn = model_turn((shown > 0).then_some("What was asked for is looked for."), call);
    let content = turn.strip_suffix("</tool_call>").unwrap_or(&turn);
    said(&json!({
        "id": "x", "object": "chat.completion", "model": "genagent-sft",
        "choices": [{"index": 0, "finish_reason": "stop",
                     "message": {"role": "assistant", "content": content}}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 200},
    }))
}

async fn image(State(world): State<World>) -> Response {
    world.work().await;
    let number = world.drawn.fetch_add(1, Ordering::Relaxed) % world.pictures.len();
    said(&json!({"created": 1, "data": [{"b64_json": world.pictures[number]}]}))
}

fn said(reply: &Value) -> Response {
    ([("content-type", "application/json")], reply.to_string()).into_response()
}

/// `count` pictures, no two alike.
fn pictures(count: usize) -> Arc<Vec<String>> {
    let one = |number: usize| {
        let mut png = Vec::new();
        let mut encoder = png::Encoder::new(&mut png, 512, 512);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_compression(png::Compression::Fast);
        let shade = |x: usize, y: usize| match (x / 64 + y / 64 + number) % 3 {
            0 => [(number % 251) as u8, (x / 4) as u8, 90],
            1 => [200, (number / 251) as u8, (y / 4) as u8],
            _ => [230, 230, 240],
        };
        let pixels: Vec<u8> = (0..512 * 512).flat_map(|at| shade(at % 512, at / 512)).collect();
        let mut writer = encoder.write_header().expect("a header");
        writer.write_image_data(&pixels).expect("pixels");
        writer.finish().expect("an end");
        base64_simd::STANDARD.encode_to_string(png)
    };
    Arc::new((0..count).map(one).collect())
}

/// A project that only plays: nothing scores.
fn project(folder: &Path, prompts: usize) {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let stages = folder.join("stages/play");
    std::fs::create_dir_all(&stages).expect("folders");
    for name in ["templates", "data"] {
        std::os::unix::fs::symlink(root.join(name), folder.join(name)).expect("links");
    }
    let put = |name: &str, text: &str| std::fs::write(stages.join(name), text).expect("writes");
    let rolled = root.join("stages/agent/rolled.toml");
    std::fs::copy(rolled, stages.join("rolled.toml")).expect("copies");
    put("_models.toml", MODELS);
    let pool = folder.join("pool.jsonl");
    put("pool.toml", &format!("about = \"b\"\nkind = \"read_pool\"\npath = {pool:?}\n"));
    put("dataset.toml", "about = \"b\"\nkind = \"write_dataset\"\nfrom = [\"rolled\"]\n");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&pool).expect("creates"));
    for n in 0..prompts {
        let things = ["apples", "clocks", "cats", "chairs", "dogs"][n % 5];
        let colour = ["red", "green", "blue", "yellow"][n / 5 % 4];
        let prompt = format!("{} {colour} {things}, picture {n}", n % 6 + 2);
        writeln!(file, "{}", json!({ "prompt": prompt })).expect("writes");
    }
}

/// As `stages/agent/` has them.
const MODELS: &str = r#"
[agent]
kind        = "chat"
model       = "genagent-sft"
temperature = 0.0
max_tokens  = 4096
stop        = ["</tool_call>"]

[generator]
kind   = "image"
model  = "FLUX.1-dev-8step"
width  = 512
height = 512
steps  = 8
"#;

struct Measured {
    started: Instant,
    wall: f64,
    peak_mb: f64,
    /// Seconds, user and system.
    cpu: f64,
}

/// `coldstart run` as a user gives it.
async fn run(env: &Env, folder: &Path, url: &str) -> Measured {
    let endpoints = folder.join("endpoints.toml");
    let role = |role: &str, protocol: &str| {
        format!("[role.{role}]\nprotocol = \"{protocol}\"\nurls = [\"{url}/v1\"]\n\n")
    };
    let roles = [role("agent", "openai-chat"), role("generator", "openai-images")].concat();
    let most = SLOTS * 2;
    let text = format!("[default]\nprices = {{}}\nmax_in_flight = {most}\n\n{roles}");
    std::fs::write(&endpoints, text).expect("writes");
    let started = env.now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_coldstart"))
        .args(["run", "play", "--quiet", "--format", "json", "--project"])
        .arg(folder)
        .arg("--endpoints")
        .arg(&endpoints)
        .arg("--out")
        .arg(folder.join("run"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut out = child.stdout.take().expect("piped");
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        out.read_to_string(&mut text).map(|_| text)
    });
    let (mut peak_mb, mut cpu) = (0.0f64, 0.0f64);
    let status = loop {
        if let Some(status) = child.try_wait().expect("asked") {
            break status;
        }
        peak_mb = peak_mb.max(peak_of(child.id()));
        cpu = cpu.max(cpu_of(child.id()));
        env.sleep(Duration::from_millis(20)).await;
    };
    let wall = env.now().duration_since(started).as_secs_f64();
    let text = reading.join().expect("no panic").expect("a report");
    assert!(status.success(), "{status}: {text}");
    Measured { started, wall, peak_mb, cpu }
}

/// The most memory a process ever had, MB.
fn peak_of(id: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|l| l.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

/// CPU time of a process, seconds.
fn cpu_of(id: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum::<f64>() / 100.0
}

async fn makespan(prompts: usize) {
    let env = Env::real();
    let folder = tempfile::tempdir().expect("a folder");
    project(folder.path(), prompts);
    let pictures = pictures(prompts * ROUNDS);
    let size = pictures.iter().map(|p| p.len() * 3 / 4).sum::<usize>() / pictures.len() / 1000;
    let calls = prompts * CALLS;
    let ideal = calls.div_ceil(SLOTS) as f64 * LATENCY_MS as f64 / 1000.0;
    println!(
        "{prompts} prompts, {ROUNDS} pictures of {size} KB each, {calls} calls of {LATENCY_MS} ms in {SLOTS} slots: \
         ideal {ideal:.2} s"
    );
    let (world, url) = World::start(&env, LATENCY_MS, &pictures).await;
    let m = run(&env, folder.path(), &url).await;
    let (before, after) = world.edges(m.started, m.started + Duration::from_secs_f64(m.wall));
    println!("rollouts: {before:.2} s before the first call, {after:.2} s after the last");
    println!(
        "rollouts: {} calls in {:.2} s, {:.3} x ideal; {:.0} us CPU a call, peak {:.0} MB",
        world.calls(),
        m.wall,
        m.wall / ideal,
        m.cpu * 1e6 / world.calls() as f64,
        m.peak_mb
    );
    tell("rollouts, x ideal", m.wall / ideal);
    tell("rollouts, us CPU a call", m.cpu * 1e6 / world.calls() as f64);
    let (world, url) = World::start(&env, LATENCY_MS, &pictures).await;
    match peer(folder.path(), &url).await {
        Some(wall) => {
            println!("asyncio: {} calls in {wall:.2} s, {:.3} x ideal", world.calls(), wall / ideal)
        }
        None => println!("skipped the peer: PYTHON has no aiohttp (pip install aiohttp)"),
    }
}

/// The hand-written loop: seconds.
async fn peer(folder: &Path, url: &str) -> Option<f64> {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/agent_loop.py");
    let system = folder.join("system.txt");
    std::fs::write(&system, SYSTEM_TEXT).expect("writes");
    let mut command = Command::new(python);
    command.arg(script).arg(url).arg(folder.join("pool.jsonl")).arg(&system);
    command.arg(folder.join("peer"));
    let said = tokio::task::spawn_blocking(move || command.output()).await.ok()?.ok()?;
    String::from_utf8_lossy(&said.stdout).split_whitespace().next()?.parse().ok()
}

async fn memory() {
    let env = Env::real();
    let pictures = pictures(1_000);
    let mut peaks = Vec::new();
    // The fewer fill the cache of pictures already, which is bounded.
    for prompts in [3_000, 12_000] {
        let (_world, url) = World::start(&env, 5, &pictures).await;
        let folder = tempfile::tempdir().expect("a folder");
        project(folder.path(), prompts);
        let m = run(&env, folder.path(), &url).await;
        println!("memory: {prompts} prompts in {:.1} s: peak {:.0} MB", m.wall, m.peak_mb);
        peaks.push(m.peak_mb);
    }
    tell("rollouts, four times the prompts, x memory", peaks[1] / peaks[0]);
}
