//! Simulated models beside real ones: only by word, and labelled.

use crate::scripted::{Answer, Scripted};
use coldstart::call::endpoints::Endpoints;
use coldstart::env::Env;
use coldstart::sim;
use std::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn a_simulated_generator_beside_a_real_teacher_needs_a_word() {
    let (url, _server) =
        sim::Server::start(Env::real(), sim::World::default(), sim::SimOptions::default())
            .await
            .expect("the simulated world");
    let real = Scripted::start(vec![Answer { status: Some(404), ..Answer::default() }]).await;
    let text = Endpoints::sim_text(&url).replacen(
        &format!("[role.teacher]\nprotocol = \"openai-chat\"\nurls = [\"{url}"),
        &format!("[role.teacher]\nprotocol = \"openai-chat\"\nurls = [\"{}", real.base),
        1,
    );
    assert!(text.contains(&real.base));
    let folder = tempfile::tempdir().expect("a folder");
    let (file, out) = (folder.path().join("e.toml"), folder.path().join("run"));
    std::fs::write(&file, text).expect("written");
    let run = |word: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_coldstart"));
        command.args(["run", "--quiet", "--limit", "2", "--endpoints"]).arg(&file);
        command.arg("--out").arg(&out).args(word);
        let out = command.output().expect("it runs");
        (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    let (code, said) = tokio::task::block_in_place(|| run(None));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("--mix-simulated") && said.contains("real models `teacher`"), "{said}");
    assert!(!out.exists(), "nothing was begun");
    assert_eq!(real.seen().len(), 1, "it was looked at, not called");
    // With the word the run begins; the real teacher of this test says nothing more.
    let (_, said) = tokio::task::block_in_place(|| run(Some("--mix-simulated")));
    let manifest = std::fs::read_to_string(out.join("manifest.json")).expect("a manifest");
    assert!(manifest.contains("\"simulated\": true"), "{manifest}\n{said}");
    assert!(real.seen().iter().any(|seen| seen.line.starts_with("POST")), "{said}");
}
