//! The proxies that the process's environment names, for clients and for messages.
//!
//! Loopback never goes through one: a proxy on another machine would reach its own loopback, and one on
//! this machine gains nothing.

use std::net::IpAddr;
use url::{Host, Url};

/// A proxy of the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// What goes through it: `http`, `https` or `all`.
    pub scheme: &'static str,
    pub variable: &'static str,
    pub url: String,
}

/// Scheme and variable, the first that is set first. `HTTP_PROXY` in upper case is not among them
/// where a web server runs us: there a request's header could set it.
const VARIABLES: [(&str, &str); 6] = [
    ("http", "http_proxy"),
    ("http", "HTTP_PROXY"),
    ("https", "https_proxy"),
    ("https", "HTTPS_PROXY"),
    ("all", "all_proxy"),
    ("all", "ALL_PROXY"),
];
/// What never goes through one, as `NO_PROXY` writes it.
pub const LOOPBACK: &str = "localhost,.localhost,127.0.0.0/8,::1";

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Those that are set, one a scheme.
pub fn all() -> Vec<Proxy> {
    let mut found: Vec<Proxy> = Vec::new();
    for (scheme, name) in VARIABLES {
        let served = name == "HTTP_PROXY" && std::env::var_os("REQUEST_METHOD").is_some();
        if served || found.iter().any(|proxy| proxy.scheme == scheme) {
            continue;
        }
        if let Some(url) = variable(name) {
            let url = if url.contains("://") { url } else { format!("http://{url}") };
            found.push(Proxy { scheme, variable: name, url });
        }
    }
    found
}

/// Hosts that go past all of them, in the form of `NO_PROXY`.
pub fn past() -> String {
    let own = variable("no_proxy").or_else(|| variable("NO_PROXY")).unwrap_or_default();
    format!("{own},{LOOPBACK}")
}

/// ` through the proxy … of …`, for a message about `url`; None when none is in the way.
pub fn named(url: &Url) -> Option<String> {
    if is_loopback(url) || goes_past(url, &past()) {
        return None;
    }
    let proxies = all();
    let of = |scheme: &str| proxies.iter().find(|proxy| proxy.scheme == scheme);
    let Proxy { variable, url, .. } = of(url.scheme()).or_else(|| of("all"))?;
    Some(format!(" through the proxy `{}` of `{variable}`", bare(url)))
}

/// Without user and password.
fn bare(url: &str) -> String {
    let Ok(parsed) = Url::parse(url) else { return "?".to_owned() };
    let port = parsed.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", parsed.scheme(), parsed.host_str().unwrap_or_default())
}

fn goes_past(url: &Url, past: &str) -> bool {
    let host = url.host_str().unwrap_or_default();
    past.split(',').map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        let name = entry.trim_start_matches("*.").trim_start_matches('.');
        entry == "*" || host == name || host.ends_with(&format!(".{name}")) || within(url, entry)
    })
}

/// Whether the address is in a block such as `10.0.0.0/8`.
fn within(url: &Url, block: &str) -> bool {
    let Some((base, bits)) = block.split_once('/') else { return false };
    let (Ok(base), Ok(bits)) = (base.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    match (url.host(), base) {
        (Some(Host::Ipv4(ip)), IpAddr::V4(base)) => {
            let shift = 32u32.saturating_sub(bits);
            u32::from(ip).checked_shr(shift) == u32::from(base).checked_shr(shift)
        }
        (Some(Host::Ipv6(ip)), IpAddr::V6(base)) => {
            let shift = 128u32.saturating_sub(bits);
            u128::from(ip).checked_shr(shift) == u128::from(base).checked_shr(shift)
        }
        _ => false,
    }
}

/// Whether the host is this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{bare, goes_past, is_loopback};
    use url::Url;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    #[test]
    fn what_goes_past_a_proxy() {
        let past = "internal, .corp.example,10.0.0.0/8,h";
        for yes in
            ["http://a.internal/v1", "https://x.corp.example", "http://10.9.8.7:80", "http://h"]
        {
            assert!(goes_past(&url(yes), past), "{yes}");
        }
        for no in ["http://internal.example", "http://11.0.0.1", "https://hh", "http://[fd00::1]/"]
        {
            assert!(!goes_past(&url(no), past), "{no}");
        }
        assert!(goes_past(&url("http://any"), "*"));
    }

    #[test]
    fn loopback_is_this_machine_and_passwords_are_not_shown() {
        for local in ["http://127.0.0.5:1", "http://[::1]:80", "http://a.localhost"] {
            assert!(is_loopback(&url(local)), "{local}");
        }
        assert!(!is_loopback(&url("http://localhost.example")));
        assert_eq!(bare("http://me:secret@proxy:3128/x"), "http://proxy:3128");
    }
}
