//! What a kind's `compile` may use: its parameters, the project's files, the roles.

use crate::call::Sampling;
use crate::diag::{Diagnostic, SourceFile};
use crate::rules::Rules;
use crate::stage::Params;
use crate::template::Template;
use crate::text::leak::Patterns;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

const AGAIN: &str = "templates/again.j2";

/// A role of `_models.toml`: everything about a model that shapes the data.
#[derive(Debug, Clone, PartialEq)]
pub struct Role {
    pub name: String,
    pub model: String,
    pub kind: RoleKind,
}

/// What a role can be asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum RoleKind {
    Chat(Sampling),
    Image {
        /// Pixels.
        width: u32,
        height: u32,
        steps: Option<u32>,
        guidance: Option<f64>,
        negative_prompt: Option<String>,
    },
}

/// The project's files, by path from its root.
pub trait Files {
    /// The text of a file; None when there is none (or it is not UTF-8).
    fn text(&self, path: &str) -> Option<Arc<SourceFile>>;
    fn bytes(&self, path: &str) -> Option<Vec<u8>>;
    /// A text file anywhere on this machine, kept with the project's own: what a run was told to
    /// read is in its manifest.
    fn outside(&self, path: &str) -> Option<Arc<SourceFile>>;
    /// The files of a folder, sorted.
    fn list(&self, folder: &str) -> Vec<String>;
    /// Where something lies that a stage reads at run time: a path of a stage file starts at the
    /// project's root, a `typed` one where coldstart is run, if it is there. URIs and absolute
    /// paths are what they are.
    fn place(&self, path: &str, typed: bool) -> String;
}

/// One stage's compilation.
pub struct Compile<'a> {
    pub stage: &'a str,
    pub params: &'a Params,
    pub files: &'a dyn Files,
    pub roles: &'a BTreeMap<String, Role>,
    /// The run's seed.
    pub seed: u64,
    /// The stage file, for spans.
    pub source: Arc<SourceFile>,
    /// Where each parameter's value stands in it.
    pub spans: &'a BTreeMap<String, Range<usize>>,
}

impl Compile<'_> {
    /// The role named by parameter `param`. `plan` has checked that it exists.
    pub fn role(&self, param: &str) -> Result<Role, Vec<Diagnostic>> {
        self.role_named(param, self.params.text(param))
    }

    /// The role `name`, which parameter `param` names among others.
    pub fn role_named(&self, param: &str, name: &str) -> Result<Role, Vec<Diagnostic>> {
        self.roles.get(name).cloned().ok_or_else(|| {
            vec![self.fault(param, "P06", format!("no role `{name}` in `_models.toml`"))]
        })
    }

    /// The template named by parameter `param`.
    pub fn template(&self, param: &str) -> Result<Arc<Template>, Vec<Diagnostic>> {
        let name = self.params.text(param);
        let path = format!("templates/{name}");
        let source = self
            .files
            .text(&path)
            .ok_or_else(|| vec![self.fault(param, "P07", format!("no template `{path}`"))])?;
        Template::parse(source).map(Arc::new).map_err(|e| vec![e])
    }

    /// `templates/again.j2`: what is said of a reply that could not be read. A project of before there
    /// was one has the words that are built in.
    pub fn again(&self) -> Result<Arc<Template>, Vec<Diagnostic>> {
        let built_in = || {
            let text = include_str!("../../templates/again.j2").to_owned();
            Arc::new(SourceFile { path: AGAIN.to_owned(), text })
        };
        let source = self.files.text(AGAIN).unwrap_or_else(built_in);
        let template = Template::parse(source).map_err(|e| vec![e])?;
        match template.variables.iter().find(|v| v.name != "fault") {
            None => Ok(Arc::new(template)),
            Some(v) => {
                let title = format!("template `again.j2` needs field `{}`", v.name);
                let d = Diagnostic::error("P10", title).note("fields here: `fault`");
                Err(vec![d.at(&template.source, v.range.clone(), "")])
            }
        }
    }

    /// The rules file named by parameter `param` (under `data/`).
    pub fn rules(&self, param: &str) -> Result<Arc<Rules>, Vec<Diagnostic>> {
        let source = self.file(param)?;
        Rules::parse(&source).map(Arc::new)
    }

    /// The phrases in the file named by parameter `param`.
    pub fn patterns(&self, param: &str) -> Result<Arc<Patterns>, Vec<Diagnostic>> {
        let source = self.file(param)?;
        Patterns::shared(&source)
    }

    /// The text file named by parameter `param`, looked for under `data/` and from the root.
    pub fn file(&self, param: &str) -> Result<Arc<SourceFile>, Vec<Diagnostic>> {
        let name = self.params.text(param);
        self.files
            .text(&format!("data/{name}"))
            .or_else(|| self.files.text(name))
            .ok_or_else(|| vec![self.fault(param, "P08", format!("no file `data/{name}`"))])
    }

    /// The place of `path`, which parameter `param` names; see `Files::place`.
    pub fn place(&self, param: &str, path: &str) -> String {
        // What the command line set has no span.
        self.files.place(path, !self.spans.contains_key(param))
    }

    /// A diagnostic at a parameter's value.
    pub fn fault(&self, param: &str, code: &'static str, title: String) -> Diagnostic {
        let diagnostic = Diagnostic::error(code, title);
        match self.spans.get(param) {
            Some(range) => diagnostic.at(&self.source, range.clone(), ""),
            None => diagnostic,
        }
    }
}
