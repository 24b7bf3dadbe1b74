//! A trainer's side: the service as a process, its calls, and rollouts to send.

use coldstart::env::Env;
use coldstart::sim::{Server, SimOptions, World};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::time::Duration;

pub fn coldstart(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_coldstart")).args(args).output().expect("starts")
}

/// A world without faults; it lives as long as what is given back.
pub async fn world() -> (String, Server) {
    Server::start(Env::real(), World::default(), SimOptions::default()).await.expect("a free port")
}

/// The service as one sees it from outside.
#[derive(Clone)]
pub struct Client {
    url: String,
    http: reqwest::Client,
    token: Option<String>,
}

pub struct Service {
    client: Client,
    child: Mutex<Child>,
}

impl std::ops::Deref for Service {
    type Target = Client;
    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.lock().unwrap().kill();
    }
}

impl Service {
    pub async fn start(run: &Path, more: &[&str]) -> Service {
        Service::spawn(run, more, None).await
    }

    pub async fn with_token(run: &Path, token: &str) -> Service {
        Service::spawn(run, &[], Some(token)).await
    }

    async fn spawn(run: &Path, more: &[&str], token: Option<&str>) -> Service {
        let mut command = Command::new(env!("CARGO_BIN_EXE_coldstart"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--out"]).arg(run).args(more);
        command.env_remove("COLDSTART_SERVE_TOKEN").stdout(Stdio::piped()).stderr(Stdio::null());
        if let Some(token) = token {
            command.env("COLDSTART_SERVE_TOKEN", token);
        }
        let mut child = command.spawn().expect("starts");
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        let url = url.trim().to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "it serves: {url}");
        // As the program does; a second time it is there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(Duration::from_secs(60)).build().unwrap();
        Service { client: Client { url, http, token: None }, child: Mutex::new(child) }
    }

    pub fn bearing(mut self, token: &str) -> Service {
        self.client.token = Some(token.to_owned());
        self
    }

    pub fn clone_client(&self) -> Client {
        self.client.clone()
    }

    /// SIGTERM.
    pub fn signal(&self) {
        let pid = self.child.lock().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    pub fn wait(&self) -> std::process::ExitStatus {
        self.child.lock().unwrap().wait().unwrap()
    }

    /// A graceful stop.
    pub fn stop(self) {
        self.signal();
        assert!(self.wait().success());
    }
}

impl Client {
    pub async fn image(&self, body: &Value) -> (u16, reqwest::header::HeaderMap, Value) {
        self.post("/image", "application/json", &body.to_string()).await
    }

    pub async fn reward(&self, body: &Value) -> (u16, reqwest::header::HeaderMap, Value) {
        self.post("/reward", "application/json", &body.to_string()).await
    }

    pub async fn post(
        &self,
        path: &str,
        kind: &str,
        body: &str,
    ) -> (u16, reqwest::header::HeaderMap, Value) {
        let request = self.http.post(format!("{}{path}", self.url)).header("content-type", kind);
        let request = match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        };
        match request.body(body.to_owned()).send().await {
            Ok(reply) => {
                let (status, headers) = (reply.status().as_u16(), reply.headers().clone());
                let text = reply.text().await.unwrap_or_default();
                (status, headers, serde_json::from_str(&text).unwrap_or(Value::String(text)))
            }
            Err(error) => (0, Default::default(), Value::String(error.to_string())),
        }
    }

    pub async fn get(&self, path: &str) -> (u16, String) {
        let reply = self.http.get(format!("{}{path}", self.url)).send().await.unwrap();
        (reply.status().as_u16(), reply.text().await.unwrap())
    }

    /// The value of a line of `/metrics`; 0 where it is not there.
    pub async fn metric(&self, name: &str) -> f64 {
        let (_, page) = self.get("/metrics").await;
        let line = page.lines().find_map(|line| line.strip_prefix(name));
        line.map_or(0.0, |value| value.trim().parse().unwrap())
    }
}

/// The turn that calls for picture `n` (from 0).
pub fn call_turn(n: usize, caption: &str) -> String {
    let call = format!(
        "<tool_call>\n{{\"name\": \"image_generation_tool\", \"arguments\": {{\"caption\": {}}}}}\n</tool_call>",
        json!(caption)
    );
    match n {
        0 => format!("<think>It wants this.</think> {call}"),
        _ => format!("<judge>\nNot yet.\n</judge>\n<think>\nOnce more.\n</think>\n{call}"),
    }
}

/// A rollout that calls for each of `rounds` (caption, digest) and ends on `last`.
pub fn rollout(
    id: &str,
    prompt: &str,
    rounds: &[(String, String)],
    last: &str,
    ended: &str,
) -> Value {
    let mut turns: Vec<String> =
        rounds.iter().enumerate().map(|(n, (caption, _))| call_turn(n, caption)).collect();
    turns.push(last.to_owned());
    let rounds: Vec<Value> = rounds
        .iter()
        .map(|(caption, digest)| json!({"caption": caption, "digest": digest}))
        .collect();
    json!({"id": id, "prompt": prompt, "turns": turns, "rounds": rounds, "ended": ended, "step": 7})
}
