//! `coldstart endpoints`: examples of the endpoints file, its keys, the protocols, and a check.

use crate::call::endpoints::{EXAMPLES, Endpoints, FIELDS, example};
use crate::call::protocol::PROTOCOLS;
use crate::cli::Done;
use crate::diag::{Severity, Source, Style, render, summary};
use clap::{Args as ClapArgs, Subcommand};
use std::io::Write;
use std::sync::Arc;

/// The endpoints file: which server answers which role.
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print a commented endpoints file.
    Example {
        /// Which: local, hosted, mixed.
        #[arg(default_value = "local")]
        name: String,
        /// Print the file for a simulated world at this URL instead.
        #[arg(long, value_name = "URL", conflicts_with = "name")]
        sim: Option<String>,
    },
    /// Check an endpoints file: all its errors at once. Calls nothing.
    Check { file: std::path::PathBuf },
    /// List the keys of a role's table.
    Fields,
    /// List the protocols with their own keys.
    Protocols,
    /// List the metrics of `run --metrics`, with a query each for a Grafana panel.
    Metrics,
}

/// Runs the verb.
pub fn run(args: Args) -> anyhow::Result<Done> {
    match args.what {
        What::Example { name, sim } => print_example(&name, sim.as_deref()),
        What::Check { file } => check(&file),
        What::Fields => {
            let list = FIELDS.iter().map(|(name, about)| format!("{name:<20} {about}\n"));
            say(&list.collect::<String>())
        }
        What::Protocols => say(&protocols()),
        What::Metrics => say(&crate::call::metrics::list()),
    }
}

fn say(text: &str) -> anyhow::Result<Done> {
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(Done::Well)
}

fn print_example(name: &str, sim: Option<&str>) -> anyhow::Result<Done> {
    if let Some(url) = sim {
        return say(&Endpoints::sim_text(url));
    }
    match example(name) {
        Some(text) => say(text),
        None => {
            let known: Vec<String> =
                EXAMPLES.iter().map(|(name, about, _)| format!("  {name:<8} {about}")).collect();
            anyhow::bail!("there is no example `{name}`; there are\n{}", known.join("\n"))
        }
    }
}

fn check(file: &std::path::Path) -> anyhow::Result<Done> {
    let path = file.display().to_string();
    let text = std::fs::read_to_string(file)
        .map_err(|error| anyhow::anyhow!("`{path}` cannot be read: {error}"))?;
    let found = Endpoints::parse(Arc::new(Source { path, text }));
    let faults = match &found {
        Ok(endpoints) => endpoints.warnings(),
        Err(faults) => faults,
    };
    let mut err = std::io::stderr().lock();
    write!(err, "{}", render(faults, Style::Plain))?;
    let roles = found.as_ref().map_or(0, |endpoints| endpoints.iter().count());
    writeln!(err, "{} in the endpoints of {roles} roles; no model was called", summary(faults))?;
    let bad = faults.iter().any(|fault| fault.severity == Severity::Error);
    Ok(if bad { Done::Findings } else { Done::Well })
}

fn protocols() -> String {
    let mut out = String::new();
    for entry in PROTOCOLS {
        out.push_str(&format!("{}\n    {}\n", entry.name, entry.about));
        for (name, about) in entry.options {
            out.push_str(&format!("    {name:<14} {about}\n"));
        }
        out.push('\n');
    }
    out
}
