//! Reading ahead: the next piece of a stream is fetched, and unpacked, while the last is looked at.
//!
//! Two large buffers go to and fro between the thread that reads and the one that looks. So the disk or
//! bucket is never idle because a row is being checked, and memory is two pieces whatever the size of
//! the file.

use crate::env::ahead::Task;
use crate::pool::input::Stream;
use std::io::{self, Read};
use tokio::runtime::Handle;

/// The first piece, read on the spot: most files of a folder, and all that a head needs, end in it.
const FIRST: usize = 64 << 10;

/// A stream, read one piece ahead.
pub struct Ahead {
    handle: Handle,
    /// Size of a piece.
    piece: usize,
    held: Filled,
    /// How much of `held` has been given out.
    given: usize,
    next: Next,
}

#[derive(Default)]
struct Filled {
    buffer: Vec<u8>,
    len: usize,
}

enum Next {
    Unread(Stream),
    Coming(Task<(Filled, Next)>),
    /// The stream's end: an error is said once.
    End(Option<io::Error>),
}

impl Ahead {
    pub fn new(handle: &Handle, stream: Stream, piece: usize) -> Ahead {
        let (handle, next) = (handle.clone(), Next::Unread(stream));
        Ahead { handle, piece, held: Filled::default(), given: 0, next }
    }

    /// Brings the next piece; an empty one is the end.
    fn advance(&mut self) -> io::Result<()> {
        self.given = 0;
        let spare = std::mem::take(&mut self.held).buffer;
        let (filled, next) = match std::mem::replace(&mut self.next, Next::End(None)) {
            Next::Unread(stream) => fill(stream, Vec::new(), FIRST.min(self.piece)),
            Next::Coming(task) => task.finish(),
            Next::End(error) => return error.map_or(Ok(()), Err),
        };
        self.next = match next {
            Next::Unread(stream) => {
                let piece = self.piece;
                Next::Coming(Task::start(&self.handle, move || fill(stream, spare, piece)))
            }
            other => other,
        };
        self.held = filled;
        if self.held.len > 0 {
            return Ok(());
        }
        match std::mem::replace(&mut self.next, Next::End(None)) {
            Next::End(Some(error)) => Err(error),
            other => {
                self.next = other;
                Ok(())
            }
        }
    }
}

/// Reads until `buffer` holds `len` bytes, or to the end: only a full piece has a stream after it.
fn fill(mut stream: Stream, mut buffer: Vec<u8>, len: usize) -> (Filled, Next) {
    buffer.resize(len, 0);
    let mut at = 0;
    while at < len {
        match stream.read(&mut buffer[at..]) {
            Ok(0) => return (Filled { buffer, len: at }, Next::End(None)),
            Ok(n) => at += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return (Filled { buffer, len: at }, Next::End(Some(e))),
        }
    }
    (Filled { buffer, len }, Next::Unread(stream))
}

impl Read for Ahead {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.given == self.held.len {
            self.advance()?;
        }
        let rest = &self.held.buffer[self.given..self.held.len];
        let n = rest.len().min(out.len());
        out[..n].copy_from_slice(&rest[..n]);
        self.given += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::{Ahead, FIRST};
    use std::io::{self, Read};

    /// Gives its bytes in odd steps, then `end`.
    struct Odd(Vec<u8>, usize, Option<io::ErrorKind>);

    impl Read for Odd {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            if self.1 == self.0.len() {
                return self.2.take().map_or(Ok(0), |kind| Err(kind.into()));
            }
            let n = (self.0.len() - self.1).min(out.len()).min(1 + self.1 % 4099);
            out[..n].copy_from_slice(&self.0[self.1..self.1 + n]);
            self.1 += n;
            Ok(n)
        }
    }

    #[test]
    fn every_byte_comes_once_and_an_error_after_them() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let piece = FIRST + 1000;
        for len in [0, 1, FIRST - 1, FIRST, FIRST + 1, FIRST + piece, 400_000] {
            let bytes: Vec<u8> = (0..len).map(|n| (n % 251) as u8).collect();
            for end in [None, Some(io::ErrorKind::TimedOut)] {
                let stream = Box::new(Odd(bytes.clone(), 0, end));
                let mut ahead = Ahead::new(runtime.handle(), stream, piece);
                let mut out = Vec::new();
                let read = ahead.read_to_end(&mut out);
                assert_eq!(read.map_err(|e| e.kind()).err(), end, "{len}");
                assert!(out == bytes, "{len}");
                assert_eq!(ahead.read(&mut [0; 9]).unwrap(), 0, "an error is said once");
            }
        }
    }
}
