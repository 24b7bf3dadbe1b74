//! What an image server says of its own picture: safety flags in the spellings of all, and reasons
//! for a job that failed.
//!
//! A filter's blank comes with status 200 beside such a flag; read as a picture it would be judged,
//! shown and trained on. Keys are compared in lower case without `_` and `-`, wherever they stand in
//! the answer but for what only repeats the request.

use crate::call::http::{excerpt, speaks_of_policy};
use serde_json::Value;

/// True, or true for one of several pictures, means: withheld. fal (`has_nsfw_concepts`), Together and
/// others (`nsfw`), diffusers (`nsfw_content_detected`), OpenAI's moderation (`flagged`), Azure
/// (`filtered`), vLLM-Omni (`content_filtered`).
const FLAGS: [&str; 20] = [
    "nsfw",
    "isnsfw",
    "hasnsfw",
    "hasnsfwconcept",
    "hasnsfwconcepts",
    "hasnsfwcontent",
    "nsfwdetected",
    "nsfwcontentdetected",
    "nsfwfiltered",
    "flagged",
    "safetyflagged",
    "moderated",
    "ismoderated",
    "filtered",
    "contentfiltered",
    "blocked",
    "isblocked",
    "unsafe",
    "isunsafe",
    "censored",
];
/// False means: withheld.
const SAFE: [&str; 4] = ["issafe", "safe", "passedsafety", "safetypassed"];
/// A word that says why: it counts when it speaks of policy.
const REASONS: [&str; 6] =
    ["finishreason", "status", "state", "filterreason", "moderationreason", "contentfilterreason"];
/// Any word there is a reason (Imagen, Gemini).
const ALWAYS: [&str; 4] =
    ["raifilteredreason", "raimediafilteredreasons", "blockreason", "refusal"];
/// What only repeats the request.
const ECHOES: [&str; 7] =
    ["input", "request", "parameters", "params", "config", "prompt", "settings"];
const DEEPEST: u32 = 6;

/// Why the server withheld the picture of `answer`, in its own words; None when it says no such thing.
pub fn withheld(answer: &Value) -> Option<String> {
    at(answer, DEEPEST).map(|said| excerpt(&said, 300))
}

fn at(value: &Value, left: u32) -> Option<String> {
    let next = left.checked_sub(1)?;
    match value {
        Value::Array(items) => items.iter().find_map(|item| at(item, next)),
        Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            let key: String = name.to_lowercase().chars().filter(|c| !"_-".contains(*c)).collect();
            let key = key.as_str();
            if ECHOES.contains(&key) {
                return None;
            }
            let word = value.as_str().unwrap_or_default();
            let says = (FLAGS.contains(&key) && is(value, true))
                || (SAFE.contains(&key) && is(value, false))
                || (REASONS.contains(&key) && speaks_of_policy(word))
                || (ALWAYS.contains(&key) && is_some(value));
            if says { Some(format!("{name}: {}", plain(value))) } else { at(value, next) }
        }),
        _ => None,
    }
}

/// Whether `value` is that truth, or is a list (or map) that holds it.
fn is(value: &Value, truth: bool) -> bool {
    match value {
        Value::Bool(b) => *b == truth,
        Value::Number(n) => n.as_f64() == Some(if truth { 1.0 } else { 0.0 }),
        Value::String(word) => match truth {
            true => matches!(word.to_lowercase().as_str(), "true" | "yes"),
            false => matches!(word.to_lowercase().as_str(), "false" | "no"),
        },
        Value::Array(items) => items.iter().any(|item| is(item, truth)),
        Value::Object(fields) => fields.values().any(|item| is(item, truth)),
        Value::Null => false,
    }
}

fn is_some(value: &Value) -> bool {
    match value {
        Value::String(word) => !word.trim().is_empty(),
        Value::Array(items) => items.iter().any(is_some),
        _ => false,
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The reason of a job that failed, if it is the content that the server refused.
pub fn refusal_of(answer: &Value) -> Option<String> {
    let places = ["/error/message", "/error/detail", "/error", "/detail", "/message", "/details"];
    let said = places.iter().filter_map(|place| answer.pointer(place)).map(plain);
    let why = said.into_iter().find(|said| speaks_of_policy(said));
    why.map(|why| excerpt(&why, 300))
}

#[cfg(test)]
mod tests {
    use super::{refusal_of, withheld};
    use serde_json::{Value, json};

    #[test]
    fn flags_are_read_in_every_spelling() {
        let said: [Value; 12] = [
            json!({"images": [{"url": "x"}], "has_nsfw_concepts": [true]}),
            json!({"data": [{"url": "x", "nsfw": true}]}),
            json!({"data": [{"b64_json": "x", "is_nsfw": 1}]}),
            json!({"nsfw_content_detected": [false, true]}),
            json!({"data": [{"finish_reason": "CONTENT_FILTERED"}]}),
            json!({"artifacts": [{"finishReason": "NSFW"}]}),
            json!({"predictions": [{"raiFilteredReason": "blocked by filter 29310472"}]}),
            json!({"promptFeedback": {"blockReason": "SAFETY"}}),
            json!({"data": [{"content_filter_results": {"sexual": {"filtered": true}}}]}),
            json!({"candidates": [{"finishReason": "IMAGE_SAFETY"}]}),
            json!({"is_safe": false}),
            json!({"status": "Content Moderated"}),
        ];
        for answer in said {
            assert!(withheld(&answer).is_some(), "{answer}");
        }
        let well: [Value; 7] = [
            json!({"images": [{"url": "x"}], "has_nsfw_concepts": [false]}),
            json!({"data": [{"url": "x", "nsfw": null, "is_safe": true, "safe": true}]}),
            json!({"status": "succeeded", "error": null, "output": ["x"]}),
            json!({"input": {"nsfw": true, "prompt": "blocked"}, "filtered": {"hate": false}}),
            json!({"prompt_filter_results": [{"content_filter_results": {"hate": {"filtered": false}}}]}),
            json!({"data": [{"finish_reason": "SUCCESS", "revised_prompt": "a safe cat"}]}),
            json!({"nsfw_score": 0.9, "raiFilteredReason": ""}),
        ];
        for answer in well {
            assert_eq!(withheld(&answer), None, "{answer}");
        }
    }

    #[test]
    fn only_a_reason_of_content_is_a_refusal() {
        let nsfw = "NSFW content detected. Try running it again, or try a different prompt.";
        assert!(refusal_of(&json!({"status": "failed", "error": nsfw})).is_some());
        assert!(
            refusal_of(&json!({"error": {"message": "violates our content policy"}})).is_some()
        );
        assert_eq!(refusal_of(&json!({"status": "failed", "error": "CUDA out of memory"})), None);
        assert_eq!(refusal_of(&json!({"status": "failed", "error": null})), None);
    }
}
