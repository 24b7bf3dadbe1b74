//! `genagent-flux`: the released GenAgent's own image server, `POST …/generate/`.
//!
//! The server takes no seed: it seeds a CPU generator with 0 on every call, so three equal calls
//! draw one picture three times. What it does draw differently are the pictures of one call, so a
//! request's `draw` chooses the picture: draw 0, 1, … of `num_images_per_prompt` (4 at most), and
//! `coldstart check --probe` still says that the seed is ignored.

use crate::call::http::{Body, Failure, Outgoing, Wire, decode};
use crate::call::protocol::openai_images::IMAGE_BYTES;
use crate::call::protocol::picture_words::withheld;
use crate::call::protocol::{
    Answer, Entry, OptionError, Protocol, ProtocolOptions, Serves, wrong_sort,
};
use crate::call::{ImageRequest, Request};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::sync::Arc;

/// The server's bound on pictures a call.
const MOST_DRAWS: u32 = 4;

pub const ENTRY: Entry = Entry {
    name: "genagent-flux",
    serves: Serves::Image,
    about: "POST URL/generate/: the released GenAgent's servers, FLUX and editing (no seed: draws 0..3 only)",
    calls: &["/generate"],
    options: &[],
    // Pictures 0 to `draw` are drawn for the one that is kept.
    billed: |request| match request {
        Request::Image(image) => u64::from(image.draw) + 1,
        Request::Chat(_) => 1,
    },
    compile,
};

struct GenagentFlux {
    extra: Map<String, Value>,
}

fn compile(options: &ProtocolOptions) -> Result<Arc<dyn Protocol>, OptionError> {
    Ok(Arc::new(GenagentFlux { extra: options.extra.clone() }))
}

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow, default)]
    images: Option<Vec<Cow<'a, str>>>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    error: Option<Value>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[async_trait::async_trait]
impl Protocol for GenagentFlux {
    async fn exchange(&self, request: &Request, wire: &Wire<'_>) -> Result<Answer, Failure> {
        let Request::Image(image) = request else { return Err(wrong_sort(request, ENTRY.name)) };
        if image.draw >= MOST_DRAWS {
            return Err(Failure::record(format!(
                "draw {} of a server without seeds, which gives {MOST_DRAWS} pictures a prompt",
                image.draw
            )));
        }
        let mut body = Body::default();
        match image.edits {
            None => body.json(&self.fields(image)),
            // The later release's editing server takes the picture beside the words.
            Some(picture) => {
                body.raw("{");
                for (name, value) in &self.fields(image) {
                    body.json(name).raw(":").json(value).raw(",");
                }
                body.raw("\"image\":[\"").image(picture).raw("\"]}")
            }
        };
        let mut url = wire.url("generate");
        // The route ends in a slash; without it the server redirects, which a POST does not survive.
        url.set_path(&format!("{}/", url.path()));
        let mut out = Outgoing::post(url, body);
        if let Some(value) = wire.bearer() {
            out = out.header("authorization", value);
        }
        let bytes = wire.send(out).await?.bytes(IMAGE_BYTES).await?;
        read(&bytes, image.draw as usize, wire)
    }
}

fn read(bytes: &[u8], draw: usize, wire: &Wire<'_>) -> Result<Answer, Failure> {
    let rubbish = |why| wire.rubbish(why, bytes);
    let payload: Payload<'_> = serde_json::from_slice(bytes).map_err(|_| rubbish("no JSON"))?;
    if let Some(error) = &payload.error {
        return Err(wire.said_error(error));
    }
    if let Some(why) = withheld(&Value::Object(payload.rest)) {
        return Ok(Answer::refused(why));
    }
    if payload.status.as_deref().is_some_and(|status| status != "success") {
        return Err(rubbish("its status is no success"));
    }
    let images = payload.images.unwrap_or_default();
    let image = images.get(draw).ok_or_else(|| rubbish("too few images"))?;
    let bytes = decode(image).ok_or_else(|| rubbish("the base64 is damaged"))?;
    // All pictures of the call were drawn, whichever is kept.
    Ok(Answer::drawn(bytes, images.len() as u64))
}

impl GenagentFlux {
    fn fields(&self, image: &ImageRequest) -> Map<String, Value> {
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| {
            if !value.is_null() {
                fields.insert(name.to_owned(), value);
            }
        };
        put("prompt", json!([image.prompt]));
        put("height", json!(image.height));
        put("width", json!(image.width));
        put("num_inference_steps", json!(image.steps));
        put("guidance_scale", json!(image.guidance));
        put("num_images_per_prompt", json!(image.draw + 1));
        fields.extend(self.extra.clone());
        fields
    }
}
