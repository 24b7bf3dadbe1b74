//! Wire formats: how a request is written and how a reply is read, one file a protocol and one line
//! in `PROTOCOLS`.
//!
//! A protocol does one exchange and is liberal in what it reads; whatever a server puts where, the
//! same `Answer` comes out. Connections, keys and refusals are `http`'s business; retries and limits
//! are `flow`'s.
//!
//! To add one: a file with a `compile` function, and a line in the table.

mod assembly;
pub mod captured;
mod chat_reply;
mod comfyui;
mod gemini;
mod gemini_reply;
mod genagent_flux;
mod inline;
mod openai_chat;
mod openai_images;
mod options;
mod picture_words;
mod submit_poll;
mod tolerant;
mod vendors;

pub use options::{OptionError, ProtocolOptions};

use crate::call::http::{Failure, Wire};
use crate::call::{ImageRequest, Request, Usage};
use bytes::Bytes;
use std::sync::Arc;

/// What a protocol can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serves {
    Chat,
    Image,
}

/// One exchange with a server.
#[async_trait::async_trait]
pub trait Protocol: Send + Sync {
    async fn exchange(&self, request: &Request, wire: &Wire<'_>) -> Result<Answer, Failure>;

    /// Whether its servers say "quota" when calls come too fast, unless the endpoints file knows
    /// better.
    fn quota_is_rate(&self) -> bool {
        false
    }
}

/// What a server answered, before it is checked.
#[derive(Debug)]
pub struct Answer {
    pub got: Got,
    pub finish: String,
    pub usage: Usage,
    /// The model's name as the server said it; empty when it said none.
    pub served: String,
    /// Who served it, where a router chose among several; empty when not said.
    pub provider: String,
}

impl Answer {
    /// An answer of which only `got`, and what it used, are known.
    pub fn bare(got: Got, finish: impl Into<String>, usage: Usage) -> Answer {
        let (served, provider) = (String::new(), String::new());
        Answer { got, finish: finish.into(), usage, served, provider }
    }

    /// A refusal that cost nothing.
    pub fn refused(reason: String) -> Answer {
        Answer::bare(Got::Refused(reason), "refused", Usage::default())
    }

    /// `images` pictures were drawn, and this is the one.
    pub fn drawn(bytes: Bytes, images: u64) -> Answer {
        Answer::bare(Got::Image(bytes), "", Usage { images, ..Usage::default() })
    }
}

#[derive(Debug)]
pub enum Got {
    Text {
        text: String,
        reasoning: String,
    },
    /// Encoded bytes, unchecked.
    Image(Bytes),
    Refused(String),
}

/// A protocol's entry: everything `endpoints` and the docs need to know.
pub struct Entry {
    pub name: &'static str,
    pub serves: Serves,
    pub about: &'static str,
    /// Ends of the paths that are put after a base URL: one that has them already is a mistake.
    pub calls: &'static [&'static str],
    /// Keys of a role's table that only this protocol reads, with what they do.
    pub options: &'static [(&'static str, &'static str)],
    /// How many whole answers (`max_tokens` each, or a picture) one call may at most be billed for.
    pub billed: fn(&Request) -> u64,
    pub compile: fn(&ProtocolOptions) -> Result<Arc<dyn Protocol>, OptionError>,
}

/// Every protocol.
pub const PROTOCOLS: &[Entry] = &[
    openai_chat::ENTRY,
    gemini::ENTRY,
    openai_images::ENTRY,
    genagent_flux::ENTRY,
    comfyui::ENTRY,
    submit_poll::ENTRY,
];

/// The entry of that name.
pub fn find(name: &str) -> Option<&'static Entry> {
    PROTOCOLS.iter().find(|entry| entry.name == name)
}

/// The picture that is asked for, where `protocol` can only draw one anew.
fn drawn_anew<'a>(request: &'a Request, protocol: &str) -> Result<&'a ImageRequest, Failure> {
    let Request::Image(image) = request else { return Err(wrong_sort(request, protocol)) };
    if image.edits.is_none() {
        return Ok(image);
    }
    let what = format!(
        "role `{}` is asked to change a picture, which protocol `{protocol}` does not do here; \
         `genagent-flux` does",
        image.role
    );
    Err(Failure::fatal(crate::call::Fatal::Address, what))
}

/// A request of the other sort: the endpoints file gave an image role a chat protocol or the
/// other way round.
fn wrong_sort(request: &Request, protocol: &str) -> Failure {
    let sort = match request {
        Request::Chat(_) => "a chat",
        Request::Image(_) => "an image",
    };
    Failure::fatal(
        crate::call::Fatal::Address,
        format!(
            "role `{}` asks for {sort}, which protocol `{protocol}` does not serve; change \
             `protocol` in the endpoints file",
            request.role()
        ),
    )
}
