//! Lines of a text of unknown size and origin, bounded: BOM, CRLF and CR are tolerated, a line over the
//! bound is skipped without being held, and what is not UTF-8 is said.

use std::io::{self, BufRead, BufReader, Read};

/// One line, numbered from 1.
pub enum Line {
    Text(u64, String),
    /// Not UTF-8.
    Encoding(u64),
    /// Over the bound.
    TooLong(u64),
}

/// Reads line by line.
pub struct Lines<R> {
    inner: BufReader<R>,
    number: u64,
    max: u64,
    /// The last line ended with CR: an LF that follows belongs to it.
    after_cr: bool,
}

impl<R: Read> Lines<R> {
    /// `max`: the longest line that is held, in bytes.
    pub fn new(inner: R, max: u64) -> Lines<R> {
        Lines { inner: BufReader::with_capacity(1 << 16, inner), number: 0, max, after_cr: false }
    }

    /// The next line, None at the end; CR, LF and both end one. A read error ends the text; it comes
    /// once.
    pub fn next_line(&mut self) -> io::Result<Option<Line>> {
        let mut line = Vec::new();
        let (mut ended, mut long, mut any) = (false, false, false);
        while !ended {
            let chunk = self.inner.fill_buf()?;
            if chunk.is_empty() {
                break;
            }
            if std::mem::take(&mut self.after_cr) && chunk.first() == Some(&b'\n') {
                self.inner.consume(1);
                continue;
            }
            any = true;
            let end = memchr::memchr2(b'\n', b'\r', chunk);
            let piece = &chunk[..end.unwrap_or(chunk.len())];
            long |= (line.len() + piece.len()) as u64 > self.max;
            if !long {
                line.extend_from_slice(piece);
            }
            if let Some(at) = end {
                ended = true;
                self.after_cr = chunk[at] == b'\r';
            }
            let used = piece.len() + usize::from(ended);
            self.inner.consume(used);
        }
        if !any {
            return Ok(None);
        }
        self.number += 1;
        if long {
            return Ok(Some(Line::TooLong(self.number)));
        }
        if self.number == 1 && line.starts_with(b"\xef\xbb\xbf") {
            line.drain(..3);
        }
        Ok(Some(match String::from_utf8(line) {
            Ok(text) => Line::Text(self.number, text),
            Err(_) => Line::Encoding(self.number),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::{Line, Lines};

    #[test]
    fn odd_lines_are_named_and_the_rest_is_read() {
        let text = b"\xef\xbb\xbfone\r\ntwo\n\xff\xfe\nlonger than ten bytes\nold\rmac\r\r\nend";
        let mut lines = Lines::new(&text[..], 10);
        let mut seen = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            seen.push(match line {
                Line::Text(n, text) => format!("{n} {text}"),
                Line::Encoding(n) => format!("{n} encoding"),
                Line::TooLong(n) => format!("{n} long"),
            });
        }
        assert_eq!(
            seen,
            ["1 one", "2 two", "3 encoding", "4 long", "5 old", "6 mac", "7 ", "8 end"]
        );
    }
}
