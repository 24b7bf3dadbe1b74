//! The documentation of a kind, made of its table entry: as text, and as JSON.

use crate::stage::{Kind, Param, Ty};
use serde_json::{Value, json};
use std::fmt::Write;

impl Kind {
    /// What it does, and each parameter, port and drop reason with its sentence.
    pub fn document(&self) -> String {
        let mut out =
            format!("{}: {}\n\n{}\n\nparameters\n", self.name, self.about, fold(self.docs));
        for param in self.params {
            let (ty, default) = (ty(param.ty), default(param));
            let _ = writeln!(out, "  {} ({ty}{default})\n      {}", param.name, param.doc);
        }
        out += "ports\n";
        for port in self.ports {
            let _ = writeln!(out, "  {}\n      {}", port.name, port.doc);
        }
        out += "drop reasons\n";
        for reason in self.reasons {
            let _ = writeln!(out, "  {}\n      {}", reason.code, reason.doc);
        }
        out
    }

    /// The same with the fields `kind`, `about`, `docs`, `ports`, `reasons` and `params`.
    pub fn to_json(&self) -> Value {
        let ports = self.ports.iter().map(|p| json!({"port": p.name, "doc": p.doc}));
        let reasons = self.reasons.iter().map(|r| json!({"reason": r.code, "doc": r.doc}));
        let params = self.params.iter().map(
            |p| json!({"param": p.name, "type": ty(p.ty), "default": p.default, "doc": p.doc}),
        );
        json!({
            "kind": self.name,
            "about": self.about,
            "docs": self.docs,
            "ports": ports.collect::<Vec<_>>(),
            "reasons": reasons.collect::<Vec<_>>(),
            "params": params.collect::<Vec<_>>(),
        })
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
