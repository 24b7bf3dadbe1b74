//! What is asked of an export, checked before a RUN is read or a folder cleared.

use crate::deliver::export::{ExportError, Selection, Shards};
use crate::diag;
use crate::export::control::{self, ControlTokens};
use crate::export::conversation::{ConversationOptions, Dialect};
use crate::export::formats::{Form, Settings};
use crate::export::report::{ExportReport, SplitReport};
use crate::export::split::Shares;
use crate::export::tokens::Measure;
use crate::record::Digest;
use crate::rules::Rules;
use std::sync::Arc;

/// All values: whoever asks has read the files.
pub struct Request {
    pub form: &'static Form,
    /// How tools and observations are written.
    pub dialect: Dialect,
    /// What becomes of a control token in a prompt or in model text.
    pub control: ControlTokens,
    /// Replaces the form's own system turn, byte for byte.
    pub system: Option<String>,
    /// How texts are measured.
    pub measure: Measure,
    /// Longer conversations are left out.
    pub max_tokens: u32,
    /// The pixels that an image is scaled down to by the trainer.
    pub max_image_pixels: u64,
    /// Rows that are less sure of their verdicts are left out; 0: none is.
    pub min_posterior: f64,
    /// The judge's rules, for forms that carry them; None: the source's own, else the built-in ones.
    pub rules: Option<diag::SourceFile>,
    /// Which share of the prompts goes to which split; prompts that are alike stay on one side.
    pub shares: Shares,
    /// Which prompts fall on which side is a function of it.
    pub seed: u64,
    /// GPUs that will train.
    pub gpus: u32,
    /// Which rows; the same `seed` picks the same.
    pub selection: Selection,
    /// Rows of evaluation sets are meant to be training data.
    pub train_on_benchmark: bool,
}

impl Request {
    /// What can be wrong with a request whatever its source.
    pub fn check(&self) -> Result<(), ExportError> {
        if !self.form.dialects.contains(&self.dialect) {
            let (form, dialect) = (self.form.name, self.dialect.as_str());
            return Err(ExportError::NoDialect { form, dialect });
        }
        let Some(text) = &self.system else { return Ok(()) };
        if text.trim().is_empty() {
            return Err(ExportError::EmptySystem);
        }
        match control::find_in_system(text) {
            Some(token) => Err(ExportError::SystemToken { token: token.to_string() }),
            None => Ok(()),
        }
    }

    pub(super) fn options(&self) -> ConversationOptions {
        ConversationOptions {
            dialect: self.dialect,
            control: self.control,
            system: self.system.clone(),
        }
    }

    pub(super) fn settings(&self, source: &Shards) -> Result<Settings, ExportError> {
        Ok(Settings {
            dialect: self.dialect,
            splits: self.shares.names(),
            max_tokens: self.max_tokens,
            max_image_pixels: self.max_image_pixels,
            gpus: self.gpus,
            rules: if self.form.takes_rules { self.rules(source)? } else { Vec::new() },
            card: source.card.clone(),
        })
    }

    /// The report of an export without rows.
    pub(super) fn report(&self) -> ExportReport {
        let empty = |name| (name, SplitReport::default());
        ExportReport {
            format: self.form.name.to_string(),
            dialect: self.dialect.as_str().to_string(),
            control_tokens: format!("{:?}", self.control).to_lowercase(),
            system_digest: Digest::of(self.options().system().as_bytes()).hex(),
            seed: self.seed,
            selected: self.selection.filter.clone(),
            take: self.selection.take,
            max_tokens: self.max_tokens,
            max_image_pixels: self.max_image_pixels,
            tokens_exact: matches!(self.measure, Measure::Exact(_)),
            splits: self.shares.names().into_iter().map(empty).collect(),
            version: env!("CARGO_PKG_VERSION").to_string(),
            ..ExportReport::default()
        }
    }

    /// The judge's rules, each with its id: those given, the RUN's own, or those that came with the
    /// program.
    fn rules(&self, source: &Shards) -> Result<Vec<(String, String)>, ExportError> {
        let text = self.rules.clone().or_else(|| source.rules.clone());
        let text = text.unwrap_or_else(|| diag::SourceFile {
            path: "data/judge_rules.toml".to_string(),
            text: include_str!("../../../data/judge_rules.toml").to_string(),
        });
        match Rules::parse(&Arc::new(text)) {
            Ok(rules) => Ok(rules.rules.into_iter().map(|rule| (rule.id, rule.text)).collect()),
            Err(diagnostics) => Err(ExportError::Rules(diagnostics)),
        }
    }
}
