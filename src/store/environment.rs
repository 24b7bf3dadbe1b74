//! What the process's environment says of a bucket, checked before a client is made of it.
//!
//! A line break at the end of a key, a blank after an address, an endpoint without `http://`: a
//! client would panic or ask nobody. White space at the ends is cut, the rest is an error that names
//! its variable, never its value where that may be a key.

use url::Url;

/// Variables that hold the address of a server, the first that is set first.
const ENDPOINTS: [&str; 6] = [
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT",
    "AZURE_STORAGE_ENDPOINT",
    "AZURE_ENDPOINT",
    "GOOGLE_BASE_URL",
];

/// The variables whose names begin with `prefix`: name in lower case (as clients know it) and value.
pub(super) fn settings(prefix: &str) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    for (name, value) in std::env::vars_os() {
        let Some(name) = name.to_str().filter(|name| name.starts_with(prefix)) else { continue };
        let value =
            value.to_str().ok_or_else(|| format!("`{name}` holds bytes that are no text"))?;
        if let Some(value) = checked(name, value)? {
            found.push((name.to_ascii_lowercase(), value));
        }
    }
    found.sort();
    Ok(found)
}

/// The value to use; None for one that is as good as not set.
fn checked(name: &str, value: &str) -> Result<Option<String>, String> {
    let value = value.trim();
    if value.chars().any(char::is_control) {
        return Err(format!(
            "`{name}` holds a line break or another control character; set it to one line"
        ));
    }
    if !ENDPOINTS.contains(&name) {
        return Ok(Some(value.to_owned()));
    }
    match Url::parse(value) {
        _ if value.is_empty() => Ok(None),
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
            Ok(Some(value.to_owned()))
        }
        _ => Err(format!(
            "`{name}` is `{}`, which is no http or https URL; write `http://host:port`",
            value.escape_debug()
        )),
    }
}

/// Of `settings`, the address of the server.
pub(super) fn endpoint(settings: &[(String, String)]) -> Option<Url> {
    let value = |name: &str| {
        let name = name.to_ascii_lowercase();
        settings.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    };
    ENDPOINTS.iter().find_map(|name| Url::parse(value(name)?).ok())
}

#[cfg(test)]
mod tests {
    use super::{checked, endpoint};

    #[test]
    fn white_space_is_cut_and_what_no_client_takes_is_named() {
        assert_eq!(checked("AWS_REGION", " eu \r\n"), Ok(Some("eu".to_owned())));
        let url = "http://127.0.0.1:9";
        assert_eq!(checked("AWS_ENDPOINT_URL", &format!("{url} ")), Ok(Some(url.to_owned())));
        assert_eq!(checked("AWS_ENDPOINT_URL", "  "), Ok(None));
        for odd in ["minio:9000", "127.0.0.1:9000", "s3://x", "http://"] {
            let said = checked("AWS_ENDPOINT_URL", odd).expect_err(odd);
            assert!(said.contains("`AWS_ENDPOINT_URL`") && said.contains("http://host"), "{said}");
        }
        let said = checked("AWS_SECRET_ACCESS_KEY", "se\ncret").expect_err("a line break");
        assert!(said.contains("AWS_SECRET_ACCESS_KEY") && !said.contains("cret"), "{said}");
    }

    #[test]
    fn the_narrower_name_wins() {
        let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let found = endpoint(&[
            set("aws_endpoint_url", "http://a"),
            set("aws_endpoint_url_s3", "http://b"),
            set("aws_region", "eu"),
        ]);
        assert_eq!(found.map(|url| url.to_string()), Some("http://b/".to_owned()));
    }
}
