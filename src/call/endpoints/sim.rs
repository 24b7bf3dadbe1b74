//! The endpoints of the simulated world: every role of the shipped pipelines at one server.

use crate::call::endpoints::Endpoints;
use crate::diag::SourceFile;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

/// Role, protocol, path under the server's root.
const ROLES: [(&str, &str, &str); 15] = [
    ("agent", "openai-chat", "/v1"),
    ("checklist", "openai-chat", "/v1"),
    ("comparator", "gemini", "/v1beta"),
    ("editor", "genagent-flux", ""),
    ("generator", "openai-images", "/v1"),
    ("grader", "openai-chat", "/v1"),
    ("illustrator", "openai-images", "/v1"),
    ("judge", "openai-chat", "/v1"),
    ("leak_reader", "openai-chat", "/v1"),
    ("reflector", "gemini", "/v1beta"),
    ("second_judge", "gemini", "/v1beta"),
    ("solver", "openai-chat", "/v1"),
    ("teacher", "openai-chat", "/v1"),
    ("verifier", "openai-chat", "/v1"),
    ("writer", "openai-chat", "/v1"),
];

impl Endpoints {
    /// Every role at the simulated server whose root is `base_url` (`http://127.0.0.1:PORT`).
    /// A URL that cannot be one gives endpoints without roles, which `missing` then names.
    pub fn sim(base_url: &str) -> Endpoints {
        let text = Endpoints::sim_text(base_url);
        let source = Arc::new(SourceFile { path: "the simulated world".to_owned(), text });
        Endpoints::parse(source).unwrap_or_else(|_| Endpoints {
            roles: BTreeMap::new(),
            warnings: Vec::new(),
            source: None,
        })
    }

    /// The file that says the same.
    pub fn sim_text(base_url: &str) -> String {
        let base = base_url.trim_end_matches('/');
        let mut out = String::from(
            "# Every role at the simulated world: no key, no GPU, no cost.\n\
             # Start it with `coldstart sim --port PORT`.\n\n\
             [default]\n\
             prices = {}\n\
             max_in_flight = 256\n\
             connect_timeout = \"5s\"\n\
             first_byte_timeout = \"30s\"\n\
             idle_timeout = \"30s\"\n\
             total_timeout = \"2m\"\n",
        );
        for (role, protocol, path) in ROLES {
            let _ = write!(
                out,
                "\n[role.{role}]\nprotocol = \"{protocol}\"\nurls = [\"{base}{path}\"]\n"
            );
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use crate::call::endpoints::Endpoints;
    use crate::diag::SourceFile;
    use std::sync::Arc;

    #[test]
    fn the_printed_file_says_the_same() {
        let base = "http://127.0.0.1:4321";
        let source =
            Arc::new(SourceFile { path: "sim.toml".to_owned(), text: Endpoints::sim_text(base) });
        let read = Endpoints::parse(source).expect("the simulated world's file is right");
        assert!(read == Endpoints::sim(base));
        assert!(read.warnings().is_empty());
        assert!(read.missing(&["teacher", "generator", "reflector"]).is_empty());
        assert_eq!(read.missing(&["teecher"]).len(), 1);
    }
}
