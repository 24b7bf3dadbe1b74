//! The names inside a RUN (design.md, section 6).

/// Names relative to the RUN's root.
pub struct Layout;

impl Layout {
    pub const MANIFEST: &'static str = "manifest.json";
    pub const JOURNAL: &'static str = "journal";
    pub const BLOBS: &'static str = "blobs";
    /// Decisions of a live or killed run, as JSON lines; replaced by the stage tables at its end.
    pub const LEDGER: &'static str = "ledger";
    /// The final report as JSON.
    pub const REPORT: &'static str = "report.json";
    /// What all runs on it may spend together (JSON).
    pub const BUDGET: &'static str = "budget.json";
    pub const STAGES: &'static str = "stages";
    pub const DATASET: &'static str = "dataset";
    /// Human labels made in the viewer (JSON lines).
    pub const LABELS: &'static str = "labels";
    /// What each process had in flight (JSON), for what a crash may have cost twice.
    pub const SESSIONS: &'static str = "sessions";

    /// `stages/<stage>/part-00000.parquet`
    pub fn stage_part(stage: &str, part: usize) -> String {
        format!("{}/{stage}/part-{part:05}.parquet", Self::STAGES)
    }

    /// `dataset/<split>-00000.parquet`
    pub fn dataset_shard(split: &str, shard: usize) -> String {
        format!("{}/{split}-{shard:05}.parquet", Self::DATASET)
    }

    /// Each shard's own journal, ledger and sessions, a folder each.
    pub const SHARDS: &'static str = "shards";
    /// How many shards the RUN has, fixed by the first (JSON).
    pub const SHARD_COUNT: &'static str = "shards/count.json";
    /// Inside a shard's folder: written when it has come to its end (JSON).
    pub const SHARD_DONE: &'static str = "done.json";
    /// Inside a shard's folder: its walks, for the run that assembles.
    pub const SHARD_LEFT: &'static str = "left";

    /// `left/00000.jsonl.zst`, inside a shard's folder.
    pub fn shard_left(part: usize) -> String {
        format!("{}/{part:05}.jsonl.zst", Self::SHARD_LEFT)
    }

    /// `shards/0003-of-0008`: where shard i of n keeps its own journal and ledger.
    pub fn shard(index: u32, of: u32) -> String {
        format!("{}/{index:04}-of-{of:04}", Self::SHARDS)
    }
}
