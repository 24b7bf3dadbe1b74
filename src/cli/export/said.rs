//! What `export` says: reports, verdicts, and how to go on where something cannot be done.

use crate::cli::Done;
use crate::cli::export::Args;
use crate::cli::shared::{print_json, tell};
use crate::deliver::export::ExportError;
use crate::deliver::official::OfficialReport;
use crate::deliver::{DeliverError, OfficialError};
use crate::export::report::ExportReport;
use crate::export::verify::Verdict;

/// The report of an export.
pub fn report(report: &ExportReport, json: bool) -> anyhow::Result<Done> {
    if json {
        return print_json(report);
    }
    print!("{}", report.text());
    Ok(Done::Well)
}

/// What was proved of an export.
pub fn verdict(verdict: &Verdict, json: bool) -> anyhow::Result<Done> {
    if json {
        print_json(verdict)?;
    } else {
        print!("{}", verdict.text());
    }
    Ok(if verdict.findings.is_empty() { Done::Well } else { Done::Findings })
}

/// Why nothing was written: diagnostics of what was given, the file that is meant, the next step.
pub fn refused(error: ExportError, args: &Args) -> anyhow::Error {
    match &error {
        ExportError::EmptySystem | ExportError::SystemToken { .. } => {
            let path = args.system.as_deref().unwrap_or_else(|| std::path::Path::new("--system"));
            remedied(&error).context(format!("`{}`", path.display()))
        }
        ExportError::Rules(diagnostics)
        | ExportError::Rebuild(DeliverError::Pipeline { diagnostics, .. }) => {
            tell(diagnostics);
            remedied(&error)
        }
        _ => match remedy(&error) {
            Some(_) => remedied(&error),
            None => error.into(),
        },
    }
}

/// The error with its causes and, where there is one, the next step.
pub fn remedied(error: &ExportError) -> anyhow::Error {
    let chain = crate::diag::chain(error);
    match remedy(error) {
        Some(remedy) => anyhow::anyhow!("{chain}\n  {remedy}"),
        None => anyhow::anyhow!("{chain}"),
    }
}

fn remedy(error: &ExportError) -> Option<String> {
    let text = match error {
        ExportError::SystemToken { .. } => "take it out of the text",
        ExportError::Where { .. } | ExportError::NothingChosen { .. } => {
            "write it as SQL does, for instance --where \"category = 'counting' and score >= 0.8\"; \
             `coldstart export --columns` lists what it may name"
        }
        ExportError::Benchmark { .. } => {
            "to have it scored by its owners' script, `--format geneval-pp`, `wise` or `imagine`; if it \
             is meant as training data all the same, say `--train-on-benchmark`"
        }
        ExportError::NothingLeft { .. } => "the report says why each was left out",
        ExportError::NothingToTrain { .. } => {
            "choose other shares by `--split`, or another `--seed`"
        }
        ExportError::Rebuild(DeliverError::Pipeline { .. }) => {
            "name the project's root by `--project`"
        }
        ExportError::NoRows { .. } => "go on with `coldstart run`, then export",
        ExportError::AllLost { .. } => "`coldstart audit RUN --stage STAGE` has examples of each",
        ExportError::NoShards { .. } => {
            "give a RUN, or the folder that holds its `train-00000.parquet`"
        }
        ExportError::Taken { .. } => {
            "choose another folder by `--out`, or write over it by `--replace`"
        }
        ExportError::Foreign { .. } => "choose an empty folder by `--out`",
        ExportError::NoAccount { place } => {
            return Some(format!(
                "write it again by `coldstart export RUN --format F --out {place}`"
            ));
        }
        _ => return None,
    };
    Some(text.to_owned())
}

/// What was laid out for an evaluation set's own script.
pub fn laid_out(written: &OfficialReport, json: bool) -> anyhow::Result<Done> {
    if json {
        return print_json(written);
    }
    print!("{}", written.text());
    Ok(Done::Well)
}

/// Why nothing was laid out, and the next step.
pub fn not_laid_out(error: &OfficialError) -> anyhow::Error {
    let remedy = match error {
        OfficialError::NoRollouts => "`coldstart run agent --pool FILE` makes such a run",
        OfficialError::OtherSet { .. } => {
            "`coldstart export --formats` lists the layouts; the set is that of the pool's own files"
        }
        OfficialError::OtherPool | OfficialError::Pool(_) => {
            "name the set's own file or folder by `--pool`"
        }
        OfficialError::Taken { .. } => "choose another folder by `--out`, or say `--replace`",
        OfficialError::Foreign { .. } => "choose an empty folder by `--out`",
        OfficialError::Run(DeliverError::Pipeline { diagnostics, .. }) => {
            tell(diagnostics);
            "name the project's root by `--project`"
        }
        _ => "",
    };
    let chain = crate::diag::chain(error);
    match remedy {
        "" => anyhow::anyhow!("{chain}"),
        remedy => anyhow::anyhow!("{chain}\n  {remedy}"),
    }
}
