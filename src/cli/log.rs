//! Logs: `tracing` events on stderr, as text or JSON lines, off unless asked for.

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

/// What is logged, and how.
#[derive(Debug, Clone, clap::Args)]
pub struct LogArgs {
    /// Log to stderr: `info`, `debug`, or a filter such as `coldstart::call=debug`
    #[arg(long, value_name = "FILTER", env = "COLDSTART_LOG")]
    log: Option<String>,
    /// One JSON object a line instead of text
    #[arg(long, value_enum, default_value = "text", value_name = "FORM")]
    log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

/// Run, stage and record, call: whatever the filter lets through says what it belongs to.
const CONTEXT: &str = "[run]=error,[stage]=error,[call]=error";

impl LogArgs {
    /// Whether anything is logged.
    pub fn is_on(&self) -> bool {
        self.log.is_some()
    }

    /// Starts logging for the rest of the process.
    pub fn start(&self) -> anyhow::Result<()> {
        let Some(filter) = &self.log else { return Ok(()) };
        let parsed = format!("{filter},{CONTEXT}").parse::<EnvFilter>();
        let filter = parsed.map_err(|e| {
            anyhow::anyhow!("`--log {filter}`: {e}\n  write a level (`info`) or target=level")
        })?;
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(crate::cli::shared::colour_on_stderr());
        match self.log_format {
            LogFormat::Text => builder.init(),
            LogFormat::Json => builder.json().flatten_event(true).init(),
        }
        Ok(())
    }
}
