//! What survives a call: which leg it has, and which spools are neither sent nor thrown away.
//! Kept outside the actors, so that whoever supervises one that died can clear up after it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hark_engine::sip::endpoint::{Command, LegId};

use super::CallServices;
use super::recordings::List;

/// The ledger. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Arc<Mutex<HashMap<LegId, List>>>);

impl Ledger {
    pub(super) fn note(&self, leg: LegId, spools: List) {
        self.lock().insert(leg, spools);
    }

    /// A call is over. What it left neither sent nor thrown away, as a run that was cut short
    /// does, is made into messages like that of a call that failed.
    pub(super) fn close(&self, services: &CallServices, leg: LegId) {
        if let Some(spools) = self.lock().remove(&leg) {
            recover(services, spools);
        }
    }

    /// Hangs up the legs of every call, and makes messages of what was said in them.
    pub fn clear_up(&self, services: &CallServices) {
        let legs: Vec<_> = self.lock().keys().copied().collect();
        for leg in legs {
            self.clear_up_leg(services, leg);
        }
    }

    /// Hangs up the leg of a call that failed, and makes messages of what was said in it.
    pub(super) fn clear_up_leg(&self, services: &CallServices, leg: LegId) {
        let Some(spools) = self.lock().remove(&leg) else { return };
        let reason = Some("SIP;cause=500;text=\"Server Internal Error\"".into());
        services.sip.command(Command::Hangup { leg, reason });
        recover(services, spools);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<LegId, List>> {
        // Every change is one insertion or removal: a panic can't have torn it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn recover(services: &CallServices, spools: List) {
    if spools.is_empty() {
        return;
    }
    let recovery = services.recovery();
    let recordings = services.metrics.recordings.with_label_values(&["recovered"]);
    tokio::spawn(async move {
        for spool in spools.take_left_behind().await {
            recovery.recover(&spool).await;
            recordings.inc();
        }
    });
}
