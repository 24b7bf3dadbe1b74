//! `coldstart endpoints`: examples of the endpoints file, its keys, the protocols, and a check.

mod new;

use crate::call::endpoints::{EXAMPLES, Endpoints, FIELDS, example};
use crate::call::metrics::{Listed, METRICS, list};
use crate::call::protocol::{Entry, PROTOCOLS};
use crate::cli::Done;
use crate::cli::run::served::parse_endpoints;
use crate::cli::shared::{Format, print_json, tell};
use crate::diag::{Severity, rows, summary};
use crate::run::metrics as stage_metrics;
use clap::{Args as ClapArgs, Subcommand};
use std::io::Write;

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
    New(new::Args),
    /// Check an endpoints file: all its errors at once, and its keys' variables. Calls nothing.
    Check {
        file: std::path::PathBuf,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// List the keys of a role's table.
    Fields {
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// List the protocols with their own keys.
    Protocols {
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// List the metrics of `run --metrics`, with a query each for a Grafana panel.
    Metrics {
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
}

/// Runs the verb.
pub fn run(args: Args) -> anyhow::Result<Done> {
    match args.what {
        What::Example { name, sim } => print_example(&name, sim.as_deref()),
        What::New(args) => new::run(args),
        What::Check { file, format } => check(&file, format),
        What::Fields { format: Format::Text } => {
            let list = FIELDS.iter().map(|(name, about)| format!("{name:<20} {about}\n"));
            say(&list.collect::<String>())
        }
        What::Fields { format: Format::Json } => print_json(&keys(FIELDS)),
        What::Protocols { format: Format::Text } => say(&protocols()),
        What::Protocols { format: Format::Json } => {
            let one = |p: &Entry| Protocol { name: p.name, about: p.about, keys: keys(p.options) };
            print_json(&PROTOCOLS.iter().map(one).collect::<Vec<_>>())
        }
        What::Metrics { format } => metrics(format),
    }
}

/// A key of a table, and what it does.
#[derive(serde::Serialize)]
struct Key {
    key: &'static str,
    about: &'static str,
}

#[derive(serde::Serialize)]
struct Protocol {
    name: &'static str,
    about: &'static str,
    keys: Vec<Key>,
}

fn keys(list: &'static [(&'static str, &'static str)]) -> Vec<Key> {
    list.iter().map(|&(key, about)| Key { key, about }).collect()
}

fn metrics(format: Format) -> anyhow::Result<Done> {
    let mut all = list(METRICS);
    all.extend(list(stage_metrics::METRICS));
    match format {
        Format::Json => print_json(&all),
        Format::Text => {
            let one = |m: &Listed| {
                format!("{} ({})\n    {}\n    panel: {}\n\n", m.name, m.kind, m.help, m.panel)
            };
            say(&all.iter().map(one).collect::<String>())
        }
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

fn check(file: &std::path::Path, format: Format) -> anyhow::Result<Done> {
    let found = parse_endpoints(&file.display().to_string())?;
    let faults = match &found {
        Ok(endpoints) => [endpoints.warnings(), &endpoints.without_keys()].concat(),
        Err(faults) => faults.clone(),
    };
    let faults = &faults;
    match format {
        Format::Json => {
            print_json(&rows(faults))?;
        }
        Format::Text => {
            tell(faults);
            let roles = match &found {
                Ok(endpoints) => format!("{} roles", endpoints.iter().count()),
                Err(_) => "the endpoints file cannot be used".to_owned(),
            };
            eprintln!("{roles}; {}; no model was called", summary(faults));
        }
    }
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
