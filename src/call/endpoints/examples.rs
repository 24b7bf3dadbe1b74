//! Commented endpoints files that `coldstart endpoints example` prints.

/// Name, what it is for, the file.
pub const EXAMPLES: &[(&str, &str, &str)] = &[
    ("local", "all models on your own GPUs: vLLM and SGLang", LOCAL),
    ("hosted", "all models bought: OpenRouter, the Gemini API, OpenAI and Together", HOSTED),
    ("mixed", "your own GPUs for images and judge, bought teachers", MIXED),
];

/// The example of that name.
pub fn example(name: &str) -> Option<&'static str> {
    EXAMPLES.iter().find(|(known, _, _)| *known == name).map(|(_, _, text)| *text)
}

const LOCAL: &str = include_str!("local.toml");
const HOSTED: &str = include_str!("hosted.toml");
const MIXED: &str = include_str!("mixed.toml");

#[cfg(test)]
mod tests {
    use super::EXAMPLES;
    use crate::call::endpoints::Endpoints;
    use crate::diag::{Severity, SourceFile, Style, render};
    use std::sync::Arc;

    #[test]
    fn every_example_is_right_and_names_every_role() {
        let sim = Endpoints::sim("http://127.0.0.1:1");
        let roles: Vec<&str> = sim.iter().map(|(role, _)| role).collect();
        for (name, _, text) in EXAMPLES {
            let path = format!("{name}.toml");
            let source = Arc::new(SourceFile { path, text: (*text).to_owned() });
            let endpoints = match Endpoints::parse(source) {
                Ok(endpoints) => endpoints,
                Err(faults) => panic!("{}", render(&faults, Style::Plain)),
            };
            assert!(endpoints.missing(&roles).is_empty(), "{name}");
            let warned = endpoints.warnings();
            assert!(warned.iter().all(|w| w.severity == Severity::Warning && w.code == "W02"));
        }
    }
}
