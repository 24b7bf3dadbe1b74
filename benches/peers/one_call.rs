//! The calls of a one-call run as a script makes them, by asyncio and aiohttp: the same texts, as many at once.

use coldstart::call::Request;
use coldstart::journal::{Entry, ReadJournal};
use coldstart::record::{Part, Speaker};
use coldstart::store::Store;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::Command;

/// What the script took.
pub struct Peer {
    /// Seconds.
    pub wall: f64,
    /// Seconds, its interpreter's start included.
    pub cpu: f64,
}

/// Makes the calls that the RUN at `run` has journaled, at the world at `url`; or why not: mostly since PYTHON has no
/// aiohttp.
pub async fn peer(run: &Path, folder: &Path, url: &str) -> Result<Peer, String> {
    let (asked, replies) = (folder.join("asked.jsonl"), folder.join("replies.jsonl"));
    let mut file = std::io::BufWriter::new(std::fs::File::create(&asked).expect("creates"));
    let store = Store::open(run.to_str().expect("UTF-8")).expect("opens");
    let journal = ReadJournal::open(&store).await.expect("opens");
    let mut put = |entry: Entry, _| {
        if let Some(body) = body(&entry.request) {
            writeln!(file, "{body}").expect("writes");
        }
    };
    journal.scan(&mut put).await.expect("scans");
    file.flush().expect("writes");
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/one_call.py");
    let mut command = Command::new(python);
    command.arg(script).arg(url).arg(asked).arg(replies);
    let ended = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic");
    let ended = ended.map_err(|e| e.to_string())?;
    let said = String::from_utf8_lossy(&ended.stdout);
    let mut numbers = said.split_whitespace().flat_map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(wall), Some(cpu)) => Ok(Peer { wall, cpu }),
        _ => {
            let errors = String::from_utf8_lossy(&ended.stderr);
            Err(errors.lines().last().unwrap_or("it says nothing").to_owned())
        }
    }
}

/// The body of a chat request without pictures.
fn body(request: &Request) -> Option<Value> {
    let Request::Chat(chat) = request else { return None };
    let messages = chat.messages.iter().map(|message| {
        let role = match message.speaker {
            Speaker::System => "system",
            Speaker::User => "user",
            Speaker::Assistant => "assistant",
        };
        let text = message.parts.iter().map(|part| match part {
            Part::Text(text) => text.as_str(),
            Part::Image(_) => "",
        });
        json!({"role": role, "content": text.collect::<String>()})
    });
    Some(json!({"model": chat.model, "messages": messages.collect::<Vec<_>>()}))
}
