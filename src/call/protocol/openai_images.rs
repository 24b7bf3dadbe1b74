//! `openai-images`: `POST …/images/generations`, whose fields each server names its own way.
//!
//! One picture a request, its seed and steps always explicit (SGLang's default seed would make three
//! draws one image), and the picture taken from wherever it is: `b64_json`, a URL (absolute,
//! relative, data:), or raw bytes.

use crate::call::http::{Body, Failure, Outgoing, Wire, decode};
use crate::call::protocol::picture_words::withheld;
use crate::call::protocol::tolerant::mend;
use crate::call::protocol::{
    Answer, Entry, Got, OptionError, Protocol, ProtocolOptions, Serves, drawn_anew,
};
use crate::call::{ImageRequest, Request, Usage};
use crate::media::Kind;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// An encoded image, in base64 inside JSON.
pub const IMAGE_BYTES: usize = 128 << 20;

pub const ENTRY: Entry = Entry {
    name: "openai-images",
    serves: Serves::Image,
    about: "POST URL/images/generations: OpenAI, vLLM-Omni, SGLang Diffusion, Together",
    calls: &["/images/generations"],
    options: &[(
        "dialect",
        "`plain` (default), `openai`, `vllm-omni`, `sglang`, `together`: the names of size, \
         seed and steps",
    )],
    billed: |_| 1,
    compile,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Plain,
    Openai,
    VllmOmni,
    Sglang,
    Together,
}

struct OpenAiImages {
    dialect: Dialect,
    extra: Map<String, Value>,
}

fn compile(options: &ProtocolOptions) -> Result<Arc<dyn Protocol>, OptionError> {
    Ok(Arc::new(OpenAiImages {
        dialect: options.word(
            "dialect",
            &[
                ("plain", Dialect::Plain),
                ("openai", Dialect::Openai),
                ("vllm-omni", Dialect::VllmOmni),
                ("sglang", Dialect::Sglang),
                ("together", Dialect::Together),
            ],
        )?,
        extra: options.extra.clone(),
    }))
}

#[async_trait::async_trait]
impl Protocol for OpenAiImages {
    async fn exchange(&self, request: &Request, wire: &Wire<'_>) -> Result<Answer, Failure> {
        let image = drawn_anew(request, ENTRY.name)?;
        let mut body = Body::default();
        body.json(&self.fields(image, wire.model));
        let mut out = Outgoing::post(wire.url("images/generations"), body);
        if let Some(value) = wire.bearer() {
            out = out.header("authorization", value);
        }
        let incoming = wire.send(out).await?;
        let raw = incoming.mime().starts_with("image/");
        let bytes = incoming.bytes(IMAGE_BYTES).await?;
        if raw || Kind::of(&bytes).is_some_and(Kind::is_picture) {
            return Ok(Answer::drawn(bytes, 1));
        }
        read(&bytes, wire).await
    }
}

async fn read(bytes: &[u8], wire: &Wire<'_>) -> Result<Answer, Failure> {
    let answer: Value = match serde_json::from_slice(bytes) {
        Ok(answer) => answer,
        Err(error) => mend(bytes)
            .and_then(|mended| serde_json::from_slice(&mended).ok())
            .ok_or_else(|| wire.rubbish(error, bytes))?,
    };
    if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
        return Err(wire.said_error(error));
    }
    let count = |at: &str| answer.pointer(at).and_then(Value::as_u64).unwrap_or(0);
    let usage = Usage {
        input: count("/usage/input_tokens"),
        output: count("/usage/output_tokens"),
        images: 1,
        ..Usage::default()
    };
    let served = answer.get("model").and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(why) = withheld(&answer) {
        let got = Got::Refused(why);
        return Ok(Answer { served, ..Answer::bare(got, "refused", usage) });
    }
    let image = match found(&answer) {
        Some(Found::Base64(text)) => {
            decode(text).ok_or_else(|| wire.rubbish("the base64 is damaged", bytes))?
        }
        Some(Found::Url(link)) => wire.fetch_image(link, &[], IMAGE_BYTES).await?,
        None => return Err(wire.rubbish("no image in `data`", bytes)),
    };
    Ok(Answer { usage, served, ..Answer::drawn(image, 1) })
}

/// Where an answer has its picture.
enum Found<'a> {
    Base64(&'a str),
    Url(&'a str),
}

/// The first picture of an answer: base64 or a URL, whichever is there and not empty.
fn found(answer: &Value) -> Option<Found<'_>> {
    let lists = ["data", "images", "output", "artifacts", "predictions"];
    let items = lists.iter().filter_map(|name| answer.get(*name)).flat_map(|list| match list {
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    });
    items.chain([answer]).find_map(|item| {
        let text = |name: &str| match item.get(name)? {
            Value::String(text) => Some(text.as_str()),
            nested => nested.get("url")?.as_str(),
        };
        let given = |names: &[&str]| {
            names.iter().filter_map(|n| text(n)).map(str::trim).find(|t| !t.is_empty())
        };
        let base64 = ["b64_json", "b64", "base64", "image_base64", "bytesBase64Encoded"];
        if let Some(text) = given(&base64) {
            return Some(Found::Base64(text));
        }
        if let Some(link) = given(&["url", "image_url"]) {
            return Some(Found::Url(link));
        }
        let bare = item.as_str().or_else(|| text("image"))?.trim();
        match bare {
            "" => None,
            link if link.starts_with("http") || link.starts_with("data:") => Some(Found::Url(link)),
            text => Some(Found::Base64(text)),
        }
    })
}

impl OpenAiImages {
    fn fields(&self, image: &ImageRequest, model: &str) -> Map<String, Value> {
        let ImageRequest { prompt, negative_prompt, width, height, steps, guidance, seed, .. } =
            image;
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| {
            if !value.is_null() {
                fields.insert(name.to_owned(), value);
            }
        };
        put("model", json!(model));
        put("prompt", json!(prompt));
        put("n", json!(1));
        if self.dialect == Dialect::Together {
            put("width", json!(width));
            put("height", json!(height));
            put("steps", json!(steps));
            put("response_format", json!("base64"));
        } else {
            put("size", json!(format!("{width}x{height}")));
        }
        // gpt-image knows neither a seed nor steps and refuses unknown fields.
        if self.dialect != Dialect::Openai {
            put("seed", json!(seed));
            put("negative_prompt", json!(negative_prompt));
        }
        if matches!(self.dialect, Dialect::Plain | Dialect::VllmOmni | Dialect::Sglang) {
            put("guidance_scale", json!(guidance));
            put("num_inference_steps", json!(steps));
            put("response_format", json!("b64_json"));
        }
        if self.dialect == Dialect::Sglang {
            put("output_format", json!("png"));
        }
        fields.extend(self.extra.clone());
        fields
    }
}
