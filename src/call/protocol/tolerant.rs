//! JSON as servers write it: numbers that are none, halves of characters, raw bytes.
//!
//! Clients in Python and JavaScript swallow `-Infinity`, a lone `\ud83c` and a raw line break in a
//! string, so servers send them. What is cut over two chunks (each with half of a surrogate pair, or
//! some bytes of a character) waits as characters of a private plane until its other half has come.

use serde::Deserialize;

/// Stand-ins for the halves of a surrogate pair: U+10D800 to U+10DFFF.
const HALVES: u32 = 0x10_0000;
/// Stand-ins for single bytes that are no UTF-8: U+10EE00 to U+10EEFF.
const BYTES: u32 = 0x10_EE00;

/// `data` as JSON that a strict reader takes, where only known habits keep it from being so; None
/// when nothing was to be mended.
pub fn mend(data: &[u8]) -> Option<Vec<u8>> {
    let mut text = String::with_capacity(data.len() + 16);
    for chunk in data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data).utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().filter_map(|b| char::from_u32(BYTES + u32::from(*b))));
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    let mut quoted = false;
    while let Some(first) = rest.chars().next() {
        let (taken, put) = if quoted { in_string(rest, first) } else { outside(rest, first) };
        quoted ^= first == '"';
        match put {
            Some(put) => out.push_str(&put),
            None => out.push_str(&rest[..taken]),
        }
        rest = &rest[taken..];
    }
    (out.as_bytes() != data).then(|| out.into_bytes())
}

/// As `mend`, where `data` holds halves of a pair that a reader may pass over unseen.
fn mend_halves(data: &[u8]) -> Option<Vec<u8>> {
    let half = |at: usize| matches!(data[at..], [_, b'u', b'd' | b'D', ..]);
    if memchr::memchr_iter(b'\\', data).any(half) { mend(data) } else { None }
}

/// Room for what a reading had to mend, from which its result borrows.
#[derive(Default)]
pub struct Mended {
    halves: Option<Vec<u8>>,
    whole: Option<Vec<u8>>,
}

impl Mended {
    /// What the JSON `data` says, as it is or mended, and whether it had to be mended.
    pub fn read<'a, T: Deserialize<'a>>(
        &'a mut self,
        data: &'a [u8],
    ) -> Result<(T, bool), serde_json::Error> {
        let Mended { halves, whole } = self;
        *halves = mend_halves(data);
        let mended = halves.is_some();
        let data = halves.as_deref().unwrap_or(data);
        match serde_json::from_slice(data) {
            Ok(said) => Ok((said, mended)),
            Err(error) => {
                *whole = mend(data);
                let whole = whole.as_deref().ok_or(error)?;
                Ok((serde_json::from_slice(whole)?, true))
            }
        }
    }
}

/// Bytes taken, and what stands in their place if it is something else.
fn outside(rest: &str, first: char) -> (usize, Option<String>) {
    let odd = ["NaN", "-Infinity", "Infinity"].into_iter().find(|word| rest.starts_with(word));
    match odd {
        Some(word) => (word.len(), Some("null".to_owned())),
        None => (first.len_utf8(), None),
    }
}

fn in_string(rest: &str, first: char) -> (usize, Option<String>) {
    match first {
        '\\' => match half(rest) {
            Some(high)
                if is_high(high) && half(rest.get(6..).unwrap_or_default()).is_some_and(is_low) =>
            {
                (12, None)
            }
            Some(half) if is_high(half) || is_low(half) => {
                (6, char::from_u32(HALVES + half).map(String::from))
            }
            _ => (1 + rest[1..].chars().next().map_or(0, char::len_utf8), None),
        },
        c if u32::from(c) < 0x20 => (1, Some(format!("\\u{:04x}", u32::from(c)))),
        c => (c.len_utf8(), None),
    }
}

