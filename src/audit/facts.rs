//! What was read of a RUN beside its stage tables, as plain data: the journal, the blobs, the
//! dataset and the report, each with what could not be read and how much was looked at.
//!
//! `gather` does the reading. The checks of `findings` are pure functions over `Facts`, so that each
//! can be tried on a planted defect without a file.

use crate::archive::{Sessions, Shape, Unreadable};
use crate::audit::index::{HashedMap, Index};
use crate::journal::Damage;
use crate::record::{Acceptance, CallKey, Digest, Id, Report};

/// Everything the checks look at.
#[derive(Default)]
pub struct Facts {
    pub shape: Shape,
    pub index: Index,
    pub report: Option<Report>,
    /// Tables, ledger parts and shards that could not be read, with why.
    pub unreadable: Vec<Unreadable>,
    pub journal: JournalFacts,
    pub blobs: BlobFacts,
    pub dataset: Option<DatasetFacts>,
    pub sessions: Sessions,
    /// Rows come from the ledger of a live or killed run.
    pub from_ledger: bool,
}

/// The journal.
#[derive(Default)]
pub struct JournalFacts {
    /// Journaled calls.
    pub len: u64,
    pub damage: Vec<Damage>,
    /// Calls journaled more than once; each was paid more than once.
    pub twice: Vec<CallKey>,
    /// What those repeats cost, 1e-9 US dollars.
    pub twice_cost: u64,
    /// Calls that stage tables name and the journal does not hold, with a row that names each.
    pub missing: Vec<(CallKey, usize, usize)>,
    /// Entries that were read: all of them, or a uniform sample.
    pub calls: HashedMap<CallKey, CallFact>,
    /// Role names that `CallFact::role` numbers.
    pub roles: Vec<String>,
}

impl JournalFacts {
    /// Whether every entry was read.
    pub fn whole(&self) -> bool {
        self.calls.len() as u64 >= self.len
    }
}

/// What an audit keeps of a call.
#[derive(Debug, Clone, Copy)]
pub struct CallFact {
    pub role: u16,
    pub attempts: u32,
    pub latency_ms: u32,
    /// 1e-9 US dollars.
    pub cost: u64,
    pub tokens_in: u32,
    pub tokens_out: u32,
    /// The picture it gave.
    pub image: Option<Digest>,
    /// That picture is of one colour.
    pub blank: bool,
    pub refused: bool,
    /// The key written beside the entry is the key of the request in it.
    pub key_holds: bool,
}

/// The blobs.
#[derive(Default)]
pub struct BlobFacts {
    /// Name -> bytes, as listed.
    pub present: HashedMap<Digest, u64>,
    /// Pictures that calls gave, requests showed or the dataset holds: digest -> expected bytes
    /// (0 when not known) and who needs it.
    pub needed: HashedMap<Digest, (u64, String)>,
    /// Blobs whose bytes were hashed.
    pub hashed: u64,
    pub corrupt: Vec<(Digest, String)>,
}

/// The final shards.
#[derive(Default)]
pub struct DatasetFacts {
    pub rows: Vec<DatasetRow>,
    /// What the rows' judgements say, round by round.
    pub acceptance: Acceptance,
    /// Recomputed over the shards' names and bytes; None when too large to read for this audit.
    pub digest: Option<String>,
    pub bytes: u64,
}

/// A dataset row's identity.
#[derive(Debug, Clone, Default)]
pub struct DatasetRow {
    pub id: Option<Id>,
    pub prompt: String,
    pub category: String,
    pub outcome: String,
    /// Calls it rests on that the journal does not hold.
    pub calls_missing: u32,
    /// Embedded pictures whose bytes are not what their digest says.
    pub bad_images: u32,
}

impl DatasetRow {
    /// Its id, or what else tells it from others.
    pub fn name(&self) -> String {
        self.id.map_or_else(|| self.prompt.clone(), |id| id.hex())
    }
}
