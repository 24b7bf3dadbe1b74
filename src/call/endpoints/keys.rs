//! The keys that an endpoints file names: whether the environment holds them, told once each.
//!
//! Whether a server takes them is told by the probe; what they are is told by nobody.

use crate::call::endpoints::{Endpoint, Endpoints};
use crate::call::http::Key;
use crate::diag::Diagnostic;
use std::collections::BTreeMap;

impl Endpoints {
    /// An error for each variable that is named and that the environment does not hold, or that holds
    /// what no header can carry.
    pub fn without_keys(&self) -> Vec<Diagnostic> {
        // Under each variable the roles that need it, at the first place that names it.
        let mut wanting: BTreeMap<&str, (Diagnostic, Vec<&str>)> = BTreeMap::new();
        for (role, endpoint) in self.iter() {
            let Some(variable) = &endpoint.key_env else { continue };
            if let Some((_, roles)) = wanting.get_mut(variable.as_str()) {
                roles.push(role);
            } else if let Err(fault) = endpoint.key() {
                wanting.insert(variable, (fault, vec![role]));
            }
        }
        wanting
            .into_values()
            .map(|(fault, roles)| fault.note(format!("for `{}`", roles.join("`, `"))))
            .collect()
    }
}

impl Endpoint {
    /// The endpoint's key out of the environment; None where it needs none.
    ///
    /// # Errors
    /// E11, with the variable's name and never its value.
    pub fn key(&self) -> Result<Option<Key>, Diagnostic> {
        let Some(name) = &self.key_env else { return Ok(None) };
        let fault = |title: String| {
            let error = Diagnostic::error("E11", title).help(format!("export {name}=…"));
            match &self.key_span {
                Some((source, range)) => error.at(source, range.clone(), "read here"),
                None => error,
            }
        };
        let text = std::env::var(name).unwrap_or_default();
        if text.trim().is_empty() {
            return Err(fault(format!("the environment has no `{name}`")));
        }
        let key = Key::new(name, &text);
        match key.header("") {
            Some(_) => Ok(Some(key)),
            None => Err(fault(format!("`{name}` holds characters that no key has"))),
        }
    }
}
