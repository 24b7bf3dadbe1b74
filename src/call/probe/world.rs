//! Which roles are played by the simulated world, asked before the first call is bought.
//!
//! An endpoints file need not say it, but the simulated world marks every answer. Only plain http is
//! asked, since it speaks nothing else.

use crate::call::endpoints::{Endpoint, Endpoints};
use crate::call::http::{SIM_HEADER, client};
use crate::env::Env;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// A server that does not answer by then is told of when it is called.
const PATIENCE: Duration = Duration::from_secs(2);

/// Roles by who plays them; those whose servers gave no answer are in neither.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Worlds {
    pub simulated: Vec<String>,
    pub real: Vec<String>,
}

impl Worlds {
    pub fn is_mixed(&self) -> bool {
        !self.simulated.is_empty() && !self.real.is_empty()
    }
}

/// Who plays `roles`. Nothing is asked where all are at one server.
pub async fn worlds(env: &Env, endpoints: &Endpoints, roles: &[&str]) -> Worlds {
    let used: Vec<(&str, &Arc<Endpoint>)> =
        roles.iter().filter_map(|role| Some((*role, endpoints.get(role)?))).collect();
    let urls =
        used.iter().flat_map(|(_, endpoint)| endpoint.urls.iter().map(move |u| (u, endpoint)));
    let servers: BTreeMap<String, (&Url, &Arc<Endpoint>)> =
        urls.map(|(url, endpoint)| (server(url), (url, *endpoint))).collect();
    if servers.len() < 2 {
        return Worlds::default();
    }
    let asked = servers.into_iter().map(|(name, (url, endpoint))| async move {
        (name, is_simulated(env, endpoint, url).await)
    });
    let known: BTreeMap<String, Option<bool>> =
        futures::future::join_all(asked).await.into_iter().collect();
    let mut found = Worlds::default();
    for (role, endpoint) in used {
        let said = endpoint.urls.iter().filter_map(|url| *known.get(&server(url))?);
        let said: Vec<bool> = said.collect();
        if said.contains(&true) {
            found.simulated.push(role.to_owned());
        }
        if said.contains(&false) {
            found.real.push(role.to_owned());
        }
    }
    found
}

fn server(url: &Url) -> String {
    url.origin().ascii_serialization()
}

async fn is_simulated(env: &Env, endpoint: &Endpoint, url: &Url) -> Option<bool> {
    if url.scheme() != "http" {
        return Some(false);
    }
    let asked = client(endpoint.connection.timeouts.connect).ok()?.get(url.clone()).send();
    let answer = tokio::select! {
        answer = asked => answer.ok()?,
        () = env.sleep(PATIENCE) => return None,
    };
    Some(answer.headers().contains_key(SIM_HEADER))
}
