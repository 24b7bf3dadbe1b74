//! What the client costs and how it holds its ground: CPU a call, makespan through faults, a URL
//! that dies and comes back, limits that nobody stated.
//!
//! `cargo bench --bench client -- [part …]` with parts `cpu`, `makespan`, `faults`, `death`,
//! `adaptive` (all by default). The servers are processes of their own (`coldstart sim`), except
//! in `adaptive`, which needs one that refuses. Prints one figure a line. `cpu` counts a call's key, which a run
//! makes as well (4 us of it for 2 KB).

use coldstart::call::endpoints::Endpoints;
use coldstart::call::{CallError, ChatRequest, Images, Request, Sampling, Stack, StackOptions};
use coldstart::diag::{SourceFile, Style, render};
use coldstart::env::Env;
use coldstart::record::{Digest, Message, Part, Speaker};
use std::io::BufRead;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

type Failure = Box<dyn std::error::Error>;

/// Slots of the servers in `makespan` and `faults`.
const SLOTS: u64 = 256;

struct NoImages;

#[async_trait::async_trait]
impl Images for NoImages {
    async fn image(&self, _: Digest) -> Result<bytes::Bytes, CallError> {
        Err(CallError::Record { what: "no images here".to_owned() })
    }
}

/// A simulated world in its own process; killed when dropped.
struct World {
    child: Child,
    url: String,
}

impl World {
    fn start(args: &[&str]) -> Result<World, Failure> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_coldstart"))
            .arg("sim")
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("no stdout")?;
        let mut url = String::new();
        std::io::BufReader::new(stdout).read_line(&mut url)?;
        Ok(World { child, url: url.trim().to_owned() })
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn stack(env: &Env, urls: &[String], lines: &str) -> Result<Stack, Failure> {
    let urls: Vec<String> = urls.iter().map(|url| format!("\"{url}/v1\"")).collect();
    let text = format!(
        "[role.r]\nprotocol = \"openai-chat\"\nprices = {{}}\nurls = [{}]\n{lines}",
        urls.join(", ")
    );
    let source = Arc::new(SourceFile { path: "bench".to_owned(), text });
    let fail = |faults: Vec<_>| render(&faults, Style::Plain);
    let endpoints = Endpoints::parse(source).map_err(fail)?;
    Ok(Stack::build(env, &endpoints, Arc::new(NoImages), StackOptions::default()).map_err(fail)?)
}

/// About 2 KB of text, as the shorter templates render to.
fn request(n: u64) -> Request {
    let text = format!("Say hello to number {n}. {}", "A line of a longer prompt. ".repeat(70));
    Request::Chat(ChatRequest {
        role: "r".into(),
        model: "m".into(),
        messages: vec![Message { speaker: Speaker::User, parts: vec![Part::Text(text)] }],
        sampling: Sampling { temperature: Some(0.7), max_tokens: Some(512), ..Sampling::default() },
        schema: None,
        draw: 0,
    })
}

/// `calls` calls with `width` of them asked for at a time; how many failed.
async fn drive(env: &Env, stack: &Stack, from: u64, calls: u64, width: u64) -> u64 {
    let next = Arc::new(AtomicU64::new(from));
    let failed = Arc::new(AtomicU64::new(0));
    let workers: Vec<_> = (0..width)
        .map(|_| {
            let (next, failed, model) = (next.clone(), failed.clone(), stack.model());
            env.spawn(async move {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= from + calls {
                        return;
                    }
                    if let Err(error) = model.call(request(n).keyed()).await
                        && failed.fetch_add(1, Ordering::Relaxed) < 3
                    {
                        eprintln!("failed: {error}");
                    }
                }
            })
        })
        .collect();
    for worker in workers {
        let _ = worker.await;
    }
    failed.load(Ordering::Relaxed)
}

/// This process's CPU time so far, in seconds.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split(' ').collect();
    let ticks = |at: usize| fields.get(at).and_then(|t| t.parse::<f64>().ok()).unwrap_or(0.0);
    // utime and stime, in hundredths of a second.
    (ticks(12) + ticks(13)) / 100.0
}

