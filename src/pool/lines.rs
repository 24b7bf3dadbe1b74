//! Lines of a text of unknown size and origin, bounded: BOM and CRLF are tolerated, a line over the
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
}

impl<R: Read> Lines<R> {
    /// `max`: the longest line that is held, in bytes.
    pub fn new(inner: R, max: u64) -> Lines<R> {
        Lines { inner: BufReader::with_capacity(1 << 16, inner), number: 0, max }
    }

    /// The next line, None at the end. A read error ends the text; it comes once.
    pub fn next_line(&mut self) -> io::Result<Option<Line>> {
        let mut line = Vec::new();
        let mut taken = (&mut self.inner).take(self.max + 1);
        if taken.read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        if line.len() as u64 > self.max && line.last() != Some(&b'\n') {
            self.skip_line()?;
            return Ok(Some(Line::TooLong(self.number)));
        }
        while matches!(line.last(), Some(b'\n' | b'\r')) {
            line.pop();
        }
        if self.number == 1 && line.starts_with(b"\xef\xbb\xbf") {
            line.drain(..3);
        }
        Ok(Some(match String::from_utf8(line) {
            Ok(text) => Line::Text(self.number, text),
            Err(_) => Line::Encoding(self.number),
        }))
    }

    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let chunk = self.inner.fill_buf()?;
            if chunk.is_empty() {
                return Ok(());
            }
            match chunk.iter().position(|&b| b == b'\n') {
                Some(end) => {
                    self.inner.consume(end + 1);
                    return Ok(());
                }
                None => {
                    let all = chunk.len();
                    self.inner.consume(all);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Line, Lines};

    #[test]
    fn odd_lines_are_named_and_the_rest_is_read() {
        let text = b"\xef\xbb\xbfone\r\ntwo\n\xff\xfe\nlonger than ten bytes\nend";
        let mut lines = Lines::new(&text[..], 10);
        let mut seen = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            seen.push(match line {
                Line::Text(n, text) => format!("{n} {text}"),
                Line::Encoding(n) => format!("{n} encoding"),
                Line::TooLong(n) => format!("{n} long"),
            });
        }
        assert_eq!(seen, ["1 one", "2 two", "3 encoding", "4 long", "5 end"]);
    }
}
