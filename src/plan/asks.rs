//! What a plan's roles ask of endpoints: for the probe that tries them, and for what must be right before
//! anything is bought.

use crate::call::endpoints::Endpoints;
use crate::call::probe::{Ask, Sort};
use crate::diag::Diagnostic;
use crate::plan::Plan;
use crate::stage::{Role, RoleKind, Wants};

impl Plan {
    /// What each role of the plan would be asked.
    pub fn asks(&self) -> Vec<Ask> {
        self.roles_used().into_iter().map(|role| ask(self, role)).collect()
    }

    /// The names of the roles that its stages use.
    pub fn role_names(&self) -> Vec<&str> {
        self.roles_used().into_iter().map(|role| role.name.as_str()).collect()
    }

    /// What keeps `endpoints` from serving the plan: roles that none of them serves, and where a budget
    /// bounds the run (`priced`) those whose price is not known. Empty where nothing does.
    pub fn unserved(&self, endpoints: &Endpoints, priced: bool) -> Vec<Diagnostic> {
        let mut found = endpoints.missing(&self.role_names());
        if priced {
            let used = self.roles_used();
            let models = used.iter().map(|role| (role.name.as_str(), role.model.as_str()));
            found.extend(endpoints.unpriced(&models.collect::<Vec<_>>()));
        }
        found
    }
}

fn ask(plan: &Plan, role: &Role) -> Ask {
    // What the kinds that use the role want of it.
    let wants: Vec<Wants> = plan
        .stages
        .iter()
        .flat_map(|stage| {
            let ours = stage.kind.roles(&stage.params).filter(|(_, name, _)| *name == role.name);
            ours.filter_map(|(_, _, wants)| wants)
        })
        .collect();
    let sort = match &role.kind {
        RoleKind::Chat(sampling) => Sort::Chat {
            sampling: sampling.clone(),
            vision: wants.iter().any(|w| w.pictures),
            json: wants.iter().all(|w| w.json),
        },
        RoleKind::Image { width, height, steps, guidance, .. } => {
            Sort::Image { width: *width, height: *height, steps: *steps, guidance: *guidance }
        }
    };
    Ask { role: role.name.clone(), model: role.model.clone(), sort }
}
