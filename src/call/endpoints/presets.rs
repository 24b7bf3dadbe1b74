//! What may serve a role, as the beginning of its table: `coldstart endpoints new` writes files of these,
//! with every line that is the user's to edit marked.

/// A server or vendor that speaks one of our protocols.
#[derive(Debug, Clone, Copy)]
pub struct Preset {
    pub name: &'static str,
    pub about: &'static str,
    /// It draws; else it chats.
    pub draws: bool,
    /// Lines of the table: TOML, and what is to be edited in it (empty: nothing).
    lines: &'static [(&'static str, &'static str)],
}

/// Every preset, chats first. The first of each sort is the default.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "vllm",
        about: "a model on your own GPUs, served by vLLM or SGLang",
        draws: false,
        lines: &[
            ("protocol = \"openai-chat\"", ""),
            ("dialect = \"vllm\"", ""),
            ("model = \"{model}\"", "the name it is served by"),
            ("urls = [\"http://localhost:8000/v1\"]", "where it listens; several share the work"),
            ("max_in_flight = 64", "calls at once; without it the limit is found by trying"),
            ("prices = {}", ""),
        ],
    },
    Preset {
        name: "openrouter",
        about: "OpenRouter",
        draws: false,
        lines: &[
            ("protocol = \"openai-chat\"", ""),
            ("dialect = \"openrouter\"", ""),
            ("model = \"{model}\"", "its name at openrouter.ai/models"),
            ("urls = [\"https://openrouter.ai/api/v1\"]", ""),
            ("key_env = \"OPENROUTER_API_KEY\"", ""),
            ("rpm = 500", "your account's requests a minute"),
            ("prices = { input = 0.0, output = 0.0 }", "dollars per million tokens"),
            ("extra = { provider = { allow_fallbacks = false, require_parameters = true } }", ""),
        ],
    },
    Preset {
        name: "gemini",
        about: "the Gemini API",
        draws: false,
        lines: &[
            ("protocol = \"gemini\"", ""),
            ("model = \"{model}\"", "its name at ai.google.dev"),
            ("urls = [\"https://generativelanguage.googleapis.com/v1beta\"]", ""),
            ("key_env = \"GEMINI_API_KEY\"", ""),
            ("rpm = 150", "your tier's requests a minute"),
            ("prices = { input = 0.0, output = 0.0 }", "dollars per million tokens"),
        ],
    },
    Preset {
        name: "dashscope",
        about: "Alibaba Cloud Model Studio (Qwen)",
        draws: false,
        lines: &[
            ("protocol = \"openai-chat\"", ""),
            ("dialect = \"dashscope\"", ""),
            ("model = \"{model}\"", "its name there"),
            (
                "urls = [\"https://dashscope-intl.aliyuncs.com/compatible-mode/v1\"]",
                "your region's",
            ),
            ("key_env = \"DASHSCOPE_API_KEY\"", ""),
            ("rpm = 600", "your account's requests a minute"),
            ("prices = { input = 0.0, output = 0.0 }", "dollars per million tokens"),
        ],
    },
    Preset {
        name: "openai-like",
        about: "any other server of OpenAI's chat API (a proxy, LiteLLM)",
        draws: false,
        lines: &[
            ("protocol = \"openai-chat\"", ""),
            ("model = \"{model}\"", "the name it is served by"),
            ("urls = [\"http://localhost:4000/v1\"]", "where it listens"),
            (
                "key_env = \"OPENAI_API_KEY\"",
                "the variable with its key; leave it out if it has none",
            ),
            ("prices = { input = 0.0, output = 0.0 }", "dollars per million tokens"),
        ],
    },
    Preset {
        name: "sglang",
        about: "a picture model on your own GPUs, served by SGLang Diffusion",
        draws: true,
        lines: &[
            ("protocol = \"openai-images\"", ""),
            ("dialect = \"sglang\"", ""),
            ("model = \"{model}\"", "the name it is served by"),
            ("urls = [\"http://localhost:30000/v1\"]", "where it listens; several share the work"),
            ("max_in_flight = 8", "pictures at once"),
            ("prices = {}", ""),
        ],
    },
    Preset {
        name: "vllm-omni",
        about: "a picture model on your own GPUs, served by vLLM-Omni",
        draws: true,
        lines: &[
            ("protocol = \"openai-images\"", ""),
            ("dialect = \"vllm-omni\"", ""),
            ("model = \"{model}\"", "the name it is served by"),
            ("urls = [\"http://localhost:8091/v1\"]", "where it listens"),
            ("max_in_flight = 4", "pictures at once"),
            ("prices = {}", ""),
        ],
    },
    Preset {
        name: "together",
        about: "Together",
        draws: true,
        lines: &[
            ("protocol = \"openai-images\"", ""),
            ("dialect = \"together\"", ""),
            ("model = \"{model}\"", "its name there"),
            ("urls = [\"https://api.together.xyz/v1\"]", ""),
            ("key_env = \"TOGETHER_API_KEY\"", ""),
            ("rpm = 60", "your tier's requests a minute"),
            ("prices = { image = 0.0 }", "dollars a picture"),
        ],
    },
    Preset {
        name: "openai",
        about: "OpenAI's pictures",
        draws: true,
        lines: &[
            ("protocol = \"openai-images\"", ""),
            ("dialect = \"openai\"", ""),
            ("model = \"{model}\"", "its name there"),
            ("urls = [\"https://api.openai.com/v1\"]", ""),
            ("key_env = \"OPENAI_API_KEY\"", ""),
            ("rpm = 50", "your tier's requests a minute"),
            ("prices = { input = 0.0, output = 0.0 }", "dollars per million tokens"),
        ],
    },
];

/// The preset of that name.
pub fn preset(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

/// What marks a line that is the user's to edit.
pub const MARK: &str = "# EDIT: ";

/// A role's table. `model` is the pipeline's name of it.
pub fn table(role: &str, model: &str, preset: &Preset) -> String {
    let mut out = format!("[role.{role}]\n");
    for (line, edit) in preset.lines {
        // A name from a project's file becomes TOML text, whatever is in it.
        let line = line.replace("\"{model}\"", &serde_json::Value::from(model).to_string());
        out.push_str(&line);
        if !edit.is_empty() {
            out.push_str(&format!("  {MARK}{edit}"));
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::endpoints::Endpoints;
    use crate::diag::{SourceFile, Style, render};
    use std::sync::Arc;

    #[test]
    fn every_preset_makes_a_table_that_can_be_used() {
        for preset in PRESETS {
            let text = table("judge", "a/\"model\"", preset);
            let source = Arc::new(SourceFile { path: "new.toml".into(), text: text.clone() });
            let read = Endpoints::parse(source);
            let told = read.as_ref().err().map(|faults| render(faults, Style::Plain));
            assert!(read.is_ok(), "{}: {}\n{text}", preset.name, told.unwrap_or_default());
            assert!(text.contains(MARK), "{}: nothing to edit", preset.name);
        }
        assert!(!PRESETS[0].draws && preset("sglang").is_some_and(|p| p.draws));
    }
}
