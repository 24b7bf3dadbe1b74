//! The far end of a Parquet writer: pieces of the file, to be taken away as they are ready.
//!
//! A page of images is megabytes that the encoder already owns. The writer hands them over as a
//! borrowed slice, so the page's owner is remembered when it leaves its store, and the slice is known
//! again by its address: then the page itself goes on, not a copy.

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use parquet::arrow::arrow_writer::{PageStoreArgs, PageStoreFactory};
use parquet::column::page_store::{InMemoryPageStore, PageKey, PageStore};
use parquet::errors::Result;
use std::sync::Arc;

/// Smaller writes are gathered to pieces of this size.
const GATHERED: usize = 1 << 20;
/// Pages below this are gathered like other writes.
const LARGE: usize = 64 << 10;

/// See the module's header.
#[derive(Default)]
pub struct Pieces {
    ready: Vec<Bytes>,
    open: Vec<u8>,
    leaving: Leaving,
}

/// The page that left its store last.
#[derive(Debug, Clone, Default)]
struct Leaving(Arc<Mutex<Bytes>>);

impl Leaving {
    /// The page, when `bytes` are its very bytes. A buffer may be written before it.
    fn is(&self, bytes: &[u8]) -> Option<Bytes> {
        let mut page = self.page();
        let same = bytes.len() >= LARGE && std::ptr::eq(page.as_ref(), bytes);
        same.then(|| std::mem::take(&mut *page))
    }

    fn page(&self) -> MutexGuard<'_, Bytes> {
        self.0.lock()
    }
}

impl Pieces {
    /// Where the writer is to keep its pages.
    pub fn pages(&self) -> Arc<dyn PageStoreFactory> {
        Arc::new(Stores(self.leaving.clone()))
    }

    /// What is ready, in order.
    pub fn take(&mut self) -> Vec<Bytes> {
        std::mem::take(&mut self.ready)
    }

    /// Makes what was gathered ready, however little it is.
    pub fn seal(&mut self) {
        if !self.open.is_empty() {
            self.ready.push(Bytes::from(std::mem::take(&mut self.open)));
        }
    }
}

impl std::io::Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if let Some(page) = self.leaving.is(bytes) {
            self.seal();
            self.ready.push(page);
            return Ok(bytes.len());
        }
        self.open.extend_from_slice(bytes);
        if self.open.len() >= GATHERED {
            self.seal();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[derive(Debug)]
struct Stores(Leaving);

impl PageStoreFactory for Stores {
    fn create(&self, _: &PageStoreArgs<'_>) -> Result<Box<dyn PageStore>> {
        let (pages, leaving) = (InMemoryPageStore::default(), self.0.clone());
        Ok(Box::new(Kept { pages, leaving }))
    }
}

struct Kept {
    pages: InMemoryPageStore,
    leaving: Leaving,
}

impl PageStore for Kept {
    fn put(&mut self, page: Bytes) -> Result<PageKey> {
        self.pages.put(page)
    }

    fn take(&mut self, key: PageKey) -> Result<Bytes> {
        let page = self.pages.take(key)?;
        *self.leaving.page() = page.clone();
        Ok(page)
    }

    fn memory_size(&self) -> usize {
        self.pages.memory_size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_page_goes_on_as_it_is_and_other_writes_are_gathered() {
        let mut pieces = Pieces::default();
        let mut store =
            Kept { pages: InMemoryPageStore::default(), leaving: pieces.leaving.clone() };
        let page = Bytes::from(vec![7; LARGE]);
        let key = store.put(page.clone()).unwrap();
        let left = store.take(key).unwrap();
        pieces.write_all(b"head").unwrap();
        pieces.write_all(&left).unwrap();
        // The same bytes from elsewhere are no page.
        pieces.write_all(&vec![7; LARGE]).unwrap();
        pieces.seal();
        let ready = pieces.take();
        assert_eq!(ready.iter().map(Bytes::len).collect::<Vec<_>>(), [4, LARGE, LARGE]);
        assert_eq!(ready[1].as_ptr(), page.as_ptr());
        assert_ne!(ready[2].as_ptr(), page.as_ptr());
    }
}
