//! How many tokens a conversation takes in training: text by the trainer's own tokenizer file,
//! images by Qwen2.5-VL's rule.
//!
//! A cut row is worse than a missing one (it keeps its images and stops the run), so lengths are known
//! before anything is written.

mod bpe;
mod pieces;

pub use bpe::{Tokenizer, TokenizerError};
pub use pieces::PATTERN;

use crate::export::conversation::{Dialect, Speaker, Turn};
use crate::record::ImageRef;

/// A side of the patch group that makes one image token (14-pixel patches, merged 2 x 2).
const PATCH: u32 = 28;

/// The processor's own floor of pixels.
const MIN_PIXELS: f64 = 56.0 * 56.0;

/// The processor's own ceiling, which holds after the trainer has scaled the image down.
const CEILING: f64 = 12_845_056.0;

/// The tokens of an image of `width` x `height` pixels that is scaled down to `max_pixels` first,
/// with the two that enclose it, as LLaMAFactory has it: to `max_pixels` first, then to whole patches.
/// verl, ms-swift and TRL bound the whole patches instead, which never makes more.
/// None when its sides' ratio is over 200: the processor refuses it.
pub fn image_tokens(width: u32, height: u32, max_pixels: u64) -> Option<u32> {
    let (mut width, mut height) = (f64::from(width), f64::from(height));
    if width < 1.0 || height < 1.0 || width.max(height) / width.min(height) > 200.0 {
        return None;
    }
    let max = max_pixels as f64;
    if width * height > max {
        let scale = (max / (width * height)).sqrt();
        (width, height) = ((width * scale).floor(), (height * scale).floor());
    }
    let side = f64::from(PATCH);
    (width, height) = (width.max(side), height.max(side));
    let round = |n: f64| ((n / side).round_ties_even() * side).max(side);
    let (mut w, mut h) = (round(width), round(height));
    if w * h > CEILING {
        let beta = (width * height / CEILING).sqrt();
        let fit = |n: f64| ((n / beta / side).floor() * side).max(side);
        (w, h) = (fit(width), fit(height));
    } else if w * h < MIN_PIXELS {
        let beta = (MIN_PIXELS / (width * height)).sqrt();
        let fit = |n: f64| (n * beta / side).ceil() * side;
        (w, h) = (fit(width), fit(height));
    }
    Some((w / side * h / side) as u32 + 2)
}

/// What Qwen's chat templates put behind the system turn for the tool of format v1.
const QWEN_TOOLS: &str = include_str!("../../../data/export/qwen_tools.txt");

/// How texts are measured.
pub enum Measure {
    Exact(Box<Tokenizer>),
    /// No tokenizer file was given: see `estimate`.
    Estimate,
}

impl Measure {
    /// The tokens of a turn's text; an `<image>` in it parts what is before from what is behind, and
    /// counts nothing itself.
    pub fn text(&self, text: &str) -> u32 {
        text.split("<image>").map(|part| self.part(part)).sum()
    }

    fn part(&self, text: &str) -> u32 {
        match self {
            Measure::Exact(tokenizer) => tokenizer.count(text),
            Measure::Estimate => estimate(text),
        }
    }

    /// One turn's text in Qwen's chat form: five tokens around it, and in the native dialect what
    /// the trainer's template adds.
    pub fn turn(&self, speaker: Speaker, text: &str, dialect: Dialect) -> u32 {
        let added = match (dialect, speaker) {
            (Dialect::Native, Speaker::System) => format!("{text}{QWEN_TOOLS}"),
            (Dialect::Native, Speaker::Observation) => {
                format!("<tool_response>\n{text}\n</tool_response>")
            }
            _ => return 5 + self.text(text),
        };
        5 + self.text(&added)
    }

    /// A conversation in Qwen's chat form. None when an image cannot be used.
    pub fn turns(&self, turns: &[Turn], dialect: Dialect, max_pixels: u64) -> Option<u32> {
        let mut sum = 0;
        for turn in turns {
            sum += self.turn(turn.speaker, &turn.text, dialect);
            for ImageRef { width, height, .. } in &turn.images {
                sum += image_tokens(*width, *height, max_pixels)?;
            }
        }
        Some(sum)
    }
}

/// More tokens than Qwen2's tokenizer makes of prose: three Latin letters or spaces to a token, any
/// other letter one, digits and signs of ASCII one each, all else three.
fn estimate(text: &str) -> u32 {
    let mut thirds = 0u32;
    for c in text.chars() {
        thirds += match c {
            'a'..='z' | 'A'..='Z' | ' ' => 1,
            c if c.is_ascii() || c.is_alphabetic() => 3,
            _ => 9,
        };
    }
    thirds.div_ceil(3)
}

#[cfg(test)]
mod tests {
    use super::{estimate, image_tokens};

    /// Counts on the right are those of Qwen2's tokenizer.
    #[test]
    fn the_estimate_is_above_the_count() {
        for (text, count) in [
            ("A photo of five clocks on a wooden table, soft daylight.", 13),
            ("{\"name\": \"image_generation_tool\", \"arguments\": {\"caption\": \"x\"}}", 16),
            ("12345 67890", 11),
        ] {
            assert!(estimate(text) >= count, "{text}: {}", estimate(text));
        }
    }

    /// Values of transformers' own `smart_resize`, after LLaMAFactory's scaling.
    #[test]
    fn image_tokens_follow_the_processor() {
        let default = 768 * 768;
        assert_eq!(image_tokens(1024, 1024, default), Some(27 * 27 + 2));
        assert_eq!(image_tokens(1024, 768, default), Some(32 * 24 + 2));
        assert_eq!(image_tokens(1280, 720, default), Some(37 * 21 + 2));
        assert_eq!(image_tokens(512, 512, default), Some(18 * 18 + 2));
        assert_eq!(image_tokens(28, 28, default), Some(4 + 2));
        assert_eq!(image_tokens(10_000, 40, default), None);
    }
}
