//! Server-sent events: bytes in, `data` payloads out, however the bytes are cut.
//!
//! A line is parsed when its end has come; comments (`:` lines, which OpenRouter sends to keep a
//! connection open) and fields other than `data` are skipped.

/// An incremental reader of an event stream.
#[derive(Debug, Default)]
pub struct Events {
    pending: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
}

impl Events {
    /// Takes the next bytes and hands each complete event's data to `each`; stops at its error.
    pub fn feed<E>(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|b| *b == b'\n') {
            if self.pending.is_empty() {
                self.line(&rest[..end], &mut each)?;
            } else {
                let mut line = std::mem::take(&mut self.pending);
                line.extend_from_slice(&rest[..end]);
                self.line(&line, &mut each)?;
            }
            rest = &rest[end + 1..];
        }
        self.pending.extend_from_slice(rest);
        Ok(())
    }

    /// The stream has ended: an event without its closing empty line still counts.
    pub fn finish<E>(&mut self, mut each: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let line = std::mem::take(&mut self.pending);
        if !line.is_empty() {
            self.line(&line, &mut each)?;
        }
        self.line(b"", &mut each)
    }

    /// Bytes held back.
    pub fn held(&self) -> usize {
        self.pending.len() + self.data.len()
    }

    fn line<E>(
        &mut self,
        line: &[u8],
        each: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            if std::mem::take(&mut self.has_data) {
                let data = std::mem::take(&mut self.data);
                each(&data)?;
                self.data = data;
                self.data.clear();
            }
            return Ok(());
        }
        let Some(value) = line.strip_prefix(b"data:") else { return Ok(()) };
        if self.has_data {
            self.data.push(b'\n');
        }
        self.has_data = true;
        self.data.extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Events;
    use proptest::prelude::*;

    fn all(chunks: &[&[u8]]) -> Vec<String> {
        let mut events = Events::default();
        let mut out = Vec::new();
        let mut push = |data: &[u8]| {
            out.push(String::from_utf8_lossy(data).into_owned());
            Ok::<(), ()>(())
        };
        for chunk in chunks {
            events.feed(chunk, &mut push).expect("push cannot fail");
        }
        events.finish(&mut push).expect("push cannot fail");
        out
    }

    const STREAM: &[u8] =
        b": hello\r\ndata: {\"a\":1}\r\n\r\nevent: x\ndata:b\ndata: c\n\n\ndata: [DONE]";

    #[test]
    fn comments_and_other_fields_are_skipped_and_lines_joined() {
        assert_eq!(all(&[STREAM]), ["{\"a\":1}", "b\nc", "[DONE]"]);
    }

    proptest! {
        #[test]
        fn cuts_do_not_matter(cut in 0..STREAM.len(), second in 0..STREAM.len()) {
            let (a, b) = (cut.min(second), cut.max(second));
            prop_assert_eq!(all(&[&STREAM[..a], &STREAM[a..b], &STREAM[b..]]), all(&[STREAM]));
        }
    }
}
