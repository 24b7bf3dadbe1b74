//! What a RUN relies on in its store is tried at its start, against servers that do not keep it; and
//! values of the environment that no client takes are named, not panicked over.

use crate::bucket::{Manner, s3, watched};
use std::process::{Command, Output};

fn coldstart(args: &[&str], set: &[(&str, &str)]) -> (i32, String) {
    let (code, _, said) = asked(args, set);
    (code, said)
}

/// Exit code, stdout and stderr.
fn asked(args: &[&str], set: &[(&str, &str)]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coldstart"));
    command.args(args).env("AWS_ACCESS_KEY_ID", "a").env("AWS_SECRET_ACCESS_KEY", "b");
    command.env("AWS_REGION", "us-east-1").env("http_proxy", "http://127.0.0.1:9");
    command.envs(set.iter().copied());
    let Output { status, stdout, stderr } = command.output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (status.code().unwrap_or(-1), text(&stdout), text(&stderr))
}

fn run(manner: Manner) -> (i32, String, String) {
    let base = s3(manner);
    let args = ["run", "--quiet", "--limit", "1", "--out", "s3://bkt/r"];
    let (code, said) = coldstart(&args, &[("AWS_ENDPOINT_URL", &base)]);
    (code, said, base)
}

#[test]
fn a_server_that_ignores_put_if_absent_is_refused_by_name_before_a_call() {
    let (code, said, base) = run(Manner::Ignores);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(&base) && said.contains("ignores `If-None-Match`"), "{said}");
}

#[test]
fn a_server_that_does_not_know_it_is_refused_at_once_in_words() {
    let env = coldstart::env::Env::real();
    let start = env.now();
    let (code, said, base) = run(Manner::NotImplemented);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(&base) && said.contains("not implemented"), "{said}");
    assert!(!said.contains("<Error>") && env.now().duration_since(start).as_secs() < 20, "{said}");
}

#[test]
fn a_list_that_does_not_show_what_was_put_is_no_store() {
    let (code, said, _) = run(Manner::ListsNothing);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("a list does not show"), "{said}");
}

#[test]
fn a_server_that_keeps_its_promises_is_written_to_past_a_proxy() {
    let (code, said, _) = run(Manner::Keeps);
    assert_eq!(code, 0, "{said}");
}

/// The S3 gateway of Hugging Face's buckets: a namespace in the endpoint, objects that are read
/// from another server, and little else of S3.
#[test]
fn the_hubs_buckets_are_a_home_for_a_run_and_for_an_export() {
    let base = s3(Manner::Hub);
    let set = [("AWS_ENDPOINT_URL", base.as_str())];
    let digest = |args: &[&str]| -> serde_json::Value {
        let all = [&["run", "--limit", "8", "--format", "json", "--out"], args].concat();
        let (code, out, said) = asked(&all, &set);
        assert_eq!(code, 0, "{said}");
        serde_json::from_str(&out).expect("a report")
    };
    let there = digest(&["s3://bkt/runs/a"]);
    let here = tempfile::tempdir().expect("a folder");
    let local = digest(&[here.path().join("run").to_str().expect("UTF-8")]);
    assert_eq!(there["dataset"]["digest"], local["dataset"]["digest"]);
    // The same command again reads all that it wrote.
    assert_eq!(digest(&["s3://bkt/runs/a"])["calls"]["made"], 0);
    for args in [
        &["audit", "s3://bkt/runs/a"][..],
        &["export", "s3://bkt/runs/a", "--format", "hf", "--out", "s3://bkt/sets/a"],
        &["export", "s3://bkt/runs/a", "--format", "llamafactory", "--out", "s3://bkt/sets/b"],
        &["export", "--verify", "s3://bkt/sets/a"],
        &["export", "--verify", "s3://bkt/sets/b"],
    ] {
        let (code, said) = coldstart(args, &set);
        assert_eq!(code, 0, "{args:?}: {said}");
    }
}

/// Hundreds of calls are replayed at once; each would else ask anew for the segment that it is in.
#[test]
fn a_replay_asks_a_bucket_for_no_object_again_and_again() {
    let (base, seen) = watched(Manner::Keeps);
    let set = [("AWS_ENDPOINT_URL", base.as_str())];
    let run = ["run", "--quiet", "--limit", "8", "--out", "s3://bkt/run"];
    for shard in ["0/2", "1/2"] {
        let (code, said) = coldstart(&[&run[..], &["--shard", shard]].concat(), &set);
        assert_eq!(code, 0, "{said}");
    }
    seen.lock().expect("no panic").clear();
    let (code, said) = coldstart(&run, &set);
    assert_eq!(code, 0, "{said}");
    let mut times = std::collections::BTreeMap::<String, usize>::new();
    for asked in seen.lock().expect("no panic").iter() {
        if asked.contains("/journal/") || asked.contains("/blobs/") {
            *times.entry(asked.clone()).or_default() += 1;
        }
    }
    assert!(!times.is_empty());
    // Its end is read when it is opened, then its one block.
    let often: Vec<_> = times.iter().filter(|(_, times)| **times > 3).collect();
    assert!(often.is_empty(), "{often:?}");
    let asked_for = times.keys().filter(|asked| asked.starts_with("HEAD")).count();
    assert!(asked_for <= 2, "{times:?}");
}

#[test]
fn values_that_no_client_takes_are_named() {
    let audit = ["audit", "s3://bkt/run"];
    for (name, value) in [
        ("AWS_ENDPOINT_URL", "minio:9000"),
        ("AWS_ENDPOINT_URL", "9000"),
        ("AWS_SESSION_TOKEN", "to\nken"),
        ("AWS_ACCESS_KEY_ID", "a\rb"),
    ] {
        let (code, said) = coldstart(&audit, &[(name, value)]);
        assert_eq!(code, 1, "{name}={value}: {said}");
        assert!(said.contains(&format!("`{name}`")) && !said.contains("panicked"), "{said}");
        assert!(!said.contains("ken") || name != "AWS_SESSION_TOKEN", "{said}");
    }
    let base = format!("{} \n", s3(Manner::Keeps));
    let (code, said) = coldstart(&audit, &[("AWS_ENDPOINT_URL", &base), ("AWS_REGION", "eu\r")]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("is not a RUN") && !said.contains("panicked"), "{said}");
}
