//! A chat request as the simulated models read it: the task line, the tagged passages, the images.

use crate::sim::World;
use bytes::Bytes;

/// What a conversation holds, whatever wire format it came in.
#[derive(Debug, Clone, Default)]
pub struct Chat {
    pub model: String,
    pub system: String,
    /// All user text, images as line breaks.
    pub user: String,
    /// Encoded pictures in the order they stand.
    pub images: Vec<Bytes>,
    /// The sampling seed, if one was sent.
    pub seed: Option<i64>,
    /// Turns of the model's own: it is asked again, with its reply and what was wrong.
    pub again: usize,
}

/// A line `- id: text` of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    pub id: &'a str,
    pub text: &'a str,
    /// From a trailing `(expected: …)`.
    pub expected: &'a str,
}

impl Chat {
    /// The word after `# Task:` in the first system line.
    pub fn task(&self) -> &str {
        let line = self.system.trim_start().lines().next().unwrap_or_default();
        line.strip_prefix("# Task:").map(str::trim).unwrap_or_default()
    }

    /// What stands between `<name>` and its closing tag, trimmed; empty if there is none.
    pub fn tag(&self, name: &str) -> &str {
        let open = format!("<{name}>");
        let close = format!("</{name}>");
        let Some(start) = self.user.find(&open).map(|at| at + open.len()) else { return "" };
        let end = self.user[start..].find(&close).map_or(self.user.len(), |at| start + at);
        self.user[start..end].trim()
    }

    /// What a fresh draw depends on besides the words: the seed, and how often it was asked again.
    pub fn draw(&self) -> String {
        match (self.seed.unwrap_or(0), self.again) {
            (seed, 0) => seed.to_string(),
            (seed, again) => format!("{seed}, asked again {again}"),
        }
    }

    /// Names this look: another role, model, wording, order of questions or draw is another one.
    pub fn look(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for part in [&self.model, self.task(), &self.user, &self.draw()] {
            hasher.update(part.as_bytes()).update(b"\n");
        }
        hasher.finalize().to_hex()[..32].to_owned()
    }

    /// Whether this reply cannot be read; told so, a model answers in the form asked for.
    pub fn unparsed(&self, world: &World) -> bool {
        self.again == 0 && world.rng(&["unparsed", &self.look()]).chance(world.unparsed)
    }

    /// The model's family: models of one maker see alike (`Qwen3-VL-30B` and `Qwen3-VL-235B`).
    pub fn family(&self) -> &str {
        let end = self.model.find(|c: char| !c.is_ascii_alphabetic());
        &self.model[..end.unwrap_or(self.model.len())]
    }

    /// The user's request, without the agent's `Prompt: `.
    pub fn request(&self) -> &str {
        let text = self.tag("request");
        text.strip_prefix("Prompt:").unwrap_or(text).trim()
    }

    /// The entries of a tagged list.
    pub fn entries(&self, name: &str) -> Vec<Entry<'_>> {
        self.tag(name).lines().filter_map(entry).collect()
    }
}

fn entry(line: &str) -> Option<Entry<'_>> {
    let (id, rest) = line.trim().strip_prefix("- ")?.split_once(": ")?;
    let (text, expected) = match rest.rfind("(expected:") {
        Some(at) => (rest[..at].trim(), rest[at + 10..].trim().trim_end_matches(')')),
        None => (rest.trim(), ""),
    };
    Some(Entry { id, text, expected })
}
