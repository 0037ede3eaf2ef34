//! Who replaces the dialplan: one reload at a time, and those who ask meanwhile share the next.
//!
//! Owns the sending half of the dialplan in force. If its task died, the dialplan in force would
//! stay and every further reload be refused with [`ReloadError::Ended`].

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::load::{self, Passed};
use super::metrics::DialplanMetrics;
use super::watch::Watch;
use super::{DialplanConfig, DialplanError, InForce, Outcome, Reloaded};
use crate::clock;

/// How many may wait for the next reload; it serves all of them at once.
const MOST_WAITING: usize = 32;

/// The dialplan in force, and the way to replace it. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Dialplans {
    requests: mpsc::Sender<Asker>,
    in_force: watch::Receiver<Arc<InForce>>,
    _tasks: Arc<Tasks>,
}

type Asker = oneshot::Sender<Reloaded>;

/// Why a reload did not take place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReloadError {
    /// Too many wait already.
    #[error("{MOST_WAITING} requests wait for the next reload already: it serves them all")]
    Busy,
    /// Nobody reloads any more.
    #[error("the server is stopping, or its reloading failed: restart it")]
    Ended,
}

#[derive(Debug)]
struct Tasks(Vec<JoinHandle<()>>);

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

impl Dialplans {
    /// Loads the dialplan, and watches its files if that is wanted.
    ///
    /// # Errors
    /// When it can't be used.
    pub async fn start(
        config: DialplanConfig,
        metrics: DialplanMetrics,
    ) -> Result<Self, DialplanError> {
        // Before they are read: what changes while they are is seen as a change.
        let files = config.dir.clone().filter(|_| config.watch).map(Watch::new);
        let passed = Judging::start(&config, None)?.verdict().await?;
        // Nothing was known that it could be the same as.
        let Some(passed) = passed else { return Err(DialplanError::Defect) };
        let first = Arc::new(in_force(passed, 1));
        announce(&first);
        metrics.in_force(&first);
        let (sender, in_force) = watch::channel(first);
        let (requests, asked) = mpsc::channel(MOST_WAITING);
        let service = Service { config, metrics, in_force: sender };
        let mut tasks = vec![tokio::spawn(service.run(asked))];
        if let Some(files) = files {
            tasks.push(tokio::spawn(files.run(requests.clone())));
        }
        Ok(Self { requests, in_force, _tasks: Arc::new(Tasks(tasks)) })
    }

    /// The dialplan in force, now and whenever it is replaced.
    pub fn in_force(&self) -> watch::Receiver<Arc<InForce>> {
        self.in_force.clone()
    }

    /// Reads, compiles and tests the dialplan, and puts it in force if all passed.
    ///
    /// # Errors
    /// When no reload takes place. A dialplan that is wrong is an [`Outcome`].
    pub async fn reload(&self) -> Result<Reloaded, ReloadError> {
        reload(&self.requests).await
    }
}

/// Asks for a reload and waits for what it comes to.
pub(super) async fn reload(requests: &mpsc::Sender<Asker>) -> Result<Reloaded, ReloadError> {
    let (asker, reloaded) = oneshot::channel();
    requests.try_send(asker).map_err(|error| match error {
        mpsc::error::TrySendError::Full(_) => ReloadError::Busy,
        mpsc::error::TrySendError::Closed(_) => ReloadError::Ended,
    })?;
    reloaded.await.map_err(|_| ReloadError::Ended)
}

struct Service {
    config: DialplanConfig,
    metrics: DialplanMetrics,
    in_force: watch::Sender<Arc<InForce>>,
}

impl Service {
    async fn run(self, mut requests: mpsc::Receiver<Asker>) {
        while let Some(first) = requests.recv().await {
            let mut askers = vec![first];
            while let Ok(further) = requests.try_recv() {
                askers.push(further);
            }
            let known = self.in_force.borrow().hash.clone();
            match Judging::start(&self.config, Some(known)) {
                Ok(mut judging) => {
                    let verdict = judging.verdict().await;
                    answer(askers, &self.decide(verdict));
                    // One that was too slow still works: the next does not begin beside it.
                    judging.end().await;
                }
                Err(error) => answer(askers, &self.decide(Err(error))),
            }
        }
    }

