//! Request bodies: JSON written by hand, with images put in as they are sent.
//!
//! A body is a list of pieces, text or an image's digest. Its length is known without reading an
//! image (base64 grows by rule), so Content-Length is exact, and an image is read from the blobs and
//! encoded piece by piece only while its bytes go out: a call that waits for its reply holds none of
//! them.

use crate::call::{CallError, Images};
use crate::env::Env;
use crate::record::ImageRef;
use bytes::Bytes;
use futures::stream::{self, Stream};
use parking_lot::{Mutex, MutexGuard};
use serde::Serialize;
use std::sync::Arc;
use tokio::time::Instant;

/// A body being written. Cheap to clone once it is `closed`.
#[derive(Debug, Default, Clone)]
pub struct Body {
    pieces: Vec<Piece>,
    open: Vec<u8>,
}

#[derive(Debug, Clone)]
enum Piece {
    Bytes(Bytes),
    /// The image's bytes in base64.
    Image(ImageRef),
}

/// Raw bytes per encoded piece; a multiple of 3, so that pieces join without padding.
const SLICE: usize = 48 * 1024;

/// What became of a body that was handed over to be sent. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Sent(Arc<Mutex<Fate>>);

#[derive(Debug, Default)]
struct Fate {
    /// When its last piece so far went out, which it does only over a connection that stands.
    last: Option<Instant>,
    /// The failure to read an image, since a stream can only break off.
    broken: Option<CallError>,
}

impl Sent {
    pub fn last(&self) -> Option<Instant> {
        self.lock().last
    }

    pub fn broken(&self) -> Option<CallError> {
        self.lock().broken.take()
    }

    fn lock(&self) -> MutexGuard<'_, Fate> {
        self.0.lock()
    }
}

impl Body {
    /// Text that is JSON already.
    pub fn raw(&mut self, json: &str) -> &mut Body {
        self.open.extend_from_slice(json.as_bytes());
        self
    }

    /// A value as JSON.
    pub fn json(&mut self, value: &(impl Serialize + ?Sized)) -> &mut Body {
        // Writing to memory cannot fail, and what is written here are strings, numbers and values.
        let _ = serde_json::to_writer(&mut self.open, value);
        self
    }

    /// The image's base64 (no quotes).
    pub fn image(&mut self, image: ImageRef) -> &mut Body {
        self.close();
        self.pieces.push(Piece::Image(image));
        self
    }

    /// Nothing more is written to it.
    pub fn closed(mut self) -> Body {
        self.close();
        self
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            self.pieces.push(Piece::Bytes(std::mem::take(&mut self.open).into()));
        }
    }

    /// Bytes on the wire.
    pub fn len(&self) -> u64 {
        let pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Bytes(bytes) => bytes.len() as u64,
            Piece::Image(image) => image.bytes.div_ceil(3) * 4,
        });
        pieces.sum::<u64>() + self.open.len() as u64
    }

    /// The body for the client.
    pub fn into_reqwest(mut self, env: &Env, images: &Arc<dyn Images>) -> (reqwest::Body, Sent) {
        let sent = Sent::default();
        self.close();
        let stream = send(self.pieces, env.clone(), images.clone(), sent.clone());
        (reqwest::Body::wrap_stream(stream), sent)
    }
}

struct Sending {
    pieces: std::vec::IntoIter<Piece>,
    image: Bytes,
    env: Env,
    images: Arc<dyn Images>,
    sent: Sent,
}

fn send(
    pieces: Vec<Piece>,
    env: Env,
    images: Arc<dyn Images>,
    sent: Sent,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static {
    let start = Sending { pieces: pieces.into_iter(), image: Bytes::new(), env, images, sent };
    stream::try_unfold(start, |mut state| async move {
        loop {
            if !state.image.is_empty() {
                let slice = state.image.split_to(SLICE.min(state.image.len()));
                let text = base64_simd::STANDARD.encode_type::<Vec<u8>>(&slice);
                state.mark();
                return Ok(Some((Bytes::from(text), state)));
            }
            match state.pieces.next() {
                None => return Ok(None),
                Some(Piece::Bytes(bytes)) => {
                    state.mark();
                    return Ok(Some((bytes, state)));
                }
                Some(Piece::Image(image)) => state.image = state.load(image).await?,
            }
        }
    })
}

impl Sending {
    /// A piece goes out now.
    fn mark(&self) {
        self.sent.lock().last = Some(self.env.now());
    }

    async fn load(&self, image: ImageRef) -> Result<Bytes, std::io::Error> {
        let error = match self.images.image(image.digest).await {
            Ok(bytes) if bytes.len() as u64 == image.bytes => return Ok(bytes),
            Ok(bytes) => CallError::Record {
                what: format!(
                    "image {} has {} bytes where {} were recorded",
                    image.digest,
                    bytes.len(),
                    image.bytes
                ),
            },
            Err(error) => error,
        };
        self.sent.lock().broken = Some(error);
        Err(std::io::Error::other("an image could not be read"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Body, SLICE, send};
    use crate::call::{CallError, Images};
    use crate::env::Env;
    use crate::record::{Digest, ImageRef, Mime};
    use bytes::Bytes;
    use futures::TryStreamExt;
    use std::sync::Arc;

    struct One(Bytes);

    #[async_trait::async_trait]
    impl Images for One {
        async fn image(&self, _: Digest) -> Result<Bytes, CallError> {
            Ok(self.0.clone())
        }
    }

    #[tokio::test]
    async fn the_length_is_known_before_an_image_is_read() {
        for size in [0, 1, 2, 3, SLICE - 1, SLICE, SLICE + 1, 3 * SLICE + 5] {
            let bytes = Bytes::from(vec![7; size]);
            let image = ImageRef {
                digest: Digest::of(&bytes),
                mime: Mime::Png,
                width: 1,
                height: 1,
                bytes: size as u64,
            };
            let mut body = Body::default();
            body.raw("{\"a\":").json("q\"").raw(",\"b\":\"").image(image).raw("\"}");
            let expect = body.len();
            body.close();
            let sent: Vec<Bytes> =
                send(body.pieces, Env::real(), Arc::new(One(bytes.clone())), Default::default())
                    .try_collect()
                    .await
                    .expect("the image is there");
            let sent = sent.concat();
            assert_eq!(sent.len() as u64, expect);
            let value: serde_json::Value = serde_json::from_slice(&sent).expect("JSON");
            let text = value["b"].as_str().expect("a string");
            assert_eq!(base64_simd::STANDARD.decode_to_vec(text).expect("base64"), bytes);
        }
    }
}
