//! What survives a call: which legs it has, and which spools are neither sent nor thrown away.
//! Kept outside the actors, so that whoever supervises one that died can clear up after it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hark_engine::sip::endpoint::{Command, LegId};

use super::CallServices;
use super::recordings::List;

/// The ledger. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Arc<Mutex<HashMap<LegId, Entry>>>);

#[derive(Debug)]
struct Entry {
    spools: List,
    /// The legs of callees with whom the caller is, or was just now, connected.
    further: Vec<LegId>,
}

impl Ledger {
    pub(super) fn note(&self, leg: LegId, spools: List) {
        self.lock().insert(leg, Entry { spools, further: Vec::new() });
    }

    /// The call of `leg` has a further leg.
    pub(super) fn attach(&self, leg: LegId, further: LegId) {
        if let Some(entry) = self.lock().get_mut(&leg) {
            entry.further.push(further);
        }
    }

    /// A further leg is over.
    pub(super) fn detach(&self, leg: LegId, further: LegId) {
        if let Some(entry) = self.lock().get_mut(&leg) {
            entry.further.retain(|one| *one != further);
        }
    }

    /// A call is over. What it left neither sent nor thrown away, as a run that was cut short
    /// does, is made into messages like that of a call that failed.
    pub(super) fn close(&self, services: &CallServices, leg: LegId) {
        let entry = self.lock().remove(&leg);
        if let Some(entry) = entry {
            recover(services, entry.spools);
        }
    }

    /// Hangs up the legs of every call, and makes messages of what was said in them.
    pub fn clear_up(&self, services: &CallServices) {
        let legs: Vec<_> = self.lock().keys().copied().collect();
        for leg in legs {
            self.clear_up_leg(services, leg);
        }
    }

    /// Hangs up the legs of a call that failed, and makes messages of what was said in it.
    pub(super) fn clear_up_leg(&self, services: &CallServices, leg: LegId) {
        let entry = self.lock().remove(&leg);
        let Some(Entry { spools, further }) = entry else { return };
        for leg in further.into_iter().chain([leg]) {
            let reason = Some("SIP;cause=500;text=\"Server Internal Error\"".into());
            services.sip.command(Command::Hangup { leg, reason });
        }
        recover(services, spools);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<LegId, Entry>> {
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
        for spool in spools.take_left_behind(&recovery.recordings).await {
            recovery.recover(&spool).await;
            recordings.inc();
        }
    });
}
