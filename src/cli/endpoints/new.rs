//! `coldstart endpoints new`: a file for a pipeline's roles, asked for or given by flags.

use crate::call::endpoints::{Endpoints, MARK, PRESETS, Preset, preset};
use crate::cli::shared::{DEFAULT_PIPELINE, Format, PipelineArgs, compile_or_tell, tell};
use crate::cli::{Done, probe};
use crate::diag::{self, SourceFile};
use crate::plan::Plan;
use crate::stage::{Role, RoleKind};
use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// Write an endpoints file for a pipeline's roles
///
/// Asks at a terminal what serves each role, or takes it by flags. Every line to edit is marked; keys are
/// looked for in the environment.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file to write
    #[arg(default_value = "endpoints.toml")]
    file: PathBuf,
    #[command(flatten)]
    pipeline: InPipeline,
    /// What serves the roles that chat (`--list` names all)
    #[arg(long, value_name = "PRESET", value_parser = chats)]
    chat: Option<&'static Preset>,
    /// What serves the roles that draw
    #[arg(long, value_name = "PRESET", value_parser = draws)]
    images: Option<&'static Preset>,
    /// What serves this role, for instance `reflector=gemini`; may be repeated
    #[arg(long, value_name = "ROLE=PRESET", value_parser = serve)]
    serve: Vec<(String, &'static Preset)>,
    /// Ask each endpoint one small true call when the file is written
    #[arg(long)]
    probe: bool,
    /// Write over a file that is there
    #[arg(long)]
    replace: bool,
    /// List the presets
    #[arg(long)]
    list: bool,
}

/// The pipeline whose roles are meant.
#[derive(Debug, clap::Args)]
struct InPipeline {
    /// The pipeline whose roles are meant
    #[arg(long = "pipeline", default_value = DEFAULT_PIPELINE)]
    name: String,
    #[command(flatten)]
    project: crate::cli::shared::ProjectArg,
}

fn chats(name: &str) -> Result<&'static Preset, String> {
    sorted(name, false)
}

fn draws(name: &str) -> Result<&'static Preset, String> {
    sorted(name, true)
}

fn sorted(name: &str, draws: bool) -> Result<&'static Preset, String> {
    let known: Vec<&str> = PRESETS.iter().filter(|p| p.draws == draws).map(|p| p.name).collect();
    preset(name).filter(|p| p.draws == draws).ok_or_else(|| {
        let near = diag::did_you_mean(name, known.iter().copied());
        let near = near.map_or(String::new(), |near| format!("did you mean `{near}`? "));
        format!("{near}there are {}", known.join(", "))
    })
}

fn serve(text: &str) -> Result<(String, &'static Preset), String> {
    let (role, name) = text.split_once('=').ok_or("write ROLE=PRESET, as in reflector=gemini")?;
    let found = preset(name.trim()).ok_or_else(|| {
        let known: Vec<&str> = PRESETS.iter().map(|p| p.name).collect();
        format!("no preset `{name}`; there are {}", known.join(", "))
    })?;
    Ok((role.trim().to_owned(), found))
}

/// Runs the verb.
pub fn run(args: Args) -> anyhow::Result<Done> {
    if args.list {
        for preset in PRESETS {
            let sort = if preset.draws { "draws" } else { "chats" };
            println!("{:12} {sort}  {}", preset.name, preset.about);
        }
        return Ok(Done::Well);
    }
    let place = args.file.display().to_string();
    if args.file.exists() && !args.replace {
        anyhow::bail!("`{place}` is there\n  name another file, or write over it by `--replace`");
    }
    let pipeline = PipelineArgs {
        pipeline: args.pipeline.name.clone(),
        project: args.pipeline.project.clone(),
        seed: 0,
        set: Vec::new(),
    };
    let project = pipeline.open()?;
    let Some(plan) = compile_or_tell(&project, &pipeline.overrides()) else {
        return Ok(Done::Findings);
    };
    let chosen = choose(&args, &plan)?;
    let text = plan.endpoints_file(&chosen);
    std::fs::write(&args.file, &text).map_err(|e| anyhow::anyhow!("`{place}`: {e}"))?;
    let marks = text.matches(MARK).count();
    println!(
        "{place}: {} roles, {marks} lines to edit, each marked `{}`",
        chosen.len(),
        MARK.trim()
    );
    check(&args, &plan, place, text)
}

/// What serves each role: by flag, by an answer, or as the role before it of its sort.
fn choose(args: &Args, plan: &Plan) -> anyhow::Result<BTreeMap<String, &'static Preset>> {
    let roles = plan.roles_used();
    for (role, preset) in &args.serve {
        let Some(known) = roles.iter().find(|known| known.name == *role) else {
            let names: Vec<&str> = roles.iter().map(|r| r.name.as_str()).collect();
            anyhow::bail!(
                "pipeline `{}` has no role `{role}`: {}",
                plan.pipeline,
                names.join(", ")
            );
        };
        anyhow::ensure!(
            preset.draws == draws_pictures(known),
            "`{}` cannot serve `{role}`, which {}",
            preset.name,
            if preset.draws { "chats" } else { "draws" }
        );
    }
    let told = args.chat.is_some() || args.images.is_some() || !args.serve.is_empty();
    let ask = !told && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let mut last = [args.chat, args.images];
    let mut out = BTreeMap::new();
    for role in roles {
        let draws = draws_pictures(role);
        let default = last[usize::from(draws)].unwrap_or_else(|| first(draws));
        let given = args.serve.iter().find(|(name, _)| *name == role.name).map(|(_, p)| *p);
        let chosen = match given {
            Some(given) => given,
            None if ask => answer(role, default)?,
            None => default,
        };
        if ask {
            last[usize::from(draws)] = Some(chosen);
        }
        out.insert(role.name.clone(), chosen);
    }
    Ok(out)
}

fn draws_pictures(role: &Role) -> bool {
    matches!(role.kind, RoleKind::Image { .. })
}

fn first(draws: bool) -> &'static Preset {
    PRESETS.iter().find(|preset| preset.draws == draws).unwrap_or(&PRESETS[0])
}

fn answer(role: &Role, default: &'static Preset) -> anyhow::Result<&'static Preset> {
    let mine: Vec<&Preset> = PRESETS.iter().filter(|p| p.draws == draws_pictures(role)).collect();
    let names: Vec<&str> = mine.iter().map(|p| p.name).collect();
    loop {
        eprint!("{} ({}): {} [{}] ", role.name, role.model, names.join(", "), default.name);
        std::io::stderr().flush()?;
        let mut line = String::new();
        if std::io::stdin().lock().read_line(&mut line)? == 0 || line.trim().is_empty() {
            return Ok(default);
        }
        match sorted(line.trim(), draws_pictures(role)) {
            Ok(preset) => return Ok(preset),
            Err(what) => eprintln!("  {what}"),
        }
    }
}

/// Reads the file back, as a run would, and looks for its keys; probes where that is wanted.
fn check(args: &Args, plan: &Plan, place: String, text: String) -> anyhow::Result<Done> {
    let endpoints = match Endpoints::parse(Arc::new(SourceFile { path: place.clone(), text })) {
        Ok(endpoints) => endpoints,
        Err(faults) => {
            tell(&faults);
            return Ok(Done::Findings);
        }
    };
    let keyless = endpoints.without_keys();
    tell(&keyless);
    if args.probe {
        return probe::run(plan, &endpoints, Format::Text);
    }
    eprintln!("edit it, then `coldstart check --probe --endpoints {place}` tries every endpoint");
    Ok(if keyless.is_empty() { Done::Well } else { Done::Findings })
}
