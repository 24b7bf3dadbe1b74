//! What a probe asks: one small chat with a red picture, or one drawing.

use crate::call::endpoints::Endpoint;
use crate::call::{CallError, ChatRequest, ImageRequest, Images, Request, Sampling, Schema};
use crate::media::{self, Verify};
use crate::record::{Digest, ImageRef, Message, Part, Speaker};
use bytes::Bytes;
use std::sync::Arc;

/// What is asked of a role.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    pub role: String,
    /// The model's name in the pipeline.
    pub model: String,
    pub sort: Sort,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Sort {
    Chat {
        sampling: Sampling,
        /// The role is shown pictures.
        vision: bool,
        /// The role is asked for JSON.
        json: bool,
    },
    Image {
        width: u32,
        height: u32,
        steps: Option<u32>,
        guidance: Option<f64>,
    },
}

/// The shape that a probe asks for; its field is named nowhere else, so that only a server that holds
/// its model to it can answer so.
pub const SHAPE: Schema = Schema::Fields(&[("in_one_word", Schema::Text)]);

/// How an endpoint asks for JSON: by the option `json` of its protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    /// By the words of the template alone.
    Words,
    /// Words, and the server is told to answer in JSON.
    Json,
    Schema,
}

impl Asking {
    pub fn of(endpoint: &Endpoint) -> Asking {
        match endpoint.options.values.get("json").and_then(serde_json::Value::as_str) {
            Some("schema") => Asking::Schema,
            Some("object") => Asking::Json,
            _ => Asking::Words,
        }
    }
}

pub fn question(ask: &Ask, asking: Asking) -> Request {
    let (sampling, vision, json) = match &ask.sort {
        Sort::Chat { sampling, vision, json } => (sampling.clone(), *vision, *json),
        Sort::Image { .. } => (Sampling::default(), false, false),
    };
    let mut text = match vision {
        true => "Which colour is this picture? Answer with one word.".to_owned(),
        false => "Say hello in one word.".to_owned(),
    };
    match asking {
        _ if !json => {}
        Asking::Schema => text.push_str(" Reply as JSON."),
        Asking::Words | Asking::Json => text.push_str(" Reply as JSON: {\"answer\": \"…\"}"),
    }
    let mut parts = vec![Part::Text(text)];
    parts.extend(vision.then(|| Part::Image(red_ref())));
    Request::Chat(ChatRequest {
        role: ask.role.clone(),
        model: ask.model.clone(),
        messages: vec![Message { speaker: Speaker::User, parts }],
        sampling,
        schema: json.then_some(&SHAPE),
        draw: 0,
    })
}

pub fn draw(ask: &Ask, seed: u64) -> Request {
    let (width, height, steps, guidance) = match &ask.sort {
        Sort::Image { width, height, steps, guidance } => (*width, *height, *steps, *guidance),
        Sort::Chat { .. } => (512, 512, None, None),
    };
    Request::Image(ImageRequest {
        role: ask.role.clone(),
        model: ask.model.clone(),
        prompt: "three red apples on a wooden table".to_owned(),
        negative_prompt: None,
        width,
        height,
        steps,
        guidance,
        seed,
        // Servers without seeds choose by the draw.
        draw: (seed - 1) as u32,
        edits: None,
    })
}

/// The probe's own picture: 64 x 64 pixels of red.
struct Red;

#[async_trait::async_trait]
impl Images for Red {
    async fn image(&self, _: Digest) -> Result<Bytes, CallError> {
        Ok(red())
    }
}

pub fn test_images() -> Arc<dyn Images> {
    Arc::new(Red)
}

fn red() -> Bytes {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, 64, 64);
    encoder.set_color(png::ColorType::Rgb);
    let pixels: Vec<u8> = [220, 20, 20].iter().copied().cycle().take(64 * 64 * 3).collect();
    // Writing to memory cannot fail; were it to, the picture would not decode and be told of.
    if let Ok(mut writer) = encoder.write_header() {
        let _ = writer.write_image_data(&pixels);
    }
    out.into()
}

fn red_ref() -> ImageRef {
    let bytes = red();
    let taken = media::take(&bytes, Verify::Header);
    taken.map(|taken| taken.image).unwrap_or(ImageRef {
        digest: Digest::of(&bytes),
        mime: crate::record::Mime::Png,
        width: 64,
        height: 64,
        bytes: bytes.len() as u64,
    })
}
