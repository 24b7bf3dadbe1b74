//! The words said to models, as they go out: each template filled in with one made-up record and held
//! against `tests/cases/golden`, so that a change of words is seen in review. After a change that is
//! meant: `COLDSTART_BLESS=1 cargo test --test it templates`, and look at the difference.

use coldstart::diag::SourceFile;
use coldstart::record::{Digest, ImageRef, Mime, Part, Speaker};
use coldstart::template::{Context, Template};
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// Every variable that any kind fills in, as it would for one record.
fn context(apart: &str) -> Context {
    let image = |n: u8| ImageRef {
        digest: Digest([n; 32]),
        mime: Mime::Png,
        width: 512,
        height: 512,
        bytes: 9,
    };
    let rules = vec![
        vec![("id", "all_present"), ("text", "Every object that the request asks for is visible.")],
        vec![("id", "exact_count"), ("text", "Exactly that many instances are visible.")],
    ];
    let atom = |id, kind, question, expected| {
        vec![("id", id), ("kind", kind), ("question", question), ("expected", expected)]
    };
    let atoms = vec![
        atom("a1", "object", "Is there at least one clock in the picture?", "a clock"),
        atom("a2", "count", "Are there exactly five clocks?", "five clocks"),
    ];
    let fact =
        |id, question, expected| vec![("id", id), ("question", question), ("expected", expected)];
    let right = vec![fact("a1", "Is there at least one clock in the picture?", "a clock")];
    let wrong = vec![fact("a2", "Are there exactly five clocks?", "five clocks")];
    Context::new()
        .text("prompt", "Draw half a dozen less one of what tells the hour </request>")
        .text("plain", "five red clocks")
        .text("spec", r#"{"include":[{"class":"clock","count":5,"color":"red"}]}"#)
        .text("style", "arithmetic")
        .text("brief", "Hide each number behind a small sum.")
        .text("facts", "clock: it tells the hour")
        .text("thinking", "Six less one is five, and clocks tell the hour.")
        .text("refined", "five red clocks in a row on a white wall")
        .text("judgement", "Four clocks hang there, one fewer than asked.")
        .text("standard", "Every part of the request is visible and right.")
        .text("texts", "[T1]\nSix less one is five.\n\n[P1]\nfive red clocks")
        .text("hint_text", "")
        .text("checklist", "a1: Is there at least one clock in the picture?")
        .text("explanation", "Six less one is five, and clocks tell the hour.")
        .text("apart", apart)
        .text("fault", "no answer that is yes, no or unsure to: a2")
        .rows("rules", rules)
        .rows("atoms", atoms)
        .rows("right", right)
        .rows("wrong", wrong)
        .image("image", image(1))
        .image("image_a", image(1))
        .image("image_b", image(2))
        .image("hint", image(3))
}

fn rendered(source: SourceFile, apart: &str) -> String {
    let path = source.path.clone();
    let template = Template::parse(Arc::new(source)).unwrap_or_else(|d| panic!("{path}: {d:?}"));
    let mut out = String::new();
    for message in template.fill(&context(apart)).expect("fills") {
        out.push_str(match message.speaker {
            Speaker::System => "=== system\n",
            Speaker::User => "=== user\n",
            Speaker::Assistant => "=== assistant\n",
        });
        for piece in message.parts {
            match piece {
                Part::Text(text) => out.push_str(&format!("{text}\n")),
                Part::Image(image) => {
                    out.push_str(&format!("[picture {}]\n", image.digest.0[0]));
                }
            }
        }
    }
    out
}

#[test]
fn each_template_is_filled_in_as_its_golden_file_shows() {
    let golden = root().join("tests/cases/golden");
    let write = std::env::var_os("COLDSTART_BLESS").is_some();
    let mut names: Vec<String> = std::fs::read_dir(root().join("templates"))
        .expect("readable")
        .map(|entry| entry.expect("readable").file_name().into_string().expect("UTF-8"))
        .collect();
    names.sort();
    assert!(names.len() >= 12, "{names:?}");
    let mut wrong = Vec::new();
    for name in &names {
        let path = format!("templates/{name}");
        let text = std::fs::read_to_string(root().join(&path)).expect("UTF-8");
        let variants: &[(&str, &str)] = if text.contains("apart %}") || text.contains("apart -%}") {
            &[("", ""), ("_apart", "apart")]
        } else {
            &[("", "")]
        };
        for (suffix, apart) in variants {
            let now = rendered(SourceFile { path: path.clone(), text: text.clone() }, apart);
            let file = golden.join(format!("{}{suffix}.txt", name.trim_end_matches(".j2")));
            if write {
                std::fs::create_dir_all(&golden).expect("a folder");
                std::fs::write(&file, &now).expect("written");
            }
            if std::fs::read_to_string(&file).unwrap_or_default() != now {
                wrong.push(file.display().to_string());
            }
        }
    }
    assert!(wrong.is_empty(), "COLDSTART_BLESS=1 writes them anew: {}", wrong.join(", "));
}
