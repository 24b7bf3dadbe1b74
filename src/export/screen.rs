//! What may go into an export: a trajectory becomes an example, or is left out for a reason.

use crate::export::conversation::{self, Conversation, ConversationOptions, Turn};
use crate::export::purity::of_row;
use crate::export::tokens::Measure;
use crate::media::{Outline, PictureError};
use crate::record::{Digest, ImageRef, Trajectory};
use bytes::Bytes;

/// The limits an example must keep.
pub struct Screen {
    pub options: ConversationOptions,
    pub measure: Measure,
    /// Tokens of a whole conversation.
    pub max_tokens: u32,
    /// Images are scaled down to this by the trainer; it enters the token count.
    pub max_image_pixels: u64,
    /// So probable must it be that every verdict of a row is right; 0: whatever it says.
    pub min_posterior: f64,
}

/// An example that passed.
#[derive(Debug)]
pub struct Passed {
    pub conversation: Conversation,
    pub tokens: u32,
}

/// Why it did not: a stable code and the fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    pub code: &'static str,
    pub what: String,
}

impl Screen {
    /// Checks one trajectory with the bytes of its conversation's images, and what each of them
    /// hashes to.
    pub fn pass(
        &self,
        trajectory: &Trajectory,
        images: &[Bytes],
        digests: &[Digest],
    ) -> Result<Passed, Left> {
        let conversation = self.conversation(trajectory)?;
        let shown = conversation::images(trajectory);
        if shown.len() != images.len() || shown.len() != digests.len() {
            let what = format!("{} images for {} slots", images.len(), shown.len());
            return Err(Left { code: "image_missing", what });
        }
        for ((image, bytes), digest) in shown.iter().zip(images).zip(digests) {
            whole(image, bytes, *digest)?;
        }
        self.measured(conversation)
    }

    /// Checks all of a trajectory but the bytes of its images.
    pub fn pass_texts(&self, trajectory: &Trajectory) -> Result<Passed, Left> {
        self.measured(self.conversation(trajectory)?)
    }

    fn conversation(&self, trajectory: &Trajectory) -> Result<Conversation, Left> {
        let conversation = conversation::turns(trajectory, &self.options)
            .map_err(|refusal| Left { code: refusal.code(), what: refusal.to_string() })?;
        if self.min_posterior > 0.0 {
            let left = |what: String| Left { code: "posterior", what };
            match of_row(trajectory) {
                None => return Err(left("it does not say how sure its verdicts are".into())),
                Some((p, _)) if p < self.min_posterior => {
                    return Err(left(format!("{p:.4}, at least {}", self.min_posterior)));
                }
                Some(_) => {}
            }
        }
        Ok(conversation)
    }

    fn measured(&self, conversation: Conversation) -> Result<Passed, Left> {
        let tokens = self.tokens(&conversation.turns).ok_or_else(|| Left {
            code: "image_bounds",
            what: "an image's sides have a ratio over 200".into(),
        })?;
        if tokens > self.max_tokens {
            let what = format!("{tokens} tokens, at most {}", self.max_tokens);
            return Err(Left { code: "too_long", what });
        }
        Ok(Passed { conversation, tokens })
    }

    /// The tokens of these turns in training. None when an image cannot be used.
    pub fn tokens(&self, turns: &[Turn]) -> Option<u32> {
        self.measure.turns(turns, self.options.dialect, self.max_image_pixels)
    }
}

/// Whether the bytes are the image they are said to be, by digest, header and end, and whether every
/// trainer sees it the same way up. What a picture has after its end or beside its pixels is no fault
/// here: those of older RUNs were taken with it.
fn whole(image: &ImageRef, bytes: &[u8], digest: Digest) -> Result<(), Left> {
    let damaged = |what: String| Left { code: "image_damaged", what };
    if digest != image.digest {
        return Err(damaged(format!("image `{}` holds other bytes", image.digest)));
    }
    let found = Outline::read(bytes)
        .map_err(|e: PictureError| damaged(format!("image `{}`: {e}", image.digest)))?;
    let Outline { mime, width, height, .. } = found;
    if (mime, width, height) != (image.mime, image.width, image.height) {
        let what = format!("image `{}` is {width} x {height} {}", image.digest, mime.as_str());
        return Err(damaged(what));
    }
    if !found.orientation.is_upright() {
        let what = format!("image `{}` is stored lying, which only some readers see", image.digest);
        return Err(Left { code: "image_turned", what });
    }
    Ok(())
}
