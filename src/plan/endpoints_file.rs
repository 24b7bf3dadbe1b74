//! An endpoints file made for a plan: a table for each of its roles, as a preset serves it.

use crate::call::endpoints::{MARK, Preset, table};
use crate::plan::Plan;
use std::collections::BTreeMap;

impl Plan {
    /// The file where each role is served by its preset of `chosen` (by role): one table a model, the other
    /// roles of that model share it. Lines that are the user's to edit are marked by `MARK`.
    pub fn endpoints_file(&self, chosen: &BTreeMap<String, &'static Preset>) -> String {
        let mut out = format!(
            "# Which server answers which role of pipeline `{}`.\n# Lines marked `{}` are yours to edit; \
             `coldstart endpoints fields` explains every key.\n# Then: coldstart check --probe --endpoints \
             THIS_FILE\n",
            self.pipeline,
            MARK.trim()
        );
        let mut tables: BTreeMap<(&str, &str), &str> = BTreeMap::new();
        for role in self.roles_used() {
            let Some(preset) = chosen.get(&role.name) else { continue };
            match tables.get(&(role.model.as_str(), preset.name)) {
                Some(other) => {
                    out.push_str(&format!("\n[role.{}]\nsame_as = \"{other}\"\n", role.name))
                }
                None => {
                    tables.insert((&role.model, preset.name), &role.name);
                    out.push_str(&format!("\n{}", table(&role.name, &role.model, preset)));
                }
            }
        }
        out
    }
}
