//! Images that a reply names by URL.
//!
//! Such a URL is a server's word, so it is followed only to hosts that the user trusts (the
//! endpoint's own, `image_hosts`, a vendor's known storage), never from https down to http, through
//! few redirects that obey the same rule, and for a bounded number of bytes.

use crate::call::http::failure::Failure;
use crate::call::http::wire::{Outgoing, Wire, place};
use crate::env::proxy::is_loopback;
use bytes::Bytes;
use reqwest::header::{ACCEPT, HeaderValue, LOCATION};
use url::Url;

const REDIRECTS: usize = 3;

/// Whether `host` is one of `listed`; `*.` stands for any subdomain.
pub fn is_listed<'a>(host: &str, mut listed: impl Iterator<Item = &'a str>) -> bool {
    listed.any(|allowed| match allowed.strip_prefix("*.") {
        None => allowed == host,
        Some(tail) => host.strip_suffix(tail).is_some_and(|head| head.ends_with('.')),
    })
}

impl Wire<'_> {
    /// The bytes behind `link` (absolute, relative or `data:`), at most `limit`. `also` are hosts
    /// that are known to be the vendor's own storage. The key goes only to the endpoint's origin.
    pub async fn fetch_image(
        &self,
        link: &str,
        also: &[String],
        limit: usize,
    ) -> Result<Bytes, Failure> {
        if link.starts_with("data:") {
            return decode(link).ok_or_else(|| Failure::sick("a data: URL that is not base64"));
        }
        let no_url = |e| format!("`{}` is no URL: {e}", self.excerpt(link.as_bytes(), 200));
        let mut url = self.url("").join(link).map_err(|e| Failure::sick(no_url(e)))?;
        for _ in 0..=REDIRECTS {
            self.may_fetch(&url, also)?;
            let mut out = Outgoing::get(url.clone());
            out.headers.insert(ACCEPT, HeaderValue::from_static("image/*"));
            if let (true, Some(value)) = (url.origin() == self.base.origin(), self.bearer()) {
                out = out.header("authorization", value);
            }
            let incoming = self.open(&out, &out.url).await?;
            let status = incoming.response.status();
            if status.is_success() {
                return incoming.bytes(limit).await;
            }
            let next = incoming.response.headers().get(LOCATION).and_then(|v| v.to_str().ok());
            match next.filter(|_| status.is_redirection()).and_then(|to| url.join(to).ok()) {
                Some(to) => url = to,
                None => {
                    return Err(Failure::sick(format!("{} answered {status}", place(&url))));
                }
            }
        }
        Err(Failure::record(format!("{} redirects more than {REDIRECTS} times", place(&url))))
    }

    fn may_fetch(&self, url: &Url, also: &[String]) -> Result<(), Failure> {
        let host = url.host_str().unwrap_or_default();
        let hosts = self.connection.image_hosts.iter().chain(also).map(String::as_str);
        let trusted = url.host_str() == self.base.host_str() || is_listed(host, hosts);
        if !trusted || !matches!(url.scheme(), "http" | "https") {
            return Err(Failure::record(format!(
                "the reply's image is at `{host}`, which is neither the endpoint's host nor in \
                 `image_hosts`; add it there if it is the server's own storage"
            )));
        }
        if url.scheme() == "http" && self.base.scheme() == "https" && !is_loopback(url) {
            return Err(Failure::record(format!(
                "the reply's image is at `{}`, plain http from an https endpoint",
                place(url)
            )));
        }
        Ok(())
    }
}

/// Base64 as servers write it: plain, with line breaks, or as a `data:` URL.
pub fn decode(text: &str) -> Option<Bytes> {
    let text = match text.strip_prefix("data:") {
        Some(rest) => rest.split_once(";base64,")?.1,
        None => text,
    };
    let decoded = match base64_simd::STANDARD.decode_to_vec(text) {
        Ok(bytes) => bytes,
        Err(_) => base64_simd::forgiving_decode_to_vec(text.as_bytes()).ok()?,
    };
    Some(decoded.into())
}

#[cfg(test)]
mod tests {
    use super::is_listed;

    #[test]
    fn a_star_stands_for_subdomains_only() {
        let listed = |host| is_listed(host, ["cdn.a.com", "*.b.ai"].into_iter());
        for host in ["cdn.a.com", "x.b.ai", "x.y.b.ai"] {
            assert!(listed(host), "{host}");
        }
        for host in ["a.com", "b.ai", "evilb.ai", "x.b.ai.evil.com", ""] {
            assert!(!listed(host), "{host}");
        }
    }
}
