//! `coldstart kinds`: the documentation of the kinds of stages, from their table.

use crate::cli::Done;
use crate::cli::shared::{Format, print_json};
use crate::diag::did_you_mean;
use crate::stage::{KINDS, Kind, Param, Ty, kind};

/// List the kinds of stages, or document one: parameters, ports, drop reasons
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A kind's name
    kind: Option<String>,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub fn run(args: Args) -> anyhow::Result<Done> {
    let kinds: Vec<&Kind> = match &args.kind {
        None => KINDS.to_vec(),
        Some(name) => match kind(name) {
            Some(kind) => vec![kind],
            None => {
                let near = did_you_mean(name, KINDS.iter().map(|k| k.name));
                let remedy = near.map_or("`coldstart kinds` lists them".to_owned(), |near| {
                    format!("did you mean `{near}`?")
                });
                anyhow::bail!("no kind `{name}`\n  {remedy}");
            }
        },
    };
    if args.format == Format::Json {
        return print_json(&kinds.iter().map(|k| json(k)).collect::<Vec<_>>());
    }
    if args.kind.is_none() {
        let width = kinds.iter().map(|k| k.name.len()).max().unwrap_or(0);
        for kind in kinds {
            println!("{:width$}  {}", kind.name, kind.about);
        }
    } else {
        kinds.into_iter().for_each(document);
    }
    Ok(Done::Well)
}

fn document(kind: &Kind) {
    println!("{}: {}\n\n{}\n", kind.name, kind.about, fold(kind.docs));
    println!("parameters");
    for param in kind.params {
        println!("  {} ({}{})\n      {}", param.name, ty(param.ty), default(param), param.doc);
    }
    println!("ports");
    for port in kind.ports {
        println!("  {}\n      {}", port.name, port.doc);
    }
    println!("drop reasons");
    for reason in kind.reasons {
        println!("  {}\n      {}", reason.code, reason.doc);
    }
}

fn default(param: &Param) -> String {
    match param.default {
        None => ", must be given".to_owned(),
        Some("") => ", may be absent".to_owned(),
        Some(default) => format!(", default {default}"),
    }
}

fn ty(ty: Ty) -> String {
    match ty {
        Ty::Int { min, max } => format!("whole number {min} to {max}"),
        Ty::Float { min, max } => format!("number {min} to {max}"),
        Ty::Bool => "true or false".to_owned(),
        Ty::Text => "text".to_owned(),
        Ty::Choice(choices) => choices.join(" | "),
        Ty::Chat(_) => "role that chats".to_owned(),
        Ty::Chats(_) => "list of roles that chat".to_owned(),
        Ty::Image => "role that draws".to_owned(),
        Ty::Template { must, may: [] } => format!("template with {}", must.join(", ")),
        Ty::Template { must, may } => {
            format!("template with {} and perhaps {}", must.join(", "), may.join(", "))
        }
        Ty::File => "file under data/".to_owned(),
        Ty::Texts => "list of texts".to_owned(),
        Ty::Weights => "table of numbers".to_owned(),
        Ty::Tables => "tables".to_owned(),
    }
}

/// Words to lines of at most 90 characters.
fn fold(text: &str) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        if column + word.len() > 90 {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += word.len();
    }
    out
}

fn json(kind: &Kind) -> serde_json::Value {
    serde_json::json!({
        "kind": kind.name,
        "about": kind.about,
        "docs": kind.docs,
        "ports": kind.ports.iter().map(|p| serde_json::json!({"port": p.name, "doc": p.doc})).collect::<Vec<_>>(),
        "reasons": kind.reasons.iter().map(|r| serde_json::json!({"reason": r.code, "doc": r.doc})).collect::<Vec<_>>(),
        "params": kind.params.iter().map(|p| serde_json::json!({
            "param": p.name, "type": ty(p.ty), "default": p.default, "doc": p.doc,
        })).collect::<Vec<_>>(),
    })
}
