//! Writing a large object as it is made, without holding it in memory.

use crate::store::staged::Staged;
use crate::store::{Store, StoreError};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload, UploadPart};

/// Bytes of a part; buckets want at least 5 MiB and at most 10,000 parts (so 80 GB an object).
const PART: usize = 8 << 20;
/// Parts under way at once.
const IN_FLIGHT: usize = 3;

/// See `Store::writer`. Dropping it unfinished leaves nothing under the name.
pub struct StoreWriter {
    store: Store,
    name: String,
    path: Path,
    /// Chunks not yet sent, less than `PART` together.
    waiting: Vec<Bytes>,
    waiting_bytes: usize,
    written: u64,
    /// Started with the first full part: small objects are one plain put.
    upload: Option<Box<dyn MultipartUpload>>,
    parts: FuturesUnordered<UploadPart>,
}

impl StoreWriter {
    pub(super) fn new(store: Store, name: &str, path: Path) -> StoreWriter {
        StoreWriter {
            store,
            name: name.to_string(),
            path,
            waiting: Vec::new(),
            waiting_bytes: 0,
            written: 0,
            upload: None,
            parts: FuturesUnordered::new(),
        }
    }

    pub async fn write(&mut self, mut bytes: Bytes) -> Result<(), StoreError> {
        self.written += bytes.len() as u64;
        while !bytes.is_empty() {
            let taken = bytes.split_to(bytes.len().min(PART - self.waiting_bytes));
            self.waiting_bytes += taken.len();
            self.waiting.push(taken);
            if self.waiting_bytes == PART {
                self.send().await?;
            }
        }
        Ok(())
    }

    /// Bytes written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Makes the object appear, whole and durable.
    pub async fn finish(mut self) -> Result<(), StoreError> {
        if self.upload.is_none() {
            let payload = PutPayload::from_iter(std::mem::take(&mut self.waiting));
            let put = self.store.object().put(&self.path, payload).await;
            return put.map(|_| ()).map_err(|e| self.error(e));
        }
        if self.waiting_bytes > 0 {
            self.send().await?;
        }
        while !self.parts.is_empty() {
            self.one_part().await?;
        }
        if let Some(mut upload) = self.upload.take() {
            upload.complete().await.map_err(|e| self.error(e))?;
        }
        Ok(())
    }

    /// Sends what waits as one part.
    async fn send(&mut self) -> Result<(), StoreError> {
        let payload = PutPayload::from_iter(std::mem::take(&mut self.waiting));
        self.waiting_bytes = 0;
        let mut upload = match self.upload.take() {
            Some(upload) => upload,
            None => self.start().await?,
        };
        self.parts.push(upload.put_part(payload));
        self.upload = Some(upload);
        while self.parts.len() >= IN_FLIGHT {
            self.one_part().await?;
        }
        Ok(())
    }

    async fn start(&mut self) -> Result<Box<dyn MultipartUpload>, StoreError> {
        if let Some(path) = self.store.local_path(&self.name) {
            return Ok(Box::new(Staged::create(path, self.store.place(&self.name)).await?));
        }
        let started = self.store.object().put_multipart(&self.path).await;
        started.map_err(|e| self.error(e))
    }

    async fn one_part(&mut self) -> Result<(), StoreError> {
        match self.parts.next().await {
            Some(Err(e)) => {
                let error = self.error(e);
                // Otherwise a bucket would keep (and bill) the parts already sent.
                if let Some(mut upload) = self.upload.take() {
                    let _ = upload.abort().await;
                }
                Err(error)
            }
            _ => Ok(()),
        }
    }

    fn error(&self, error: object_store::Error) -> StoreError {
        self.store.error(&self.name, error)
    }
}
