//! An order in the hands of its call: what the call tells, its pages see.

use std::sync::{Arc, Mutex, PoisonError};

use hark_engine::id::UserId;
use hark_engine::order::{Input, Order, Purpose};
use tokio::sync::watch;

use super::Progress;
use super::metrics::OrderMetrics;
use crate::bus::{Bus, BusEvent};

/// An ordered call, for whoever makes it. Cheap to clone. When the last clone is dropped, also by
/// a call that panics, the order is over.
#[derive(Clone, Debug)]
pub struct Ordered {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    order: Mutex<Order>,
    progress: watch::Sender<Progress>,
    device: String,
    user: Option<UserId>,
    bus: Bus,
    metrics: OrderMetrics,
}

impl Ordered {
    pub(super) fn new(
        first: Progress,
        user: Option<UserId>,
        bus: Bus,
        metrics: OrderMetrics,
    ) -> (Self, watch::Receiver<Progress>) {
        metrics.live.inc();
        let order = Mutex::new(Order::new(first.kind));
        let device = first.device.clone();
        if let Some(user) = user {
            bus.publish(BusEvent::Order { user, progress: first.clone() });
        }
        let (progress, watched) = watch::channel(first);
        let inner = Arc::new(Inner { order, progress, device, user, bus, metrics });
        (Self { inner }, watched)
    }

    /// What happened in the call.
    pub fn tell(&self, input: Input) {
        self.inner.tell(input);
    }

    /// The telephone's name, as it was ordered.
    pub fn device(&self) -> &str {
        &self.inner.device
    }

    /// Whether a message is recorded in it, rather than heard.
    pub fn records(&self) -> bool {
        self.inner.lock().purpose() == Purpose::Record
    }

    /// The user whose own telephone is called; `None` for a number called by link.
    pub fn user(&self) -> Option<UserId> {
        self.inner.user
    }
}

impl Inner {
    fn lock(&self) -> std::sync::MutexGuard<'_, Order> {
        // A change is one assignment: a panic can't have torn it.
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, input: Input) {
        let mut order = self.lock();
        if !order.handle_input(input) {
            return;
        }
        // Under the lock, so that pages see the stages in their order.
        let stage = order.stage().clone();
        let mut told = None;
        self.progress.send_modify(|progress| {
            progress.version += 1;
            progress.stage = stage;
            told = Some(progress.clone());
        });
        let Some(progress) = told else { return };
        if progress.stage.is_final() {
            let labels = [progress.kind.label(), progress.stage.label()];
            self.metrics.orders.with_label_values(&labels).inc();
        }
        if let Some(user) = self.user {
            self.bus.publish(BusEvent::Order { user, progress });
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.tell(Input::Over);
        self.metrics.live.dec();
    }
}
