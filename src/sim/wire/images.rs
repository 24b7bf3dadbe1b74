//! OpenAI images: `POST /v1/images/generations`, with the `seed` field of the open servers.

use crate::sim::mind::Order;
use crate::sim::wire::{CREATED, Refusal};
use serde_json::{Value, json};

/// A request for pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    pub model: String,
    pub prompt: String,
    pub width: u32,
    pub height: u32,
    pub n: usize,
    pub seed: Option<u64>,
}

/// Reads a request body.
pub fn read(body: &[u8]) -> Result<Ask, Refusal> {
    let body: Value = serde_json::from_slice(body)
        .map_err(|e| Refusal::bad(format!("the body is not JSON: {e}")))?;
    let prompt = body["prompt"].as_str().filter(|p| !p.trim().is_empty());
    let prompt = prompt.ok_or_else(|| Refusal::bad("`prompt` is empty or missing"))?;
    let side = |name: &str| body[name].as_u64().map(|n| n as u32);
    let (mut width, mut height) = (side("width").unwrap_or(512), side("height").unwrap_or(512));
    if let Some((w, h)) = body["size"].as_str().and_then(|s| s.split_once('x')) {
        let number = |s: &str| s.parse().map_err(|_| Refusal::bad("`size` is not WxH"));
        (width, height) = (number(w)?, number(h)?);
    }
    if !(64..=2048).contains(&width) || !(64..=2048).contains(&height) {
        return Err(Refusal::bad("width and height must be 64 to 2048 pixels"));
    }
    Ok(Ask {
        model: body["model"].as_str().unwrap_or_default().to_owned(),
        prompt: prompt.to_owned(),
        width,
        height,
        n: body["n"].as_u64().unwrap_or(1).clamp(1, 10) as usize,
        seed: body["seed"].as_u64(),
    })
}

impl Ask {
    /// What is drawn for the `i`th picture; `otherwise` is the seed where none was sent.
    pub fn order(&self, i: usize, otherwise: u64) -> Order<'_> {
        Order {
            caption: &self.prompt,
            width: self.width,
            height: self.height,
            seed: self.seed.unwrap_or(otherwise).wrapping_add(i as u64),
            faithful: self.model.starts_with("gpt-image"),
        }
    }
}

/// The response body.
pub fn write(pictures: &[Vec<u8>]) -> String {
    let data: Vec<Value> = pictures
        .iter()
        .map(|png| json!({"b64_json": base64_simd::STANDARD.encode_to_string(png)}))
        .collect();
    json!({"created": CREATED, "data": data, "output_format": "png"}).to_string()
}

/// A request that the server's filter refused.
pub fn blocked() -> String {
    json!({"error": {
        "message": "Your request was rejected as a result of our safety system.",
        "type": "image_generation_user_error", "param": null, "code": "content_policy_violation",
    }})
    .to_string()
}
