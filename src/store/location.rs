//! A URI (`dir`, `file://`, `memory://`, `s3://`, `gs://`, `az://`) opened for reading and writing.

use crate::store::StoreError;
use bytes::Bytes;

/// The outcome of a put-if-absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    New,
    AlreadyThere,
}

/// A place that holds named objects. Cheap to clone. Names are `/`-separated, relative.
#[derive(Clone)]
pub struct Store {}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.uri())
    }
}

impl Store {
    /// Opens `uri`; a bare path is a local directory (made when first written). Bucket
    /// credentials come from the environment. `memory://` is a fresh store on every call.
    pub fn open(_uri: &str) -> Result<Store, StoreError> {
        unimplemented!()
    }

    /// As the user would type it.
    pub fn uri(&self) -> String {
        unimplemented!()
    }

    /// The local path of `name`, when the store is a local directory.
    pub fn local_path(&self, _name: &str) -> Option<std::path::PathBuf> {
        unimplemented!()
    }

    /// A store whose names are under `prefix` of this one.
    pub fn under(&self, _prefix: &str) -> Store {
        unimplemented!()
    }

    pub async fn get(&self, _name: &str) -> Result<Bytes, StoreError> {
        unimplemented!()
    }

    pub async fn get_range(
        &self,
        _name: &str,
        _range: std::ops::Range<u64>,
    ) -> Result<Bytes, StoreError> {
        unimplemented!()
    }

    pub async fn size(&self, _name: &str) -> Result<u64, StoreError> {
        unimplemented!()
    }

    pub async fn exists(&self, _name: &str) -> Result<bool, StoreError> {
        unimplemented!()
    }

    /// Atomic replace, durable when it returns.
    pub async fn put(&self, _name: &str, _bytes: Bytes) -> Result<(), StoreError> {
        unimplemented!()
    }

    /// Put-if-absent, durable when it returns.
    pub async fn create(&self, _name: &str, _bytes: Bytes) -> Result<Created, StoreError> {
        unimplemented!()
    }

    pub async fn delete(&self, _name: &str) -> Result<(), StoreError> {
        unimplemented!()
    }

    /// Names (relative to this store) with their sizes under the folder `prefix`, sorted by name.
    pub async fn list(&self, _prefix: &str) -> Result<Vec<(String, u64)>, StoreError> {
        unimplemented!()
    }

    /// A writer that uploads as it is fed (multipart) and appears under `name`, whole, only on
    /// `finish`; implements `parquet::arrow::async_writer`-free plain `write(Bytes)`.
    pub async fn writer(&self, _name: &str) -> Result<StoreWriter, StoreError> {
        unimplemented!()
    }
}

/// See `Store::writer`. Dropping it unfinished leaves nothing under the name.
pub struct StoreWriter {}

impl StoreWriter {
    pub async fn write(&mut self, _bytes: Bytes) -> Result<(), StoreError> {
        unimplemented!()
    }

    /// Bytes written so far.
    pub fn written(&self) -> u64 {
        unimplemented!()
    }

    pub async fn finish(self) -> Result<(), StoreError> {
        unimplemented!()
    }
}
