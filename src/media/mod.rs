//! The one reading of a picture: what its bytes are, whether they are whole, how large it is, what
//! rides on it, which way is up, and its pixels.
//!
//! Pictures come from generators, pools and datasets, and every one of them is untrusted. `take` is
//! the door by which one enters a RUN; `Outline::read` is what everyone else asks about one that is
//! there already. The rules, which hold for all callers:
//!
//! - A picture is what its first bytes say, never what a name or a server says (`kind`).
//! - It is whole when its container, walked part by part, comes to its end (`container`). Bytes after
//!   that end belong to nobody: they are cut when the picture is taken and passed over elsewhere.
//! - Its size is bounded before anything is decoded (`bounds`).
//! - What is not pixels or their colours (EXIF, XMP, comments, text chunks, signed manifests) is cut,
//!   so that two draws which differ in notes are one picture, and no note leaves with a dataset.
//! - A picture that is stored lying down is set upright, since some readers obey the note that says so
//!   and others do not. The pixels are decoded, turned and kept as PNG, which loses nothing of what
//!   was decoded; a lossy file turned by encoding it again would lose a little each time. It is the
//!   only case in which a picture is encoded anew.

mod bounds;
mod container;
mod error;
mod inflate;
mod kind;
mod orientation;
mod outline;
mod picture;
mod pixels;
mod take;
#[cfg(test)]
mod tests;

pub use bounds::{MAX_PIXELS, MAX_RATIO, MIN_SIDE};
pub use error::{PictureError, Unread};
pub use kind::Kind;
pub use orientation::Orientation;
pub use outline::Outline;
pub use picture::{Picture, thumbnail};
pub use take::{Taken, Verify, take};

/// What the simulated world writes into its pictures, as a PNG's `Software`: the one note that is
/// kept, so that what is simulated says so wherever it goes.
pub const SIMULATED: &str = "coldstart simulated world; not a generative model";