async fn bench_cpu(env: &Env) -> Result<(), Failure> {
    let world = World::start(&["--port", "0", "--latency-ms", "20"])?;
    let stack = stack(env, std::slice::from_ref(&world.url), "max_in_flight = 128\n")?;
    drive(env, &stack, 0, 2_000, 128).await;
    let (start, before) = (env.now(), cpu());
    let calls = 20_000;
    let failed = drive(env, &stack, 10_000, calls, 128).await;
    let used = (cpu() - before) * 1e6 / calls as f64;
    let rate = calls as f64 / env.now().duration_since(start).as_secs_f64();
    println!("cpu: {used:.0} us a streamed chat call, {rate:.0} calls/s, {failed} failed");
    Ok(())
}

async fn timed(env: &Env, args: &[&str], lines: &str, calls: u64) -> Result<(f64, u64), Failure> {
    let world = World::start(args)?;
    let stack = stack(env, std::slice::from_ref(&world.url), lines)?;
    drive(env, &stack, 0, 200, 200).await;
    let start = env.now();
    let (model, work) = (stack.clone(), env.clone());
    let job = env.spawn(async move { drive(&work, &model, 1_000, calls, 1024).await });
    let watched = watch(env, &stack, &job).await;
    let failed = job.await?;
    let took = env.now().duration_since(start).as_secs_f64();
    let retries: u64 = stack.live().iter().map(|role| role.retries).sum();
    eprintln!("  {took:.2} s, {retries} retries; {watched}");
    Ok((took, failed))
}

/// Where the time goes, until `job` is done: how full the slots were while more calls were wanted
/// than there are slots, and how long the last ones took from then on.
async fn watch<T>(env: &Env, stack: &Stack, job: &tokio::task::JoinHandle<T>) -> String {
    let (mut full, mut tail, mut sent, mut least) = (0_u64, 0_u64, 0, u64::MAX);
    while !job.is_finished() {
        env.sleep(Duration::from_millis(20)).await;
        let role = &stack.live()[0];
        least = least.min(role.limit);
        match role.in_flight + role.queued > SLOTS {
            true => (full, sent) = (full + 1, sent + role.in_flight),
            false => tail += 1,
        }
    }
    format!(
        "{:.0} of {SLOTS} in flight, limit {least} at the least, {:.2} s of tail",
        sent as f64 / full.max(1) as f64,
        tail as f64 * 0.02
    )
}

async fn bench_makespan(env: &Env) -> Result<(), Failure> {
    let args = ["--port", "0", "--latency-ms", "200", "--slots", "256"];
    let (took, failed) = timed(env, &args, "max_in_flight = 256\n", 20_000).await?;
    let ideal = 20_000.0 * 0.2 / 256.0;
    println!(
        "makespan: {:.3} x ideal ({took:.2} s of {ideal:.2} s), {failed} failed",
        took / ideal
    );
    Ok(())
}

async fn bench_faults(env: &Env) -> Result<(), Failure> {
    // Five times the server's latency: who knows a server this well would not wait longer.
    let lines =
        "max_in_flight = 256\nconnect_timeout = \"250ms\"\nfirst_byte_timeout = \"750ms\"\n";
    let plain = ["--port", "0", "--latency-ms", "200", "--slots", "256"];
    let faults = [
        "--fault-500",
        "0.05",
        "--fault-429",
        "0.05",
        "--fault-garbage",
        "0.02",
        "--fault-stall",
        "0.01",
    ];
    let calls = 20_000;
    let (clean, _) = timed(env, &plain, lines, calls).await?;
    let (took, failed) = timed(env, &[&plain[..], &faults[..]].concat(), lines, calls).await?;
    println!(
        "faults: {:.3} x the fault-free run ({took:.2} s of {clean:.2} s), {failed} lost",
        took / clean
    );
    Ok(())
}

