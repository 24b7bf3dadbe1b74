//! `openai-images`: `POST …/images/generations`, whose fields each server names its own way.
//!
//! The one idea: one picture a request, its seed and steps always explicit (SGLang's default seed
//! would make three draws one image), and the picture taken from wherever it is: `b64_json`, a
//! URL (absolute, relative, data:), or raw bytes.

use crate::call::http::{Body, Failure, Outgoing, Wire, decode};
use crate::call::protocol::{Answer, Entry, OptionError, Options, Protocol, Serves, wrong_sort};
use crate::call::{ImageRequest, Request, Usage};
use crate::media::Kind;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::sync::Arc;

/// An encoded image, in base64 inside JSON.
pub const IMAGE_BYTES: usize = 128 << 20;

pub const ENTRY: Entry = Entry {
    name: "openai-images",
    serves: Serves::Image,
    about: "POST URL/images/generations: OpenAI, vLLM-Omni, SGLang Diffusion, Together",
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

fn compile(options: &Options) -> Result<Arc<dyn Protocol>, OptionError> {
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

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow, default)]
    data: Option<Vec<Datum<'a>>>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    usage: Option<RawUsage>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Datum<'a> {
    #[serde(borrow, default)]
    b64_json: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    url: Option<Cow<'a, str>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawUsage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
}

#[async_trait::async_trait]
impl Protocol for OpenAiImages {
    async fn exchange(&self, request: &Request, wire: &Wire<'_>) -> Result<Answer, Failure> {
        let Request::Image(image) = request else { return Err(wrong_sort(request, ENTRY.name)) };
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
    let payload: Payload<'_> =
        serde_json::from_slice(bytes).map_err(|error| wire.rubbish(error, bytes))?;
    if let Some(error) = &payload.error {
        return Err(wire.said_error(error));
    }
    let raw = payload.usage.unwrap_or_default();
    let usage = Usage {
        input: raw.input_tokens.unwrap_or(0),
        output: raw.output_tokens.unwrap_or(0),
        images: 1,
        ..Usage::default()
    };
    let datum = payload.data.and_then(|data| data.into_iter().next());
    let image = match datum {
        Some(Datum { b64_json: Some(text), .. }) => {
            decode(&text).ok_or_else(|| wire.rubbish("the base64 is damaged", bytes))?
        }
        Some(Datum { url: Some(link), .. }) => wire.fetch_image(&link, &[], IMAGE_BYTES).await?,
        _ => return Err(wire.rubbish("no image in `data`", bytes)),
    };
    Ok(Answer { usage, served: payload.model.unwrap_or_default(), ..Answer::drawn(image, 1) })
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
