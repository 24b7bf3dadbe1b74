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
pub mod evidence;
pub mod facts;
pub mod findings;
mod funnel;
pub mod gather;
mod index;
pub mod judges;
pub mod labelling;
pub mod lineage;
mod page;
pub mod pairing;
pub mod panels;
pub mod plot;
mod publish;
pub mod replies;
mod report;
pub mod roles;
pub mod rollouts;
pub mod rounds;
mod row_diff;
mod samples;
pub mod sampling;
pub mod show;
pub mod site;
pub mod sql;
pub mod stats;
pub mod steps;
pub mod table;
pub mod talk;
pub mod textdiff;
pub mod trajectory;

pub use diff::{Change, ChangedRecord, Diff, Side, StageDiff, diff, diff_of, diff_runs};
pub use error::AuditError;
pub use funnel::{Costs, Funnel, Split, StageFunnel, funnel};
pub use index::{Conflict, HashedMap, HashedSet, Index, Record, Records, StageRows};
pub use page::{Page, Sample, page};
pub use publish::{Published, publish};
pub use report::AuditReport;
pub use row_diff::{RowsDiff, faces, row_diff};
pub use samples::{Wanted, samples};
pub use textdiff::{TextDiff, text_diffs};
