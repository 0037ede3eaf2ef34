//! One ring of one delivery: the person's turn, the limits, the note in the event log, and the
//! call, or several at once of which the first that confirms has it.

use std::time::Duration;

use hark_engine::delivery::machine::{RingResult, RingTarget, Target};
use hark_engine::delivery::profile::DeviceKind;
use hark_engine::id::UserId;
use hark_engine::message::{Event, MessageSummary};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::{DeliveryServices, Purpose, RingRequest};
use crate::clock;
use crate::store::CallClaim;

/// How long a turn may be waited for before the rules are looked at again.
const SAME_MOMENT: Duration = Duration::from_secs(1);
/// When to try again what the store could not do.
const STORE_AGAIN: Duration = Duration::from_secs(30);

/// A ring that the machine asked for.
pub(super) struct Ring {
    pub services: DeliveryServices,
    pub recipient: UserId,
    pub message: MessageSummary,
    pub rule: u16,
    pub act: u16,
    pub targets: Vec<RingTarget>,
    pub ring_for: Duration,
    /// The most calls in an hour that the profile wants.
    pub calls_per_hour: u32,
    /// When this is dropped, the ring is no longer wanted.
    pub stop: oneshot::Receiver<()>,
}

fn failed(reason: impl Into<String>) -> RingResult {
    RingResult::Failed { reason: reason.into() }
}

impl Ring {
    /// Rings, and tells how that ended.
    pub async fn ring(mut self) -> RingResult {
        let (lines, asked) = (self.services.lines.clone(), clock::now());
        let turn = tokio::select! {
            turn = lines.turn(self.recipient) => turn,
            _ = &mut self.stop => return failed("no longer wanted"),
        };
        if turn.is_none()
            || !matches!(self.stop.try_recv(), Err(oneshot::error::TryRecvError::Empty))
        {
            return failed("no longer wanted");
        }
        if clock::now().since(asked) > SAME_MOMENT {
            // Meanwhile quiet hours may have begun, or the recipient may have come.
            let reason = "another message had its turn".into();
            return RingResult::Limited { reason, wait: Duration::ZERO };
        }
        if let Err(refused) = self.may_ring().await {
            return refused;
        }
        // Noted before anything rings: a restart must not ring again at once.
        let names: Vec<_> = self.targets.iter().map(|target| target.device.as_str()).collect();
        let called = Event::Called { device: names.join("+"), rule: self.rule, act: self.act };
        let noted = self.services.messages.note(self.message.id, self.recipient, called).await;
        if let Err(error) = noted {
            tracing::error!(message = %self.message.id, %error, "can't note a call, so none is made");
            return RingResult::Limited { reason: "it can't be noted".into(), wait: STORE_AGAIN };
        }
        self.call().await
    }

    /// Whether the operator and the limits let it ring; it counts then.
    async fn may_ring(&self) -> Result<(), RingResult> {
        let DeliveryServices { store, outside, users, .. } = &self.services;
        let to_outsider = users.directory().address(self.recipient).is_some();
        let mut numbers = Vec::new();
        for RingTarget { target, .. } in &self.targets {
            let address = match target {
                Target::RegisteredPhones => continue,
                Target::Address(uri) => DeviceKind::SipAddress { uri: uri.clone() }.address(),
                Target::Number { number, .. } => {
                    DeviceKind::Number { number: number.clone(), trunk: None }.address()
                }
            };
            let Some(address) = address else { return Err(failed("it is no number or address")) };
            let is_number = matches!(target, Target::Number { .. });
            if (is_number || to_outsider) && !outside.allows(&address) {
                return Err(failed("the operator does not allow calls there ([outside] allow)"));
            }
            numbers.push(address.to_string());
        }
        let sender =
            to_outsider.then_some((self.message.sender.user, outside.calls_per_sender_per_day));
        let claim = CallClaim {
            user: self.recipient,
            an_hour: self.calls_per_hour,
            numbers,
            a_number: (outside.calls_per_number_per_hour, outside.calls_per_number_per_day),
            sender,
        };
        match store.claim_call(claim, clock::wall()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(limited)) => {
                self.services.metrics.limited.inc();
                let reason = limited.reason.to_owned();
                Err(RingResult::Limited { reason, wait: limited.wait })
            }
            Err(error) => {
                tracing::error!(%error, "a call's limits can't be looked up, so none is made");
                let reason = "the limits can't be looked up".to_owned();
                Err(RingResult::Limited { reason, wait: STORE_AGAIN })
            }
        }
    }

    /// Calls every device at once.
    async fn call(self) -> RingResult {
        let Self { services, recipient, message, targets, ring_for, mut stop, .. } = self;
        let several = targets.len() > 1;
        let (mut calls, mut stops) = (JoinSet::new(), Vec::new());
        for RingTarget { device, target } in targets {
            let (reply, rang) = oneshot::channel();
            let (stop, stopped) = oneshot::channel();
            stops.push(stop);
            let request = RingRequest {
                user: recipient,
                device: device.clone(),
                target,
                ring_for,
                purpose: Purpose::Deliver(message.clone()),
                reply,
                stop: stopped,
            };
            let sent = services.ringer.try_send(request).is_ok();
            calls.spawn(async move {
                let result = if sent {
                    rang.await.unwrap_or_else(|_| failed("the call broke down"))
                } else {
                    failed("too many calls at once")
                };
                (device, result)
            });
        }
        let mut outcome: Option<RingResult> = None;
        loop {
            let ended = tokio::select! {
                ended = calls.join_next() => ended,
                // Dropped, the calls' own stop channels end them; their ends are waited for.
                _ = &mut stop, if !stops.is_empty() => {
                    stops.clear();
                    continue;
                }
            };
            let Some(ended) = ended else { break };
            let Ok((device, result)) = ended else {
                outcome.get_or_insert_with(|| failed("the call broke down"));
                continue;
            };
            outcome = Some(match (outcome.take(), result) {
                (_, RingResult::Confirmed) | (Some(RingResult::Confirmed), _) => {
                    stops.clear();
                    RingResult::Confirmed
                }
                (before, RingResult::Failed { reason }) if several => {
                    let so_far = match before {
                        Some(RingResult::Failed { reason }) => format!("{reason}; "),
                        Some(RingResult::Confirmed | RingResult::Limited { .. }) | None => {
                            String::new()
                        }
                    };
                    failed(format!("{so_far}{device}: {reason}"))
                }
                // One that could not be called for a limit does not hide that others failed.
                (Some(before @ RingResult::Failed { .. }), RingResult::Limited { .. }) => before,
                (_, result) => result,
            });
        }
        outcome.unwrap_or_else(|| failed("there is nothing to ring"))
    }
}
