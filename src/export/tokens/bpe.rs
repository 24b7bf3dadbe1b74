//! Byte-pair encoding by a Hugging Face `tokenizer.json`, for counting only.

use crate::export::tokens::pieces::{PATTERN, pieces};
use crate::record::Cause;
use parking_lot::Mutex;
use serde_json::Value;
use std::collections::HashMap;
use unicode_normalization::UnicodeNormalization;

/// A file that is no tokenizer this code can count with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the tokenizer file cannot be used: {0}")]
pub struct TokenizerError(#[source] Cause);

/// A byte-level BPE tokenizer of the Qwen2 family.
pub struct Tokenizer {
    /// Ids of the 256 single bytes.
    bytes: [u32; 256],
    /// Two neighbours' ids to rank and joined id.
    merges: HashMap<(u32, u32), (u32, u32)>,
    /// Whole strings that are one token each, longest first.
    added: Vec<String>,
    /// Counts of pieces met before; bounded.
    seen: Mutex<HashMap<String, u32>>,
}

const SEEN: usize = 1 << 16;

impl Tokenizer {
    /// From the text of a `tokenizer.json` whose model is byte-level BPE with Qwen2's
    /// pre-tokenizer (all Qwen2, Qwen2.5, Qwen3 and their VL models).
    pub fn from_json(json: &[u8]) -> Result<Tokenizer, TokenizerError> {
        let wrong = |what: &str| TokenizerError(what.into());
        let file: Value =
            serde_json::from_slice(json).map_err(|e| TokenizerError(Cause::new(e)))?;
        if !file["pre_tokenizer"].to_string().contains(&Value::from(PATTERN).to_string()) {
            return Err(wrong("its pre-tokenizer is not Qwen2's"));
        }
        let vocab = file["model"]["vocab"].as_object().ok_or_else(|| wrong("no `model.vocab`"))?;
        let id =
            |token: &str| {
                vocab.get(token).and_then(Value::as_u64).map(|id| id as u32).ok_or_else(|| {
                    TokenizerError(format!("`{token}` is not in its vocabulary").into())
                })
            };
        let mut bytes = [0; 256];
        for (byte, slot) in bytes.iter_mut().enumerate() {
            *slot = id(&byte_char(byte as u8).to_string())?;
        }
        let list = file["model"]["merges"].as_array().ok_or_else(|| wrong("no `model.merges`"))?;
        let mut merges = HashMap::with_capacity(list.len());
        for (rank, merge) in list.iter().enumerate() {
            let (left, right) = pair(merge).ok_or_else(|| wrong("a merge is not two tokens"))?;
            let joined = id(&format!("{left}{right}"))?;
            merges.insert((id(left)?, id(right)?), (rank as u32, joined));
        }
        let added = file["added_tokens"].as_array().into_iter().flatten();
        let mut added: Vec<String> = added
            .filter_map(|token| token["content"].as_str())
            .filter(|token| !token.is_empty())
            .map(str::to_string)
            .collect();
        added.sort_by_key(|token| std::cmp::Reverse(token.len()));
        Ok(Tokenizer { bytes, merges, added, seen: Mutex::default() })
    }

    /// The number of tokens of `text`; added tokens in it count one each.
    pub fn count(&self, text: &str) -> u32 {
        let text: String = text.nfc().collect();
        let mut sum = 0;
        let mut plain = 0;
        let mut at = 0;
        while at < text.len() {
            let rest = &text[at..];
            match self.added.iter().find(|token| rest.starts_with(token.as_str())) {
                Some(token) => {
                    sum += self.count_plain(&text[plain..at]) + 1;
                    at += token.len();
                    plain = at;
                }
                None => at += rest.chars().next().map_or(1, char::len_utf8),
            }
        }
        sum + self.count_plain(&text[plain..])
    }

    fn count_plain(&self, text: &str) -> u32 {
        pieces(text).map(|piece| self.count_piece(piece)).sum()
    }

    fn count_piece(&self, piece: &str) -> u32 {
        if let Some(count) = self.seen.lock().get(piece) {
            return *count;
        }
        let count = self.merge(piece);
        if piece.len() <= 64 {
            let mut seen = self.seen.lock();
            if seen.len() >= SEEN {
                seen.clear();
            }
            seen.insert(piece.to_string(), count);
        }
        count
    }

    /// Joins the neighbours of lowest rank until none can be joined. A piece is at most some
    /// kilobytes of symbols, so the plain quadratic way will do, under a bound.
    fn merge(&self, piece: &str) -> u32 {
        // A megabyte of one symbol is an attack; it is counted in parts.
        let parts = piece.as_bytes().chunks(1 << 10);
        parts.map(|part| self.merge_part(part)).sum()
    }

    fn merge_part(&self, part: &[u8]) -> u32 {
        let mut ids: Vec<u32> = part.iter().map(|byte| self.bytes[usize::from(*byte)]).collect();
        loop {
            let best = ids
                .windows(2)
                .enumerate()
                .filter_map(|(at, two)| {
                    let (rank, joined) = self.merges.get(&(two[0], two[1]))?;
                    Some((*rank, at, *joined))
                })
                .min();
            let Some((_, at, joined)) = best else { return ids.len() as u32 };
            ids[at] = joined;
            ids.remove(at + 1);
        }
    }
}

/// A merge as `"a b"` or `["a", "b"]`.
fn pair(merge: &Value) -> Option<(&str, &str)> {
    match merge {
        Value::String(text) => text.split_once(' '),
        Value::Array(two) => Some((two.first()?.as_str()?, two.get(1)?.as_str()?)),
        _ => None,
    }
}

/// GPT-2's character for a byte: printable Latin-1 stands for itself, the rest from U+0100 on.
fn byte_char(byte: u8) -> char {
    let printable = |b: u8| matches!(b, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    if printable(byte) {
        return char::from(byte);
    }
    let before = (0..byte).filter(|b| !printable(*b)).count() as u32;
    char::from_u32(256 + before).unwrap_or('\u{100}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tiny() -> Tokenizer {
        let mut vocab = serde_json::Map::new();
        for byte in 0..=255u8 {
            vocab.insert(byte_char(byte).to_string(), json!(byte));
        }
        for (n, token) in ["he", "ll", "hell", "Ġhell"].iter().enumerate() {
            vocab.insert(token.to_string(), json!(256 + n));
        }
        let file = json!({
            "pre_tokenizer": {"pretokenizers": [{"pattern": {"Regex": PATTERN}}]},
            "added_tokens": [{"content": "<tool_call>"}],
            "model": {"vocab": vocab, "merges": ["h e", ["l", "l"], "he ll", "Ġ hell"]},
        });
        Tokenizer::from_json(file.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn merges_go_by_rank_and_added_tokens_are_whole() {
        let tiny = tiny();
        assert_eq!(tiny.count("hello"), 2);
        assert_eq!(tiny.count("hello hello"), 4);
        // `</tool_call>` is no added token of this file: twelve bytes, of which `ll` is one token.
        assert_eq!(tiny.count("<tool_call>hell</tool_call>"), 1 + 1 + 11);
        assert_eq!(tiny.count("é"), 2);
        assert_eq!(byte_char(b' '), 'Ġ');
    }

    #[test]
    fn other_tokenizers_are_refused() {
        let other = json!({"pre_tokenizer": {"type": "Whitespace"}, "model": {}});
        let error = Tokenizer::from_json(other.to_string().as_bytes()).err().unwrap();
        assert!(error.to_string().contains("pre-tokenizer"));
    }
}
