//! Redirects of a call: followed on the endpoint's own host, named otherwise.
//!
//! 307 and 308 keep method and body, so that a POST arrives as it was sent; after 301, 302 or 303 only a
//! GET is the same request. Images by URL have rules of their own for hosts (`fetch`).

use crate::call::Fatal;
use crate::call::http::failure::Failure;
use crate::call::http::wire::{Incoming, Outgoing, Wire, place};
use reqwest::header::LOCATION;
use reqwest::{Method, StatusCode};
use url::Url;

const MOST: usize = 3;

impl Wire<'_> {
    /// The first answer to `out` that is no redirect.
    pub(super) async fn follow(&self, out: &Outgoing) -> Result<Incoming<'_>, Failure> {
        let mut moved: Option<Url> = None;
        for _ in 0..=MOST {
            let url = moved.as_ref().unwrap_or(&out.url);
            let incoming = self.open(out, url).await?;
            let status = incoming.response.status();
            let to = incoming.response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
            let to = to.and_then(|to| url.join(to).ok());
            let Some(to) = to.filter(|_| status.is_redirection()) else { return Ok(incoming) };
            let kept =
                matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
            if !(self.is_own(&to) && (kept || out.method == Method::GET)) {
                return Err(self.moved(status, &to));
            }
            moved = Some(to);
        }
        Err(Failure::fatal(
            Fatal::Address,
            format!("{} redirects more than {MOST} times; mend `urls`", self.place()),
        )
        .maybe_local())
    }

    /// Whether the key may go there: the same host and port, or from http up to https.
    fn is_own(&self, to: &Url) -> bool {
        let up = self.base.scheme() == "http" && to.scheme() == "https";
        to.host_str() == self.base.host_str() && (to.origin() == self.base.origin() || up)
    }

    fn moved(&self, status: StatusCode, to: &Url) -> Failure {
        let what = format!(
            "{} answered {} to `{}`; write into `urls` where the server is now",
            self.place(),
            status.as_u16(),
            self.excerpt(exactly(to).as_bytes(), 200)
        );
        Failure::fatal(Fatal::Address, what).maybe_local()
    }

    /// A redirect was followed to where the server serves nothing.
    pub(super) fn nothing_there(&self, asked: &Url, at: &Url, status: StatusCode) -> Failure {
        let what = format!(
            "{} redirects to `{}`, which answered {}; write into `urls` the path that the server serves (does it \
             end in /v1?)",
            place(asked),
            self.excerpt(exactly(at).as_bytes(), 200),
            status.as_u16()
        );
        Failure::fatal(Fatal::Address, what).maybe_local()
    }
}

/// A redirect is often to the same path with a slash, which `place` leaves out.
fn exactly(url: &Url) -> String {
    let slash = if url.path().ends_with('/') { "/" } else { "" };
    format!("{}{slash}", place(url))
}