    fn decide(&self, verdict: Result<Option<Passed>, DialplanError>) -> Reloaded {
        let (outcome, text) = match verdict {
            Ok(Some(passed)) => {
                let report = passed.report.clone();
                let next = Arc::new(in_force(passed, self.in_force.borrow().version + 1));
                announce(&next);
                self.metrics.in_force(&next);
                self.in_force.send_replace(next);
                (Outcome::Replaced, report)
            }
            Ok(None) => {
                if self.metrics.has_pending_error() {
                    tracing::info!("the dialplan's files are those in force again");
                }
                (Outcome::Unchanged, String::new())
            }
            Err(error) => {
                let version = self.in_force.borrow().version;
                tracing::error!(
                    "the dialplan's files can't be put in force, version {version} stays:\n{error}"
                );
                (error.outcome(), error.to_string())
            }
        };
        self.metrics.reloaded(outcome);
        let now = self.in_force.borrow();
        Reloaded { outcome, version: now.version, hash: now.hash.clone(), text }
    }
}

fn answer(askers: Vec<Asker>, reloaded: &Reloaded) {
    for asker in askers {
        // Who asked may have gone.
        let _ = asker.send(reloaded.clone());
    }
}

fn in_force(passed: Passed, version: u64) -> InForce {
    let Passed { program, hash, sources, report: _ } = passed;
    InForce { program, version, hash, since: clock::wall(), sources }
}

fn announce(now: &InForce) {
    let InForce { version, hash, sources, program, .. } = now;
    let (files, flows) = (sources.len(), program.flows().count());
    tracing::info!(version, %hash, files, flows, "a dialplan is in force");
}

/// A dialplan being read, compiled and tested, on a thread of its own: neither a long test nor a
/// defect of the compiler touches a call, and a thread that never ends holds up no exit.
struct Judging {
    verdict: Option<oneshot::Receiver<Result<Option<Passed>, DialplanError>>>,
    deadline: Instant,
    limit: std::time::Duration,
}

/// The recorded prompts as they are now. Where they can't be read nothing is known of them.
fn recorded(dir: &std::path::Path) -> Option<Vec<(String, String)>> {
    crate::prompt::recorded_prompts(dir)
        .inspect_err(|error| tracing::error!(%error, "the recorded prompts can't be read"))
        .ok()
}

impl Judging {
    fn start(config: &DialplanConfig, known: Option<String>) -> Result<Self, DialplanError> {
        let limit = config.time_limit;
        let deadline = Instant::now() + limit;
        let (sender, verdict) = oneshot::channel();
        let DialplanConfig { dir, mut options, prompts, .. } = config.clone();
        let judge = move || {
            options.prompts = prompts.as_deref().and_then(recorded);
            let verdict = load::judge(dir.as_deref(), &options, known.as_deref(), deadline);
            // Nobody may wait any more.
            let _ = sender.send(verdict);
        };
        std::thread::Builder::new()
            .name("hark-dialplan".into())
            .spawn(judge)
            .map_err(DialplanError::NoThread)?;
        Ok(Self { verdict: Some(verdict), deadline, limit })
    }

    async fn verdict(&mut self) -> Result<Option<Passed>, DialplanError> {
        let Some(verdict) = &mut self.verdict else { return Err(DialplanError::Defect) };
        let told = tokio::time::timeout_at(self.deadline.into(), &mut *verdict).await;
        match told {
            Ok(told) => {
                self.verdict = None;
                // Only a thread that panicked goes without a word.
                told.unwrap_or(Err(DialplanError::Defect))
            }
            Err(_) => Err(DialplanError::TooSlow(self.limit)),
        }
    }

    async fn end(self) {
        if let Some(verdict) = self.verdict {
            // What it came to is too late.
            let _ = verdict.await;
        }
    }
}