/// The value of `\uXXXX` at the head of `text`.
fn half(text: &str) -> Option<u32> {
    u32::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

fn is_high(half: u32) -> bool {
    (0xD800..0xDC00).contains(&half)
}

fn is_low(half: u32) -> bool {
    (0xDC00..0xE000).contains(&half)
}

/// `text` with the halves that `mend` set apart put together; one without its other half is U+FFFD.
pub fn rejoin(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut bytes: Vec<u8> = Vec::new();
    let mut high: Option<u32> = None;
    for c in text.chars() {
        let code = u32::from(c);
        let byte = code.checked_sub(BYTES).and_then(|b| u8::try_from(b).ok());
        let half = code.checked_sub(HALVES).filter(|h| is_high(*h) || is_low(*h));
        if byte.is_none() && !bytes.is_empty() {
            out.push_str(&String::from_utf8_lossy(&std::mem::take(&mut bytes)));
        }
        if let (Some(first), Some(second)) = (high, half.filter(|h| is_low(*h))) {
            let whole = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
            out.extend(char::from_u32(whole));
            high = None;
            continue;
        }
        if high.take().is_some() {
            out.push(char::REPLACEMENT_CHARACTER);
        }
        match (byte, half) {
            (Some(byte), _) => bytes.push(byte),
            (None, Some(half)) if is_high(half) => high = Some(half),
            (None, Some(_)) => out.push(char::REPLACEMENT_CHARACTER),
            (None, None) => out.push(c),
        }
    }
    if high.is_some() {
        out.push(char::REPLACEMENT_CHARACTER);
    }
    out.push_str(&String::from_utf8_lossy(&bytes));
    out
}

#[cfg(test)]
mod tests {
    use super::{mend, rejoin};
    use proptest::prelude::*;
    use serde_json::Value;

    fn read(data: &[u8]) -> Value {
        let mended = mend(data).unwrap_or_else(|| data.to_vec());
        serde_json::from_slice(&mended).unwrap_or_else(|e| panic!("{e}: {mended:?}"))
    }

    #[test]
    fn what_python_swallows_is_read() {
        let value = read(b"{\"a\":-Infinity,\"b\":[NaN,Infinity],\"c\":\"NaN \\\" -Infinity\"}");
        assert_eq!(value["c"], "NaN \" -Infinity");
        assert_eq!(read(b"\xef\xbb\xbf{\"a\":\"x\ny\"}")["a"], "x\ny");
        assert_eq!(mend(br#"{"a":"\ud83c\udf88"}"#), None);
        assert_eq!(mend(r#"{"a":"é\n"}"#.as_bytes()), None);
    }

    #[test]
    fn a_half_without_its_other_half_is_replaced() {
        let half = read(br#"{"a":"x\ud83cy"}"#);
        assert_eq!(rejoin(half["a"].as_str().unwrap_or_default()), "x\u{fffd}y");
        let bytes = read(b"{\"a\":\"x\xf0\x9fy\"}");
        assert_eq!(rejoin(bytes["a"].as_str().unwrap_or_default()), "x\u{fffd}y");
    }

    proptest! {
        /// However the UTF-16 or UTF-8 of a text is cut in two, the parts are the text again.
        #[test]
        fn cuts_within_a_character_are_joined(text in "[a\u{e9}\u{4e2d}\u{1f388}\u{1f600}]{0,12}", at in 0..60usize) {
            let units: Vec<u16> = text.encode_utf16().collect();
            let at16 = at.min(units.len());
            let escaped = |units: &[u16]| {
                let body: String = units.iter().map(|u| format!("\\u{u:04x}")).collect();
                read(format!("\"{body}\"").as_bytes()).as_str().unwrap_or_default().to_owned()
            };
            prop_assert_eq!(rejoin(&(escaped(&units[..at16]) + &escaped(&units[at16..]))), text.clone());
            let bytes = text.as_bytes();
            let at8 = at.min(bytes.len());
            let raw = |part: &[u8]| {
                let body = [b"\"", part, b"\""].concat();
                read(&body).as_str().unwrap_or_default().to_owned()
            };
            prop_assert_eq!(rejoin(&(raw(&bytes[..at8]) + &raw(&bytes[at8..]))), text);
        }

        #[test]
        fn nothing_breaks_it(data: Vec<u8>) {
            let mended = mend(&data).unwrap_or(data);
            rejoin(&String::from_utf8_lossy(&mended));
        }
    }
}
