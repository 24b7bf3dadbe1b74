//! x
#[derive(Debug, clap::Args)]
pub struct Args {}
pub fn run(_: Args) -> anyhow::Result<crate::cli::Done> {
    anyhow::bail!("x")
}
