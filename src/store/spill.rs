//! A local scratch file for rows that wait (at a barrier, or for the final sort): memory holds 12
//! bytes a row, the disk the rest. It has no name and is gone with the process.

use crate::store::StoreError;

/// Where a row lies in its `Spill`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpillRef {
    pub offset: u64,
    pub len: u32,
}

/// Append-only scratch. Thread-safe; buffered.
pub struct Spill {}

impl Spill {
    /// In the system's temporary folder.
    pub fn new() -> Result<Spill, StoreError> {
        unimplemented!()
    }

    pub fn push(&self, _bytes: &[u8]) -> Result<SpillRef, StoreError> {
        unimplemented!()
    }

    pub fn read(&self, _at: SpillRef) -> Result<Vec<u8>, StoreError> {
        unimplemented!()
    }
}
