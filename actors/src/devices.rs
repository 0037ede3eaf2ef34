//! The telephones that are registered now, by user: for whoever wants to tell them something.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hark_engine::sip::registrar::Binding;

/// A registered telephone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The contact that it registered.
    pub contact: String,
    /// Where it is.
    pub remote: SocketAddr,
    /// Whether it says that it takes MESSAGEs, if it says.
    pub takes_text: Option<bool>,
}

/// The telephones of every account. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Devices {
    by_account: Arc<Mutex<HashMap<String, Vec<Device>>>>,
}

impl Devices {
    /// A telephone of `account` registered, or refreshed its registration. Says how many there
    /// are now.
    pub fn registered(&self, account: &str, binding: &Binding) -> usize {
        let mut accounts = self.lock();
        let devices = accounts.entry(account.to_owned()).or_default();
        devices.retain(|device| device.contact != binding.contact);
        devices.push(Device {
            contact: binding.contact.clone(),
            remote: binding.remote,
            takes_text: binding.takes_text,
        });
        devices.len()
    }

    /// A telephone of `account` is gone. Says how many there are still.
    pub fn unregistered(&self, account: &str, contact: &str) -> usize {
        let mut accounts = self.lock();
        let Some(devices) = accounts.get_mut(account) else { return 0 };
        devices.retain(|device| device.contact != contact);
        let left = devices.len();
        if left == 0 {
            accounts.remove(account);
        }
        left
    }

    /// The telephones of `account`.
    pub fn of(&self, account: &str) -> Vec<Device> {
        self.lock().get(account).cloned().unwrap_or_default()
    }

    /// Whether a telephone of `account` may take MESSAGEs.
    pub fn may_take_text(&self, account: &str) -> bool {
        let accounts = self.lock();
        let devices = accounts.get(account).into_iter().flatten();
        devices.into_iter().any(|device| device.takes_text != Some(false))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Vec<Device>>> {
        // Each change is one insertion or removal: a panic elsewhere can't have torn it.
        self.by_account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
