//! Names under which secrets are kept, so that what stands there by mistake is never shown.

/// Whether a key, header or parameter of that name would hold a secret. `max_tokens` would not.
pub fn names_a_secret(name: &str) -> bool {
    let name = name.to_lowercase().replace('-', "_");
    let words: Vec<&str> = name.split('_').collect();
    let secret =
        ["key", "apikey", "token", "secret", "password", "authorization", "cookie", "auth"];
    words.iter().any(|word| secret.contains(word)) || name.ends_with("apikey")
}

#[cfg(test)]
mod tests {
    use super::names_a_secret;

    #[test]
    fn names_of_secrets() {
        for name in
            ["key", "X-API-Key", "api_key", "apiKey", "Authorization", "auth-token", "Cookie"]
        {
            assert!(names_a_secret(name), "{name}");
        }
        for name in ["max_tokens", "x-title", "http-referer", "monkey", "api-version", "tokenizer"]
        {
            assert!(!names_a_secret(name), "{name}");
        }
    }
}
