//! What the SIP side tells, sorted: registrations are kept and make their users present, calls
//! go to the switchboard.

use std::sync::Arc;

use hark_engine::directory::Directory;
use hark_engine::sip::endpoint::{Command, Event};
use hark_engine::sip::registrar::Binding;
use tokio::sync::{mpsc, watch};

use crate::clock;
use crate::devices::Devices;
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
    devices: Devices,
}

/// Where what is about no registration goes.
pub struct Routes {
    /// Calls.
    pub calls: mpsc::Sender<Event>,
    /// Subscriptions, and telephones that come and go.
    pub notifier: mpsc::Sender<Event>,
    /// MESSAGEs.
    pub texts: mpsc::Sender<Event>,
}

impl Registrations {
    /// No registrations yet.
    pub fn new(
        store: Store,
        presence: PresenceBoard,
        directory: watch::Receiver<Arc<Directory>>,
        devices: Devices,
    ) -> Self {
        Self { store, presence, directory, devices }
    }

    /// Hands the registrations from before a restart to the endpoint.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn restore(
        &mut self,
        sip: &SipHandle,
        notifier: &mpsc::Sender<Event>,
    ) -> Result<usize, StoreError> {
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
            self.note(&stored.account, &binding, true);
            let (account, contact) = (stored.account.clone(), binding.clone());
            // What does not fit is told of its lamp when it registers again.
            let _ = notifier.try_send(Event::Registered { account, contact });
            sip.command(Command::RestoreBinding { account: stored.account, binding });
            restored += 1;
        }
        Ok(restored)
    }

    /// Serves events until the SIP side ends.
    pub async fn run(self, sip: SipHandle, mut events: mpsc::Receiver<Event>, routes: Routes) {
        let Routes { calls, notifier, texts } = routes;
        // The disk is another task's: no call waits until a registration is synced.
        let (changes, queue) = mpsc::channel(CHANGES);
        tokio::spawn(write(self.store.clone(), queue));
        while let Some(event) = events.recv().await {
            match event {
                Event::Registered { account, contact } => {
                    self.note(&account, &contact, true);
                    let came =
                        Event::Registered { account: account.clone(), contact: contact.clone() };
                    // A busy notifier tells it of its lamp with the next change.
                    let _ = notifier.try_send(came);
                    keep(&changes, Change::Kept(account, contact));
                }
                Event::Unregistered { account, contact } => {
                    self.note(&account, &contact, false);
                    let gone =
                        Event::Unregistered { account: account.clone(), contact: contact.clone() };
                    let _ = notifier.try_send(gone);
                    keep(&changes, Change::Gone(account, contact));
                }
                Event::Published { account, state } => {
                    let user = self.directory.borrow().by_name(&account).map(|user| user.id);
                    if let Some(user) = user {
                        self.presence.published(user, state);
                    }
                }
                Event::Subscribe { subscription, .. } => {
                    if notifier.try_send(event).is_err() {
                        sip.command(Command::RefuseSubscription { subscription, status: 503 });
                    }
                }
                Event::SubscriptionOver { .. } => {
                    if notifier.send(event).await.is_err() {
                        return;
                    }
                }
                Event::Text { text, .. } => {
                    if texts.try_send(event).is_err() {
                        sip.command(Command::AnswerText { text, status: 503 });
                    }
                }
                // The SIP actor answers whoever asked for it.
                Event::Requested { .. } | Event::Counted(_) => {}
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

    fn note(&self, account: &str, binding: &Binding, present: bool) {
        let count = if present {
            self.devices.registered(account, binding)
        } else {
            self.devices.unregistered(account, &binding.contact)
        };
        let count = u32::try_from(count).unwrap_or(u32::MAX);
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
