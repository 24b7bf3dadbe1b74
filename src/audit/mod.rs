//! What a RUN says: why each record was kept or dropped, what each filter is worth, what is damaged,
//! and what would change.
//!
//! Here: the joined tables (`Index`), the funnel, findings, one record's life, differences,
//! calibration against people's labels, SQL, the page to send to a colleague. The RUN itself is read
//! by `archive`; pages served to a browser are `view`'s, printing is `cli`'s, and nothing here
//! needs an endpoint.

pub mod agreement;
pub mod calibrate;
pub mod dag;
pub mod deep;
mod diff;
mod error;
pub mod facts;
pub mod findings;
mod funnel;
pub mod gather;
mod index;
pub mod judges;
pub mod lineage;
mod page;
pub mod panels;
pub mod plot;
pub mod replies;
mod report;
pub mod roles;
pub mod rollouts;
pub mod rounds;
mod row_diff;
mod samples;
pub mod sampling;
pub mod show;
pub mod sql;
pub mod stats;
pub mod steps;
pub mod table;
pub mod talk;
mod textdiff;

pub use diff::{Change, ChangedRecord, Diff, Side, StageDiff, diff};
pub use error::AuditError;
pub use funnel::{Costs, Funnel, Split, StageFunnel, funnel};
pub use index::{Conflict, HashedMap, HashedSet, Index, Record, Records, StageRows};
pub use page::{Page, Sample, page};
pub use report::AuditReport;
pub use row_diff::{RowsDiff, faces, row_diff};
pub use samples::samples;
pub use textdiff::{TextDiff, text_diffs};
