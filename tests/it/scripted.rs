//! A server that says what a script tells it to: whole answers, cut ones, stalls, drips, resets.
//!
//! It speaks plain TCP, since what is tested are the answers that no proper HTTP library would send.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// One answer.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Answer {
    pub status: Option<u16>,
    pub headers: std::collections::BTreeMap<String, String>,
    pub body: String,
    /// Payloads of an event stream, instead of `body`.
    pub sse: Vec<String>,
    /// The body is the test's picture, raw.
    pub raw_png: bool,
    /// Close after so many bytes of the body.
    pub cut: Option<usize>,
    /// Close before any byte of the answer.
    pub reset: bool,
    /// Send this much of the body, then nothing for long.
    pub stall: Option<usize>,
    /// Send the body byte by byte.
    pub drip: bool,
    /// Take the request and say nothing for long.
    pub mute: bool,
}

/// One request, as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    /// `POST /v1/chat/completions`
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// The server; it stops with the runtime.
pub struct Scripted {
    pub base: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Scripted {
    /// Answers the n-th request by the n-th answer; after the last one, by 500. In bodies and
    /// headers `{{base}}` is the server's root, `{{png}}` the base64 of `png()`, `{{job}}` the job that a
    /// history is asked for.
    pub async fn start(answers: Vec<Answer>) -> Scripted {
        Scripted::on(TcpListener::bind("127.0.0.1:0").await.expect("a port"), answers)
    }

    /// As `start`, at a port that the test has opened.
    pub fn on(listener: TcpListener, answers: Vec<Answer>) -> Scripted {
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let script = Arc::new(Mutex::new(VecDeque::from(answers)));
        let server = Scripted { base: base.clone(), seen: seen.clone() };
        coldstart::env::Env::real().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, seen, base) = (script.clone(), seen.clone(), base.clone());
                coldstart::env::Env::real().spawn(async move {
                    let _ = serve(stream, &script, &seen, &base).await;
                });
            }
        });
        server
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no panic").clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    script: &Mutex<VecDeque<Answer>>,
    seen: &Mutex<Vec<Seen>>,
    base: &str,
) -> std::io::Result<()> {
    let request = read(&mut stream).await?;
    // ComfyUI's jobs are named by the client: an answer must know the name.
    let job = request.line.strip_prefix("GET /history/").map(str::to_owned);
    seen.lock().expect("no panic").push(request);
    let over = Answer { status: Some(500), body: "the script is over".into(), ..Answer::default() };
    let answer = script.lock().expect("no panic").pop_front().unwrap_or(over);
    if answer.reset {
        return Ok(());
    }
    if answer.mute {
        coldstart::env::Env::real().sleep(Duration::from_secs(60)).await;
    }
    let (head, body) = written(&answer, base, &job.unwrap_or_default());
    stream.write_all(head.as_bytes()).await?;
    let body = &body[..answer.cut.unwrap_or(body.len()).min(body.len())];
    if answer.drip {
        for byte in body {
            stream.write_all(&[*byte]).await?;
            tokio::task::yield_now().await;
        }
    } else if let Some(stall) = answer.stall {
        stream.write_all(&body[..stall.min(body.len())]).await?;
        coldstart::env::Env::real().sleep(Duration::from_secs(60)).await;
    } else {
        stream.write_all(body).await?;
    }
    stream.shutdown().await
}

async fn read(stream: &mut TcpStream) -> std::io::Result<Seen> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let mut lines = head.split("\r\n");
            let line = lines.next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
            let headers: Vec<(String, String)> = lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect();
            let length = headers.iter().find(|(name, _)| name == "content-length");
            let length: usize = length.and_then(|(_, v)| v.parse().ok()).unwrap_or(0);
            if bytes.len() >= end + 4 + length {
                return Ok(Seen { line, headers, body: bytes[end + 4..].to_vec() });
            }
        }
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&buffer[..n]);
    }
}

fn written(answer: &Answer, base: &str, job: &str) -> (String, Vec<u8>) {
    let fill = |text: &str| {
        let text = text.replace("{{base}}", base).replace("{{job}}", job);
        match text.contains("{{png}}") {
            true => text.replace("{{png}}", &base64_simd::STANDARD.encode_to_string(png())),
            false => text,
        }
    };
    let mut kind = "application/json";
    let body = if answer.raw_png {
        kind = "image/png";
        png()
    } else if answer.sse.is_empty() {
        fill(&answer.body).into_bytes()
    } else {
        kind = "text/event-stream";
        let event = |data: &String| match data.strip_prefix('!') {
            // A line that is not data: a comment, an event's name.
            Some(line) => format!("{line}\n"),
            None => format!("data: {}\n\n", fill(data)),
        };
        answer.sse.iter().map(event).collect::<String>().into_bytes()
    };
    let status = answer.status.unwrap_or(200);
    let mut head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n");
    if !answer.headers.contains_key("content-type") {
        head.push_str(&format!("content-type: {kind}\r\n"));
    }
    if answer.sse.is_empty() && !answer.headers.contains_key("content-length") {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {}\r\n", fill(value)));
    }
    head.push_str("\r\n");
    (head, body)
}

/// A picture of 32 x 16 pixels.
pub fn png() -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, 32, 16);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().expect("a header");
    writer.write_image_data(&[200; 32 * 16 * 3]).expect("pixels");
    writer.finish().expect("an end");
    out
}
