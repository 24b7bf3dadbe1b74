//! Many small reads of one object: an open file locally, cached blocks of a bucket's object.

use crate::store::cache::ByteCache;
use crate::store::error::from_io;
use crate::store::local::Local;
use crate::store::{Store, StoreError};
use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;

/// What is fetched from a bucket at once; neighbours are mostly read next.
const BLOCK: u64 = 256 << 10;
/// Blocks kept per reader.
const KEPT: usize = 4 << 20;
/// Blocks of one object that are fetched at once; who wants one that is under way waits for it.
const LANES: u64 = 8;

/// See `Store::reader`. The object must not change while it is read (segments never do).
pub struct Reader {
    store: Store,
    name: String,
    size: u64,
    access: Access,
}

enum Access {
    File(Local),
    Blocks(Box<Blocks>),
}

struct Blocks {
    cache: Mutex<ByteCache<u64>>,
    /// By the block's number modulo `LANES`.
    lanes: [tokio::sync::Mutex<()>; LANES as usize],
}

impl Blocks {
    fn new() -> Box<Blocks> {
        Box::new(Blocks { cache: Mutex::new(ByteCache::new(KEPT)), lanes: Default::default() })
    }
}

impl Reader {
    pub(super) async fn open(store: &Store, name: &str) -> Result<Reader, StoreError> {
        let size = match store.local_path(name) {
            Some(_) => 0,
            None => store.size(name).await?,
        };
        Reader::listed(store, name, size)
    }

    /// As `open`, of an object whose size a list has told: a bucket need not be asked again. Locally
    /// the file says its size.
    pub(super) fn listed(store: &Store, name: &str, size: u64) -> Result<Reader, StoreError> {
        let of_io = |e: std::io::Error| from_io(store.place(name), &e);
        let (size, access) = match store.local_path(name) {
            Some(path) => {
                let file = Local::open(&path).map_err(of_io)?;
                (file.size().map_err(of_io)?, Access::File(file))
            }
            None => (size, Access::Blocks(Blocks::new())),
        };
        Ok(Reader { store: store.clone(), name: name.to_string(), size, access })
    }

    /// In bytes, when it was opened.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// `len` bytes from `offset`; `Damaged` when the object ends before them.
    pub async fn read_at(&self, offset: u64, len: usize) -> Result<Bytes, StoreError> {
        if offset.saturating_add(len as u64) > self.size {
            return Err(StoreError::damaged(
                self.store.place(&self.name),
                format!("it ends at {} before {len} bytes from {offset}", self.size),
            ));
        }
        match &self.access {
            Access::File(file) => {
                file.read_at(offset, len).map_err(|e| from_io(self.store.place(&self.name), &e))
            }
            Access::Blocks(blocks) => self.read_blocks(blocks, offset, len).await,
        }
    }

    async fn read_blocks(
        &self,
        blocks: &Blocks,
        offset: u64,
        len: usize,
    ) -> Result<Bytes, StoreError> {
        let end = offset + len as u64;
        let mut out = BytesMut::with_capacity(len);
        let mut at = offset;
        while at < end {
            let block = at / BLOCK;
            let start = block * BLOCK;
            let bytes = self.block(blocks, block).await?;
            let from = (at - start) as usize;
            let upto = ((end - start).min(bytes.len() as u64)) as usize;
            let Some(piece) = bytes.get(from..upto).filter(|piece| !piece.is_empty()) else {
                return Err(StoreError::damaged(
                    self.store.place(&self.name),
                    format!("it is shorter than {} bytes", self.size),
                ));
            };
            if piece.len() == len {
                return Ok(bytes.slice(from..upto));
            }
            out.extend_from_slice(piece);
            at += piece.len() as u64;
        }
        Ok(out.freeze())
    }

    async fn block(&self, blocks: &Blocks, block: u64) -> Result<Bytes, StoreError> {
        let held = || blocks.cache.lock().get(&block);
        if let Some(bytes) = held() {
            return Ok(bytes);
        }
        let _lane = blocks.lanes[(block % LANES) as usize].lock().await;
        if let Some(bytes) = held() {
            return Ok(bytes);
        }
        let range = block * BLOCK..((block + 1) * BLOCK).min(self.size);
        let bytes = self.store.get_range(&self.name, range).await?;
        blocks.cache.lock().insert(block, bytes.clone());
        Ok(bytes)
    }
}
