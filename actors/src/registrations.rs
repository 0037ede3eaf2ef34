//! What the SIP side tells, sorted: registrations are kept and make their users present, calls
//! go to the switchboard.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hark_engine::directory::Directory;
use hark_engine::sip::endpoint::{Command, Event};
use hark_engine::sip::registrar::Binding;
use tokio::sync::{mpsc, watch};

use crate::clock;
use crate::presence_board::PresenceBoard;
use crate::sip::SipHandle;
use crate::store::{Store, StoreError, StoredBinding};

/// Changes that may wait for the disk.
const CHANGES: usize = 4096;

/// Which telephones are registered now.
pub struct Registrations {
    store: Store,
    presence: PresenceBoard,
    directory: watch::Receiver<Arc<Directory>>,
    bindings: HashMap<String, HashSet<String>>,
}

impl Registrations {
    /// No registrations yet.
    pub fn new(
        store: Store,
        presence: PresenceBoard,
        directory: watch::Receiver<Arc<Directory>>,
    ) -> Self {
        Self { store, presence, directory, bindings: HashMap::new() }
    }

    /// Hands the registrations from before a restart to the endpoint.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn restore(&mut self, sip: &SipHandle) -> Result<usize, StoreError> {
        let mut restored = 0;
        for stored in self.store.bindings(clock::wall()).await? {
            let binding: Binding = match serde_json::from_str(&stored.binding) {
                Ok(binding) => binding,
                Err(error) => {
                    // The telephone registers again within the hour.
                    tracing::warn!(%error, "a stored registration can't be read");
                    continue;
                }
            };
            self.note(&stored.account, &stored.contact, true);
            sip.command(Command::RestoreBinding { account: stored.account, binding });
            restored += 1;
        }
        Ok(restored)
    }

    /// Serves events until the SIP side ends.
    pub async fn run(mut self, mut events: mpsc::Receiver<Event>, calls: mpsc::Sender<Event>) {
        // The disk is another task's: no call waits until a registration is synced.
        let (changes, queue) = mpsc::channel(CHANGES);
        tokio::spawn(write(self.store.clone(), queue));
        while let Some(event) = events.recv().await {
            match event {
                Event::Registered { account, contact } => {
                    self.note(&account, &contact.contact, true);
                    keep(&changes, Change::Kept(account, contact));
                }
                Event::Unregistered { account, contact } => {
                    self.note(&account, &contact.contact, false);
                    keep(&changes, Change::Gone(account, contact));
                }
                Event::Counted(_) => {}
                Event::IncomingCall { .. }
                | Event::Confirmed { .. }
                | Event::Reinvite { .. }
                | Event::DtmfInfo { .. }
                | Event::Ringing { .. }
                | Event::Answered { .. }
                | Event::Ended { .. } => {
                    if calls.send(event).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn note(&mut self, account: &str, contact: &str, present: bool) {
        let contacts = self.bindings.entry(account.to_owned()).or_default();
        if present {
            contacts.insert(contact.to_owned());
        } else {
            contacts.remove(contact);
        }
        let count = u32::try_from(contacts.len()).unwrap_or(u32::MAX);
        if count == 0 {
            self.bindings.remove(account);
        }
        let user = self.directory.borrow().by_name(account).map(|user| user.id);
        if let Some(user) = user {
            self.presence.phones(user, count);
        }
    }
}

enum Change {
    Kept(String, Binding),
    Gone(String, Binding),
}

fn keep(changes: &mpsc::Sender<Change>, change: Change) {
    if changes.try_send(change).is_err() {
        // It holds until a restart, and telephones register again within the hour.
        tracing::warn!("registrations come faster than the disk takes them: one was not kept");
    }
}

async fn write(store: Store, mut changes: mpsc::Receiver<Change>) {
    while let Some(change) = changes.recv().await {
        let written = match change {
            Change::Gone(account, binding) => {
                store.delete_binding(&account, &binding.contact).await
            }
            Change::Kept(account, binding) => match serde_json::to_string(&binding) {
                Ok(json) => {
                    let Binding { contact, expires_at: expires, .. } = binding;
                    store
                        .save_binding(StoredBinding { account, contact, binding: json, expires })
                        .await
                }
                Err(error) => {
                    tracing::error!(%error, "a registration can't be written");
                    continue;
                }
            },
        };
        if let Err(error) = written {
            tracing::warn!(%error, "the store does not keep up with a registration");
        }
    }
}
