//! Lamps of telephones that never subscribe: many expect a NOTIFY all the same, as soon as they
//! are registered (RFC 3842 leaves it to the operator). One that refuses it is left alone.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use hark_engine::id::UserId;
use hark_engine::sip::address::NameAddr;
use hark_engine::sip::body::message_summary;
use hark_engine::sip::endpoint::{InviteTarget, Outside, OutsideKind};
use hark_engine::sip::package::Package;
use hark_engine::sip::uri::Uri;
use ractor::ActorRef;

use super::SubscriptionServices;
use super::notifier::{NotifierMessage, NotifierState};

/// A telephone that has registered may want to subscribe first.
const AFTER_REGISTRATION: Duration = Duration::from_secs(2);
/// Telephones that come together (after a restart) are told one after the other.
const APART: Duration = Duration::from_millis(3);
/// But none later than this.
const AT_LATEST: Duration = Duration::from_secs(120);

/// What is known of telephones by their contact.
#[derive(Debug, Default)]
pub(super) struct Lamps {
    /// They did not take it.
    refused: HashSet<String>,
    /// One is on its way; whether something changed meanwhile.
    in_flight: HashMap<String, bool>,
    /// They are to be told soon.
    scheduled: HashSet<String>,
}

impl Lamps {
    pub fn forget(&mut self, contact: &str) {
        self.refused.remove(contact);
    }
}

impl NotifierState {
    pub(super) fn device_came(
        &mut self,
        myself: &ActorRef<NotifierMessage>,
        account: &str,
        contact: String,
    ) {
        if !self.services.unsolicited {
            return;
        }
        let user = self.services.directory.borrow().by_name(account).map(|user| user.id);
        let Some(user) = user else { return };
        if self.lamps.refused.contains(&contact) || !self.lamps.scheduled.insert(contact.clone()) {
            return;
        }
        let queue = u32::try_from(self.lamps.scheduled.len()).unwrap_or(u32::MAX);
        let wait = AFTER_REGISTRATION + APART.saturating_mul(queue).min(AT_LATEST);
        myself.send_after(wait, move || NotifierMessage::LampOf { user, contact });
    }

    /// The lamp of a user changed: every telephone that did not subscribe to it is told.
    pub(super) fn tell_lamps(&mut self, myself: &ActorRef<NotifierMessage>, user: UserId) {
        if !self.services.unsolicited {
            return;
        }
        let name = self.services.directory.borrow().user(user).map(|user| user.name.clone());
        for device in name.map(|name| self.services.devices.of(&name)).unwrap_or_default() {
            self.tell_lamp(myself, user, device.contact);
        }
    }

    pub(super) fn tell_lamp(
        &mut self,
        myself: &ActorRef<NotifierMessage>,
        user: UserId,
        contact: String,
    ) {
        self.lamps.scheduled.remove(&contact);
        let Some(account) = self.services.directory.borrow().user(user).map(|u| u.name.clone())
        else {
            return;
        };
        let devices = self.services.devices.of(&account);
        let Some(device) = devices.iter().find(|device| device.contact == contact) else { return };
        if self.lamps.refused.contains(&contact) || self.has_lamp(user, device.remote) {
            return;
        }
        if let Some(changed) = self.lamps.in_flight.get_mut(&contact) {
            *changed = true;
            return;
        }
        self.lamps.in_flight.insert(contact.clone(), false);
        let (services, myself) = (self.services.clone(), myself.clone());
        tokio::spawn(async move {
            let taken = send(&services, user, account, contact.clone()).await;
            // A notifier that was restarted meanwhile knows nothing of it.
            let _ = myself.cast(NotifierMessage::LampTold { user, contact, taken });
        });
    }

    pub(super) fn lamp_told(
        &mut self,
        myself: &ActorRef<NotifierMessage>,
        user: UserId,
        contact: String,
        taken: bool,
    ) {
        let changed = self.lamps.in_flight.remove(&contact).unwrap_or(false);
        if !taken {
            self.lamps.refused.insert(contact);
        } else if changed {
            self.tell_lamp(myself, user, contact);
        }
    }
}

/// Sends the NOTIFY. `false` if the telephone does not want any.
async fn send(
    services: &SubscriptionServices,
    user: UserId,
    account: String,
    contact: String,
) -> bool {
    let lamp = match services.store.counts(user).await {
        Ok(lamp) => lamp,
        Err(error) => {
            tracing::warn!(%error, "can't count a mailbox");
            return true;
        }
    };
    let address = {
        let directory = services.directory.borrow();
        directory.user(user).map(|user| services.address(user))
    };
    let Some(address) = address else { return true };
    let Some(uri) = Uri::parse(&address) else { return true };
    let from = NameAddr::new(uri);
    let package = Package::MessageSummary;
    let body = message_summary::write(&address, lamp);
    let target = InviteTarget::Device { account, contact };
    let mut outside = Outside::message(target, from.clone(), package.content_type(), body);
    outside.kind = OutsideKind::Notify(package);
    outside.to = Some(from);
    let (outcome, taken) = match services.sip.request(outside).await {
        Ok(_) => ("taken", true),
        // Gone, or silent: not a word about whether it wants to be told.
        Err(failure) if failure.status.is_none_or(|s| matches!(s, 408 | 480 | 500 | 503)) => {
            ("unreachable", true)
        }
        Err(_) => ("refused", false),
    };
    services.metrics.lamps.with_label_values(&[outcome]).inc();
    taken
}
