//! What a run would buy, told before it spends: `--dry-run` ends with it, a real run begins with it, and
//! at a terminal the user answers first.

use crate::call::endpoints::Endpoints;
use crate::cli::audit::look;
use crate::cli::run::Args;
use crate::cli::shared::{Format, print_json};
use crate::deliver::estimate::pace;
use crate::deliver::forecast::{Forecast, History, unbought};
use crate::deliver::text::{figure, forecast_text};
use crate::env::Env;
use crate::plan::Plan;
use crate::record::NanoUsd;
use crate::store::Store;
use std::io::{BufRead, IsTerminal, Write};

/// Calls in flight of a role that states no bound, for the hours.
const IN_FLIGHT: u64 = 64;

/// What `plan` would buy into the RUN at `store`.
pub async fn look_ahead(
    env: &Env,
    args: &Args,
    plan: Plan,
    store: &Store,
    endpoints: Option<&Endpoints>,
) -> anyhow::Result<Forecast> {
    let history = History::learned(args.like.as_deref(), &args.out, endpoints).await?;
    let history = history.with_shares(&args.share).priced(endpoints, &plan);
    Ok(unbought(env, store, plan, args.limit, args.endpoints == "sim", &history).await?)
}

/// `--dry-run`: the forecast as data.
pub fn show(found: &Forecast, args: &Args, endpoints: Option<&Endpoints>) -> anyhow::Result<()> {
    let hours = found.hours(&|role| pace(endpoints, role, IN_FLIGHT));
    if args.format == Format::Json {
        let mut value = serde_json::to_value(found)?;
        value["hours"] = hours.into();
        return print_json(&value).map(|_| ());
    }
    if found.is_nothing() {
        println!("nothing is to be bought: the journal of `{}` answers every call", args.out);
        return Ok(());
    }
    println!("would be bought into `{}`\n", args.out);
    print!("{}", forecast_text(found, look()));
    println!("hours {hours:.1} (the slowest endpoint; all work at the same time)");
    println!("nothing was run; no model was called");
    Ok(())
}

/// The figure in two lines, on stderr.
pub fn say(found: &Forecast, budget: Option<NanoUsd>, endpoints: &Endpoints) {
    let hours = found.hours(&|role| pace(Some(endpoints), role, IN_FLIGHT));
    eprintln!(
        "to buy: about {} calls, {} tokens in, {} out, {} pictures, ${:.2}, {hours:.1} hours{}",
        figure(found.calls),
        figure(found.tokens_in),
        figure(found.tokens_out),
        figure(found.pictures),
        found.dollars,
        if found.from.is_empty() { " at most (no run to learn from)" } else { "" }
    );
    if !found.assumed.is_empty() {
        eprintln!(
            "  sizes of calls are assumed; `--dry-run` says where, `--like RUN` takes a pilot's"
        );
    }
    if let Some(budget) = budget.filter(|budget| budget.usd() < found.dollars) {
        eprintln!("  the budget of ${:.2} stops it before that", budget.usd());
    }
}

/// Whether to go on: asked at a terminal only, and not where `--yes` has answered.
pub fn agreed(args: &Args) -> bool {
    let terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if args.yes || !terminal {
        return true;
    }
    eprint!("go on? [y/N] ");
    let _ = std::io::stderr().flush();
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line).is_ok();
    read && matches!(line.trim().to_lowercase().as_str(), "y" | "yes")
}
