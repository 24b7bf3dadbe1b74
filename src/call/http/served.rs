//! Whether the model that answered is the one that was asked.
//!
//! A model swapped in silence makes the journal lie, so every reply's name is held against what was
//! asked; the rule forgives only what names the same weights.

/// The rule. `served` is accepted for `asked` when, in lower case and without what stands before
/// the last `/`, it is the same; or it is the same followed by a version (`-`, `@`, `:`, `_` or
/// `.` and then only digits and the words of `VERSION_WORDS`); or `asked` ends in `-latest` and
/// the rest fits. An empty name says nothing and is accepted. `also` lists names taken as they are.
pub fn accepts(asked: &str, served: &str, also: &[String]) -> bool {
    if served.is_empty() || also.iter().any(|name| name == served) {
        return true;
    }
    let (asked, served) = (base(asked), base(served));
    let stem = asked.strip_suffix("-latest").unwrap_or(&asked);
    match served.strip_prefix(stem) {
        Some("") => true,
        Some(rest) => rest.starts_with(SEPARATORS) && rest.split(SEPARATORS).all(is_version),
        None => false,
    }
}

const SEPARATORS: [char; 5] = ['-', '@', ':', '_', '.'];
const VERSION_WORDS: [&str; 10] =
    ["preview", "exp", "experimental", "beta", "latest", "stable", "main", "fp8", "bf16", "awq"];

fn base(name: &str) -> String {
    name.trim().trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_lowercase()
}

fn is_version(word: &str) -> bool {
    let digits = word.strip_prefix('v').unwrap_or(word);
    digits.chars().all(|c| c.is_ascii_digit()) || VERSION_WORDS.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::accepts;

    #[test]
    fn versions_of_the_asked_model_pass_and_other_models_do_not() {
        let yes = [
            ("gemini-2.5-pro", "gemini-2.5-pro"),
            ("gemini-2.5-pro", "models/gemini-2.5-pro-preview-06-05"),
            ("gemini-2.5-pro", "gemini-2.5-pro-001"),
            ("gpt-4o", "gpt-4o-2024-08-06"),
            ("qwen3-vl-latest", "Qwen3-VL-2026.1"),
            ("Qwen3-VL-30B-A3B-Instruct", "Qwen/Qwen3-VL-30B-A3B-Instruct-FP8"),
            // `transformers serve` adds the revision.
            ("org/tiny", "org/tiny@main"),
            ("m", ""),
        ];
        for (asked, served) in yes {
            assert!(accepts(asked, served, &[]), "{asked} <- {served}");
        }
        let no = [
            ("gemini-2.5-pro", "gemini-3.8-flash"),
            ("gemini-2.5-flash", "gemini-2.5-flash-lite"),
            ("gpt-4o", "gpt-4o-mini"),
            ("Qwen3-VL-30B-A3B-Instruct", "Qwen3-VL-30B-A3B-Thinking"),
        ];
        for (asked, served) in no {
            assert!(!accepts(asked, served, &[]), "{asked} <- {served}");
            assert!(accepts(asked, served, &[served.to_owned()]));
        }
    }
}
