//! What `hark reload` and SIGHUP do: the dialplan, and whatever else is read anew.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::dialplan::{Dialplans, Outcome, ReloadError, Reloaded};

/// How long each further part may take.
const PART_WITHIN: Duration = Duration::from_secs(30);

/// Something that is read anew: says what it found, or why it failed.
pub type Part = Box<dyn Fn() -> BoxFuture<'static, Result<String, String>> + Send + Sync>;

/// Everything that can be reloaded. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Reloads {
    dialplans: Dialplans,
    parts: Arc<[(&'static str, Part)]>,
    /// Held while the parts are read: one reload at a time.
    turn: Arc<Mutex<()>>,
}

impl std::fmt::Debug for Reloads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts: Vec<_> = self.parts.iter().map(|(name, _)| name).collect();
        f.debug_struct("Reloads").field("parts", &parts).finish_non_exhaustive()
    }
}

/// What a reload came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Of the dialplan.
    #[serde(flatten)]
    pub dialplan: Reloaded,
    /// Of each further part, in their order.
    #[serde(default)]
    pub parts: Vec<PartReport>,
}

/// What the reload of one further part came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartReport {
    /// Which.
    pub name: String,
    /// Whether it was read.
    pub ok: bool,
    /// What it found, or why it failed.
    pub text: String,
}

impl Report {
    /// Whether all that was asked for is in force.
    pub fn is_success(&self) -> bool {
        self.dialplan.outcome.is_success() && self.parts.iter().all(|part| part.ok)
    }
}

impl Reloads {
    /// The dialplan, and these further parts by their names.
    pub fn new(dialplans: Dialplans, parts: Vec<(&'static str, Part)>) -> Self {
        Self { dialplans, parts: parts.into(), turn: Arc::default() }
    }

    /// Reads everything anew. A part is read whether or not the one before it was.
    ///
    /// # Errors
    /// When no reload takes place.
    pub async fn reload(&self) -> Result<Report, ReloadError> {
        let dialplan = self.dialplans.reload().await?;
        let _turn = self.turn.lock().await;
        let mut parts = Vec::new();
        for (name, read) in &*self.parts {
            let told = tokio::time::timeout(PART_WITHIN, read()).await;
            let told = told.unwrap_or_else(|_| Err(format!("not read within {PART_WITHIN:?}")));
            if let Err(error) = &told {
                tracing::error!(part = name, error, "a part was not reloaded");
            }
            let (ok, text) = (told.is_ok(), told.unwrap_or_else(|error| error));
            parts.push(PartReport { name: (*name).to_owned(), ok, text });
        }
        if dialplan.outcome == Outcome::Unchanged {
            tracing::info!(version = dialplan.version, "reloaded: the dialplan is the same");
        }
        Ok(Report { dialplan, parts })
    }
}

#[cfg(test)]
mod tests {
    use prometheus::Registry;

    use super::*;
    use crate::dialplan::{DialplanConfig, DialplanMetrics};

    #[tokio::test]
    async fn every_part_is_read_and_a_failure_is_told() {
        let metrics = DialplanMetrics::register(&Registry::new()).unwrap();
        let dialplans = Dialplans::start(DialplanConfig::new(None), metrics).await.unwrap();
        let fails: Part = Box::new(|| Box::pin(async { Err("no such file".to_owned()) }));
        let works: Part = Box::new(|| Box::pin(async { Ok("3 users".to_owned()) }));
        let reloads = Reloads::new(dialplans, vec![("groups", fails), ("users", works)]);
        let report = reloads.reload().await.unwrap();
        assert_eq!(report.dialplan.outcome, Outcome::Unchanged);
        assert!(!report.is_success());
        let told: Vec<_> =
            report.parts.iter().map(|p| (p.name.as_str(), p.ok, p.text.as_str())).collect();
        assert_eq!(told, [("groups", false, "no such file"), ("users", true, "3 users")]);
    }
}
