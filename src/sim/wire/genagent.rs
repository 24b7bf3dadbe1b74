//! The released GenAgent image server: `POST /generate/`, prompts in a list, no seed field. The
//! original pins its seed, so equal prompts give equal pictures; pictures of one call differ.

use crate::sim::mind::Order;
use crate::sim::wire::{Refusal, strings};
use serde_json::{Value, json};

/// A request for pictures of several prompts.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    pub prompts: Vec<String>,
    pub width: u32,
    pub height: u32,
    pub each: usize,
}

/// Reads a request body.
pub fn read(body: &[u8]) -> Result<Ask, Refusal> {
    let body: Value = serde_json::from_slice(body)
        .map_err(|e| Refusal::bad(format!("the body is not JSON: {e}")))?;
    let prompts = strings(&body["prompt"]);
    if prompts.is_empty() || prompts.len() > 16 {
        return Err(Refusal::bad("`prompt` must be a list of 1 to 16 prompts"));
    }
    let side = |name: &str| body[name].as_u64().unwrap_or(1024).clamp(64, 2048) as u32;
    Ok(Ask {
        prompts,
        width: side("width"),
        height: side("height"),
        each: body["num_images_per_prompt"].as_u64().unwrap_or(1).clamp(1, 4) as usize,
    })
}

impl Ask {
    /// Every picture, in the order of the reply.
    pub fn orders(&self) -> impl Iterator<Item = Order<'_>> {
        self.prompts.iter().flat_map(move |caption| {
            (0..self.each).map(move |i| Order {
                caption,
                width: self.width,
                height: self.height,
                seed: i as u64,
                faithful: false,
            })
        })
    }
}

/// The response body.
pub fn write(pictures: &[Vec<u8>]) -> String {
    let images: Vec<String> =
        pictures.iter().map(|png| base64_simd::STANDARD.encode_to_string(png)).collect();
    json!({"status": "success", "images": images}).to_string()
}