/// Three servers of 32 slots at 100 ms: 960 calls a second together, 640 by two.
async fn bench_death(env: &Env) -> Result<(), Failure> {
    let args = ["--latency-ms", "100", "--slots", "32", "--port"];
    let mut worlds: Vec<Option<World>> = Vec::new();
    for _ in 0..3 {
        worlds.push(Some(World::start(&[&args[..], &["0"]].concat())?));
    }
    let urls: Vec<String> = worlds.iter().flatten().map(|w| w.url.clone()).collect();
    let port = urls[0].rsplit(':').next().unwrap_or("0").to_owned();
    let stack = stack(env, &urls, "max_in_flight = 120\n")?;
    let model = stack.clone();
    let work = env.clone();
    let job = env.spawn(async move { drive(&work, &model, 0, 12_000, 120).await });
    let done = || stack.live().iter().map(|role| role.done).sum::<u64>();
    let mut rates = Vec::new();
    let mut last = 0;
    for half in 0..26 {
        if half == 6 {
            worlds[0] = None;
        }
        if half == 16 {
            worlds[0] = Some(World::start(&[&args[..], &[port.as_str()]].concat())?);
        }
        env.sleep(Duration::from_millis(500)).await;
        let now = done();
        rates.push((now - last) * 2);
        last = now;
        if job.is_finished() {
            break;
        }
    }
    println!("death: calls/s each half second, killed at 3 s, back at 8 s: {rates:?}");
    let mean = |part: &[u64]| part.iter().sum::<u64>() as f64 / part.len().max(1) as f64;
    if rates.len() >= 20 {
        let two = mean(&rates[10..16]);
        let (three, again) = (mean(&rates[1..6]), mean(&rates[18..rates.len() - 1]));
        println!(
            "death: {three:.0}/s by three, {two:.0}/s from 2 s after the death ({:.0} % of two thirds), {again:.0}/s after the return",
            150.0 * two / three
        );
    }
    drop(worlds.drain(1..));
    let failed = job.await?;
    println!("death: {failed} lost");
    Ok(())
}

/// A server that takes `slots` calls of `latency` at once and refuses more.
async fn refusing(
    env: &Env,
    slots: usize,
    latency: Duration,
) -> Result<(String, Arc<AtomicU64>), Failure> {
    let room = Arc::new(tokio::sync::Semaphore::new(slots));
    let refused = Arc::new(AtomicU64::new(0));
    let (count, clock) = (refused.clone(), env.clone());
    let answer = move |_: bytes::Bytes| {
        let (room, count, clock) = (room.clone(), count.clone(), clock.clone());
        async move {
            let Ok(_permit) = room.try_acquire() else {
                count.fetch_add(1, Ordering::Relaxed);
                return (axum::http::StatusCode::TOO_MANY_REQUESTS, "{}");
            };
            clock.sleep(latency).await;
            let body = r#"{"choices":[{"message":{"content":"ok"},"finish_reason":"stop"}]}"#;
            (axum::http::StatusCode::OK, body)
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let router = axum::Router::new().route("/v1/chat/completions", axum::routing::post(answer));
    env.spawn(async move { axum::serve(listener, router).await });
    Ok((url, refused))
}

async fn bench_adaptive(env: &Env) -> Result<(), Failure> {
    for (slots, seconds) in [(37, 20), (900, 30)] {
        let latency = Duration::from_millis(500);
        let (url, refused) = refusing(env, slots, latency).await?;
        let stack = stack(env, &[url], "")?;
        let ideal = slots as f64 / latency.as_secs_f64();
        let calls = (ideal * f64::from(seconds)) as u64;
        let (model, work) = (stack.clone(), env.clone());
        let start = env.now();
        let job = env.spawn(async move { drive(&work, &model, 0, calls, 2_000).await });
        let settled = Duration::from_secs(8);
        env.sleep(settled).await;
        let done = || stack.live().iter().map(|role| role.done).sum::<u64>();
        let (at, limit) = (done(), stack.live()[0].limit);
        let refused_then = refused.load(Ordering::Relaxed);
        env.sleep(Duration::from_secs(seconds as u64 - 10)).await;
        let rate = (done() - at) as f64 / f64::from(seconds - 10);
        let share = (refused.load(Ordering::Relaxed) - refused_then) as f64 / (done() - at) as f64;
        let failed = job.await?;
        let whole = calls as f64 / env.now().duration_since(start).as_secs_f64();
        println!(
            "adaptive: {slots} slots: limit {limit} after 8 s; {:.1} % of ideal from then, {:.1} % with the start; {:.1} % refused; {failed} lost",
            100.0 * rate / ideal,
            100.0 * whole / ideal,
            100.0 * share
        );
    }
    Ok(())
}

fn main() -> Result<(), Failure> {
    let parts: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let wanted = |name: &str| parts.is_empty() || parts.iter().any(|part| part == name);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let env = Env::real();
        if wanted("cpu") {
            bench_cpu(&env).await?;
        }
        if wanted("makespan") {
            bench_makespan(&env).await?;
        }
        if wanted("faults") {
            bench_faults(&env).await?;
        }
        if wanted("death") {
            bench_death(&env).await?;
        }
        if wanted("adaptive") {
            bench_adaptive(&env).await?;
        }
        Ok(())
    })
}
