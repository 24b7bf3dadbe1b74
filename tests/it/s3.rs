//! A real S3 server for the store suite, behind a proxy that can lose a reply.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The bucket that is there.
pub const BUCKET: &str = "coldstart";

/// A running server; stopped when dropped.
pub struct S3 {
    server: Child,
    /// Of the proxy.
    pub endpoint: String,
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl S3 {
    /// `None` when the server is not installed (`tests/s3/setup.sh` does that). The proxy loses
    /// the reply to the first PUT of a name that contains `lost_reply`.
    pub fn start() -> Option<S3> {
        let project = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let python = project.join("target/s3/bin/python");
        if !project.join("target/s3/bin/moto_server").exists() {
            return None;
        }
        let port = free_port();
        let server = Command::new(python)
            .arg(project.join("tests/s3/serve.py"))
            .arg(port.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut s3 = S3 { server, endpoint: String::new() };
        s3.make_bucket(port);
        s3.endpoint = format!("http://127.0.0.1:{}", proxy(port));
        Some(s3)
    }

    fn make_bucket(&mut self, port: u16) {
        loop {
            if let Ok(mut connection) = TcpStream::connect(("127.0.0.1", port)) {
                let request = format!(
                    "PUT /{BUCKET} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\
                     Connection: close\r\n\r\n"
                );
                connection.write_all(request.as_bytes()).expect("sent");
                let mut reply = String::new();
                connection.read_to_string(&mut reply).expect("a reply");
                assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
                return;
            }
            assert_eq!(self.server.try_wait().expect("a child"), None, "the S3 server ended");
            std::thread::yield_now();
        }
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// Forwards connections to `port`; lives as long as the process.
fn proxy(port: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let own = listener.local_addr().expect("an address").port();
    let lost = Arc::new(AtomicBool::new(false));
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
            let cut = Arc::new(AtomicBool::new(false));
            let (c, s) = (client.try_clone(), server.try_clone());
            if let (Ok(client), Ok(server)) = (c, s) {
                let (lost, cut) = (Arc::clone(&lost), Arc::clone(&cut));
                std::thread::spawn(move || requests(client, server, &lost, &cut));
            }
            std::thread::spawn(move || replies(server, client, &cut));
        }
    });
    own
}

fn requests(mut client: TcpStream, mut server: TcpStream, lost: &AtomicBool, cut: &AtomicBool) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(n @ 1..) = client.read(&mut buffer) {
        let text = String::from_utf8_lossy(&buffer[..n.min(400)]);
        let line = text.lines().next().unwrap_or_default();
        if line.starts_with("PUT ") && line.contains("lost_reply") {
            cut.store(!lost.swap(true, Ordering::SeqCst), Ordering::SeqCst);
        }
        if server.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Write);
}

fn replies(mut server: TcpStream, mut client: TcpStream, cut: &AtomicBool) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(n @ 1..) = server.read(&mut buffer) {
        if cut.load(Ordering::SeqCst) || client.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
}
