//! `--apply`: an integrator's own apps and people in the sandbox's realms, from the files that `kimbai apply` takes.

use std::path::PathBuf;
use std::sync::Arc;

use kimbai_engine::Engine;
use kimbai_engine::admin::{Administration, Apply, Manifest, MasterKeyHome, Prune};
use kimbai_server::dialects::Dialects;
use kimbai_server::sandbox::demo::Registration;
use kimbai_server::sandbox::shown::Shown;

use crate::admin::manifest;
use crate::config::{Origin, Problem, Problems};

/// What the sandbox decides of its realms itself.
const KEPT: [&str; 4] = ["issuer", "dialect", "further_hosts", "paths"];

/// Reads the files and checks that they speak of the sandbox's realms alone.
///
/// # Errors
/// [`Problems`]: all that is wrong with the files.
pub(super) fn read(files: &[PathBuf], realms: &[(u16, Registration)]) -> anyhow::Result<Manifest> {
    let manifest = manifest::read(files)?;
    let mut problems = Vec::new();
    for (name, asked) in &manifest.realms {
        if !realms.iter().any(|(_, realm)| realm.name == name) {
            let known: Vec<_> = realms.iter().map(|(_, realm)| realm.name).collect();
            let what = format!("the sandbox has no realm {name}");
            problems.push(Problem::new(
                Origin::Default,
                what,
                format!("register apps in one of: {}", known.join(", ")),
            ));
        }
        for key in KEPT.iter().filter(|key| asked.settings.contains_key(**key)) {
            let what = format!("realms.{name}.{key} is the sandbox's own");
            problems.push(Problem::new(Origin::Default, what, "leave it out; --port-base moves the realms"));
        }
    }
    Problems::unless_empty(problems)?;
    Ok(manifest)
}

/// Registers what the files ask for, and shows the apps beside the demo apps.
///
/// # Errors
/// What is wrong with the files; nothing of them was registered then.
pub(super) async fn apply(
    engine: &Arc<Engine>,
    manifest: Manifest,
    realms: &mut [(u16, Registration)],
) -> anyhow::Result<()> {
    if manifest.realms.is_empty() {
        return Ok(());
    }
    let administration = Administration::new(Arc::clone(engine), Box::new(Dialects), MasterKeyHome::Given);
    let asked = manifest.clone();
    let applied = Box::pin(administration.run(Apply { manifest, prune: Prune::Keep, agreed: None })).await?;
    for (name, asked) in asked.realms {
        let shown = realms.iter_mut().find(|(_, realm)| realm.name == name);
        let (Some((_, shown)), Some(realm)) = (shown, engine.realm(&name)) else { continue };
        for (client_id, asked) in asked.clients.unwrap_or_default() {
            let secret = applied.made_secrets.iter().find(|made| made.realm == name && made.client_id == client_id);
            let secret = secret.map(|made| Shown::from(made.client_secret.expose().to_owned()));
            let key = applied.made_keys.iter().find(|made| made.realm == name && made.client_id == client_id);
            let key = key.map(|made| Shown::from(made.key.expose().to_owned()));
            let given_key = asked.partner.given().and_then(|partner| partner.key.as_ref());
            if let Some(client) = realm.client(&client_id) {
                shown.show(
                    &client,
                    secret.or(asked.client_secret.map(|_| Shown::Yours)),
                    key.or(given_key.map(|_| Shown::Yours)),
                );
            }
        }
    }
    Ok(())
}
