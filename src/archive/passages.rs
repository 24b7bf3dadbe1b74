//! How many records left each stage of a RUN by each port: the numbers on the edges of its graph.

use crate::archive::{ArchiveError, Columns, Reading, RunDir};
use crate::plan::{Counts, Manifest};

/// The manifest of `run`, and its records by stage and port.
pub async fn passages(run: &RunDir) -> Result<(Manifest, Counts), ArchiveError> {
    let manifest = run.manifest().await?;
    let mut counts = Counts::new();
    let mut count = |rows: Columns| {
        let mut by_port = vec![0; rows.names.len()];
        rows.port.iter().for_each(|port| by_port[*port as usize] += 1);
        for (port, count) in (0..).zip(by_port).filter(|(port, n)| *port > 0 && *n > 0) {
            counts.insert((rows.stage.clone(), rows.names.get(port).to_owned()), count);
        }
    };
    run.each_table(Reading::Prompts, &mut count).await?.whole()?;
    Ok((manifest, counts))
}
