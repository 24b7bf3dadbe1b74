//! Just enough of S3 for a RUN: put, get, head, list, delete, by a server that keeps its promises, or
//! does not, or answers as the hub's gateway does.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// How the server takes what it is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Keeps,
    /// It ignores `If-None-Match`.
    Ignores,
    NotImplemented,
    ListsNothing,
    /// As Hugging Face's gateway: a namespace before the bucket, a GET answered by 302 to another
    /// server that must not be shown the key, no odd names, no metadata, no checksums behind the body.
    Hub,
}

type Objects = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// The namespace of `Manner::Hub`.
const NAMESPACE: &str = "/someone";

/// Starts a server; what `AWS_ENDPOINT_URL` is to say.
pub fn s3(manner: Manner) -> String {
    watched(manner).0
}

/// As `s3`; and what it was asked so far, method and path.
pub fn watched(manner: Manner) -> (String, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::<Mutex<Vec<String>>>::default();
    let log = seen.clone();
    let objects = Objects::default();
    let cdn = match manner {
        Manner::Hub => listen({
            let objects = objects.clone();
            move |asked| from_cdn(asked, &objects)
        }),
        _ => String::new(),
    };
    let base = listen(move |asked| {
        log.lock().expect("no panic").push(format!("{} {}", asked.method, asked.path()));
        answer(asked, manner, &objects, &cdn)
    });
    (if manner == Manner::Hub { base + NAMESPACE } else { base }, seen)
}

struct Asked {
    method: String,
    /// With its query.
    target: String,
    /// In lower case.
    head: String,
    body: Vec<u8>,
}

impl Asked {
    fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or("")
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

#[derive(Default)]
struct Said {
    status: u16,
    headers: String,
    body: Vec<u8>,
}

impl Said {
    fn of(status: u16, body: &str) -> Said {
        Said { status, body: body.into(), ..Said::default() }
    }
}

fn listen(answer: impl Fn(&Asked) -> Said + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || {
                let mut stream = stream;
                let Some(asked) = read(&mut stream) else { return };
                let Said { status, headers, body } = answer(&asked);
                let length = body.len();
                let body = if asked.method == "HEAD" { Vec::new() } else { body };
                let head = format!(
                    "HTTP/1.1 {status} X\r\nconnection: close\r\netag: \"e\"\r\n{headers}\
                     last-modified: Thu, 01 Jan 2026 00:00:00 GMT\r\ncontent-length: {length}\r\n\r\n"
                );
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
            });
        }
    });
    base
}

fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let mut words = head.split(' ').map(str::to_owned);
            let (method, target) = (words.next()?, words.next()?);
            let asked = Asked { method, target, head: head.to_lowercase(), body: Vec::new() };
            let length = asked.header("content-length").and_then(|n| n.trim().parse().ok());
            if bytes.len() >= end + 4 + length.unwrap_or(0) {
                return Some(Asked { body: bytes[end + 4..].to_vec(), ..asked });
            }
        }
        match stream.read(&mut buffer) {
            Ok(n @ 1..) => bytes.extend_from_slice(&buffer[..n]),
            _ => return None,
        }
    }
}

fn answer(asked: &Asked, manner: Manner, objects: &Objects, cdn: &str) -> Said {
    let path = asked.path().to_owned();
    if manner == Manner::Hub
        && let Some(refused) = hub_refuses(asked)
    {
        return Said::of(400, refused);
    }
    let absent = asked.header("if-none-match").is_some();
    let mut objects = objects.lock().expect("no panic");
    match asked.method.as_str() {
        "PUT" if absent && manner == Manner::NotImplemented => {
            Said::of(501, "<Error><Code>NotImplemented</Code></Error>")
        }
        "PUT" if absent && manner != Manner::Ignores && objects.contains_key(&path) => {
            Said::of(412, "<Error><Code>PreconditionFailed</Code></Error>")
        }
        "PUT" => {
            objects.insert(path, asked.body.clone());
            Said::of(200, "")
        }
        "DELETE" => {
            objects.remove(&path);
            Said::of(204, "")
        }
        "GET" if asked.target.contains("list-type") => list(asked, manner, &objects),
        "GET" if manner == Manner::Hub && objects.contains_key(&path) => {
            Said { headers: format!("location: {cdn}{path}\r\n"), ..Said::of(302, "") }
        }
        _ => objects.get(&path).map_or(Said::of(404, ""), |bytes| part(asked, bytes)),
    }
}

/// What the gateway does not take.
fn hub_refuses(asked: &Asked) -> Option<&'static str> {
    let path = asked.path();
    if !path.starts_with(&format!("{NAMESPACE}/bkt")) {
        return Some("no such namespace or bucket");
    }
    if path.contains("//") || path.split('/').any(|part| part == "." || part == "..") {
        return Some("an odd name");
    }
    if asked.header("x-amz-trailer").is_some() {
        return Some("trailing checksums are not known here");
    }
    asked.header("authorization").is_none().then_some("no key")
}

/// The other server: it must not see the key.
fn from_cdn(asked: &Asked, objects: &Objects) -> Said {
    if asked.header("authorization").is_some() {
        return Said::of(400, "this key is not for me");
    }
    let objects = objects.lock().expect("no panic");
    objects.get(asked.path()).map_or(Said::of(404, ""), |bytes| part(asked, bytes))
}

/// The whole, or the range that is asked for.
fn part(asked: &Asked, bytes: &[u8]) -> Said {
    let whole = Said { status: 200, body: bytes.to_vec(), ..Said::default() };
    let Some(range) = asked.header("range").and_then(|range| range.strip_prefix("bytes=")) else {
        return whole;
    };
    let size = bytes.len();
    let Some((from, to)) = range.split_once('-') else { return whole };
    let (from, to) = match (from.parse::<usize>(), to.parse::<usize>()) {
        (Ok(from), Ok(to)) => (from, (to + 1).min(size)),
        (Ok(from), Err(_)) => (from, size),
        (Err(_), Ok(last)) => (size.saturating_sub(last), size),
        _ => return whole,
    };
    if from >= to {
        return Said::of(416, "");
    }
    let headers = format!("content-range: bytes {from}-{}/{size}\r\n", to - 1);
    Said { status: 206, headers, body: bytes[from..to].to_vec() }
}

fn list(asked: &Asked, manner: Manner, objects: &BTreeMap<String, Vec<u8>>) -> Said {
    let bucket = format!("{}/", asked.path().trim_end_matches('/'));
    let prefix = asked.target.split('?').nth(1).unwrap_or("").split('&');
    let prefix = prefix.filter_map(|pair| pair.strip_prefix("prefix=")).next().unwrap_or("");
    let prefix = prefix.replace("%2F", "/");
    let contents: String = objects
        .iter()
        .filter(|_| manner != Manner::ListsNothing)
        .filter_map(|(path, bytes)| Some((path.strip_prefix(&bucket)?, bytes)))
        .filter(|(key, _)| key.starts_with(&prefix))
        .map(|(key, bytes)| {
            format!(
                "<Contents><Key>{key}</Key><Size>{}</Size><ETag>\"e\"</ETag>\
                 <LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>",
                bytes.len()
            )
        })
        .collect();
    let list = "<ListBucketResult><IsTruncated>false</IsTruncated>";
    Said::of(200, &format!("{list}{contents}</ListBucketResult>"))
}
