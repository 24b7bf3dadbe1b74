//! Images looked at on other threads, a few batches ahead of the proof.
//!
//! What is proved is `export::verify`'s. Hashing and reading take the time and the proof takes the
//! order, so batches go out to threads and come back in the order they left.

use crate::env::ahead::{Bounds, OrderedBuffer};
use crate::export::formats::Back;
use crate::export::verify::{Look, Shown, Verifier};
use crate::store::Store;
use bytes::Bytes;
use serde_json::Value;
use std::collections::HashSet;
use tokio::runtime::Handle;

/// Images of a batch: 5 MB of them, where they have 300 KB.
const BATCH: usize = 16;
/// Batches under way, and the bytes of the images that they brought along.
const UNDER_WAY: Bounds = Bounds { count: 3, bytes: 64 << 20 };

/// See the module's header.
pub struct Ahead<'a, 'b> {
    store: &'a Store,
    handle: &'a Handle,
    verifier: &'a mut Verifier<'b>,
    /// Files that a row has shown.
    shown: HashSet<String>,
    batch: Vec<Draft>,
    images: usize,
    /// Bytes of the images in `batch`.
    bytes: usize,
    out: OrderedBuffer<Vec<Draft>>,
}

/// A row on its way.
struct Draft {
    split: String,
    row: Value,
    back: Result<Back, String>,
    images: Vec<(String, Wanted)>,
}

/// How an image is to be looked at, then what was seen.
enum Wanted {
    Bytes(Bytes),
    File,
    Done(Shown),
}

impl<'a, 'b> Ahead<'a, 'b> {
    pub fn new(store: &'a Store, verifier: &'a mut Verifier<'b>, handle: &'a Handle) -> Self {
        let (shown, batch) = (HashSet::new(), Vec::new());
        let out = OrderedBuffer::new(handle, UNDER_WAY.count, UNDER_WAY);
        Ahead { store, handle, verifier, shown, batch, images: 0, bytes: 0, out }
    }

    /// A row with the images that its container holds; files that it names are read.
    pub fn row(&mut self, split: &str, row: Value, inside: Vec<(Bytes, String)>) {
        let back = (self.verifier.form().back)(&row);
        self.bytes += inside.iter().map(|(bytes, _)| bytes.len()).sum::<usize>();
        let mut images: Vec<_> =
            inside.into_iter().map(|(bytes, path)| (path, Wanted::Bytes(bytes))).collect();
        for path in back.iter().flat_map(|back| &back.images) {
            let wanted = match self.shown.insert(path.clone()) {
                true => Wanted::File,
                false => Wanted::Done(Shown::Before),
            };
            images.push((path.clone(), wanted));
        }
        self.images += images.len().max(1);
        self.batch.push(Draft { split: split.to_string(), row, back, images });
        if self.images >= BATCH {
            self.send();
        }
    }

    /// A finding of the reader's own; it stands after those of the rows before it.
    pub fn find(&mut self, code: &str, at: &str, what: &str) {
        self.drain();
        self.verifier.find(code, at, what);
    }

    /// The rest of the rows.
    pub fn finish(mut self) {
        self.drain();
    }

    fn send(&mut self) {
        let mut batch = std::mem::take(&mut self.batch);
        self.images = 0;
        let bytes = std::mem::take(&mut self.bytes);
        let (store, handle) = (self.store.clone(), self.handle.clone());
        self.out.push(bytes, move || {
            batch.iter_mut().flat_map(|draft| &mut draft.images).for_each(|(path, wanted)| {
                let seen = match wanted {
                    Wanted::Done(_) => return,
                    Wanted::Bytes(bytes) => Shown::Seen(Look::at(bytes)),
                    Wanted::File => file(&store, path, &handle)
                        .map_or(Shown::Missing, |bytes| Shown::Seen(Look::at(&bytes))),
                };
                *wanted = Wanted::Done(seen);
            });
            batch
        });
        while let Some(batch) = self.out.due() {
            self.prove(batch);
        }
    }

    /// Proves all that is under way.
    fn drain(&mut self) {
        if !self.batch.is_empty() {
            self.send();
        }
        while let Some(batch) = self.out.take() {
            self.prove(batch);
        }
    }

    fn prove(&mut self, batch: Vec<Draft>) {
        for Draft { split, row, back, images } in batch {
            let seen = |(path, wanted)| match wanted {
                Wanted::Done(shown) => (path, shown),
                Wanted::Bytes(_) | Wanted::File => (path, Shown::Missing),
            };
            let images: Vec<(String, Shown)> = images.into_iter().map(seen).collect();
            self.verifier.row(&split, &row, back, &images);
        }
    }
}

/// An image file that a row names; never one outside the export's own folder.
fn file(store: &Store, path: &str, handle: &Handle) -> Option<Bytes> {
    if !path.starts_with("images/") || path.contains("..") {
        return None;
    }
    let read = async {
        if store.is_remote() {
            return store.get(path).await.ok();
        }
        // Read on this very thread.
        let reader = store.reader(path).await.ok()?;
        reader.read_at(0, usize::try_from(reader.size()).ok()?).await.ok()
    };
    handle.block_on(read)
}
