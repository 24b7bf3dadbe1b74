//! What a RUN relies on in its store is tried at its start, against servers that do not keep it; and
//! values of the environment that no client takes are named, not panicked over.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

/// How a server of ours takes a put with `If-None-Match`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Keeps,
    Ignores,
    NotImplemented,
    ListsNothing,
}

/// Just enough of S3: put, get, head, list, delete.
fn s3(manner: Manner) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let objects: Arc<Mutex<BTreeMap<String, Vec<u8>>>> = Arc::default();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let objects = objects.clone();
            std::thread::spawn(move || serve(stream, manner, &objects));
        }
    });
    base
}

fn serve(mut stream: TcpStream, manner: Manner, objects: &Mutex<BTreeMap<String, Vec<u8>>>) {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    let (head, body) = loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length = head.lines().find_map(|l| l.strip_prefix("content-length: "));
            let length: usize = length.and_then(|l| l.trim().parse().ok()).unwrap_or(0);
            if bytes.len() >= end + 4 + length {
                let whole = String::from_utf8_lossy(&bytes[..end]).into_owned();
                break (whole, bytes[end + 4..].to_vec());
            }
        }
        match stream.read(&mut buffer) {
            Ok(n @ 1..) => bytes.extend_from_slice(&buffer[..n]),
            _ => return,
        }
    };
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let path = target.split('?').next().unwrap_or("").to_owned();
    let absent = head.to_lowercase().contains("if-none-match");
    let mut objects = objects.lock().expect("no panic");
    let (status, said) = match method {
        "PUT" if absent && manner == Manner::NotImplemented => {
            (501, b"<Error><Code>NotImplemented</Code></Error>".to_vec())
        }
        "PUT" if absent && manner != Manner::Ignores && objects.contains_key(&path) => {
            (412, b"<Error><Code>PreconditionFailed</Code></Error>".to_vec())
        }
        "PUT" => {
            objects.insert(path, body);
            (200, Vec::new())
        }
        "DELETE" => {
            objects.remove(&path);
            (204, Vec::new())
        }
        "GET" if target.contains("list-type") => {
            let contents: String = objects
                .iter()
                .filter(|_| manner != Manner::ListsNothing)
                .map(|(path, bytes)| {
                    let key = path.trim_start_matches("/bkt/");
                    format!(
                        "<Contents><Key>{key}</Key><Size>{}</Size><ETag>\"e\"</ETag>\
                         <LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>",
                        bytes.len()
                    )
                })
                .collect();
            let list = format!(
                "<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
            );
            (200, list.into_bytes())
        }
        _ => match objects.get(&path) {
            Some(bytes) => (200, bytes.clone()),
            None => (404, Vec::new()),
        },
    };
    let length = said.len();
    let said = if method == "HEAD" { Vec::new() } else { said };
    let head = format!(
        "HTTP/1.1 {status} X\r\nconnection: close\r\netag: \"e\"\r\n\
         last-modified: Thu, 01 Jan 2026 00:00:00 GMT\r\ncontent-length: {length}\r\n\r\n"
    );
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&said));
}

fn coldstart(args: &[&str], set: &[(&str, &str)]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coldstart"));
    command.args(args).env("AWS_ACCESS_KEY_ID", "a").env("AWS_SECRET_ACCESS_KEY", "b");
    command.env("AWS_REGION", "us-east-1").env("http_proxy", "http://127.0.0.1:9");
    command.envs(set.iter().copied());
    let Output { status, stderr, .. } = command.output().expect("it runs");
    (status.code().unwrap_or(-1), String::from_utf8_lossy(&stderr).into_owned())
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
