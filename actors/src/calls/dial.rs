//! Whom a dialplan calls: from a callee to where an INVITE goes, and as whom.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hark_engine::delivery::profile::DeviceKind;
use hark_engine::dialplan::effect::{Callee, Failure};
use hark_engine::dialplan::run::CallerInfo;
use hark_engine::dialplan::value::Value;
use hark_engine::id::UserId;
use hark_engine::message::Sender;
use hark_engine::order::Input;
use hark_engine::sip::address::NameAddr;
use hark_engine::sip::endpoint::{InviteTarget, LegId};
use hark_engine::sip::uri::{Host, Uri};
use ractor::ActorRef;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use super::CallServices;
use super::switchboard::SwitchboardMessage;
use super::trunks::TrunkCall;
use crate::clock;
use crate::dialplan::InForce;
use crate::orders::{OrderRequest, Ordered};

/// Where an INVITE goes.
pub struct Destination {
    pub(super) target: InviteTarget,
    /// Who is called, as a dialplan sees it.
    pub(super) called: CallerInfo,
    /// The language of who is called, if Hark knows it.
    pub(super) language: Option<String>,
    /// Over which trunk. The call counts there as long as this is kept.
    pub(super) trunk: Option<TrunkCall>,
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whom people call is not for logs.
        f.debug_struct("Destination").finish_non_exhaustive()
    }
}

impl Destination {
    /// User and password, for a trunk that asks.
    pub(super) fn credentials(&self) -> Option<(String, String)> {
        self.trunk.as_ref().and_then(TrunkCall::credentials)
    }

    /// Who is shown as calling: `sender`, at its own address; where the trunk knows us by
    /// another, at that one.
    pub(super) fn from(&self, sender: &Sender, domain: &str) -> Option<NameAddr> {
        let ours = || Some(NameAddr::new(Uri::sip("hark", Host::parse(domain)?, None)));
        let own = || Uri::parse(&sender.address).map(NameAddr::new);
        let known = self.trunk.as_ref().and_then(TrunkCall::identity);
        let mut from = known.or_else(own).or_else(ours)?;
        from.display = Some(sender.name.clone()).filter(|name| !name.is_empty());
        Some(from)
    }
}

/// A call that a dialplan starts, to run a flow for whoever answers.
#[derive(Debug)]
pub struct FlowCall {
    pub(super) in_force: Arc<InForce>,
    pub(super) flow: String,
    pub(super) args: Vec<Value>,
    pub(super) destination: Destination,
    /// Whose dialplan run asks for it.
    pub(super) sender: Sender,
    pub(super) ring_for: Duration,
    /// Whether it was started.
    pub(super) reply: oneshot::Sender<Result<(), Failure>>,
    /// Whoever ordered it from a computer, and what cancels it.
    pub(super) order: Option<(Ordered, oneshot::Receiver<()>)>,
}

/// The call of an order. `None` where nobody can be called: the order was told why.
pub(super) async fn ordered(services: &CallServices, request: OrderRequest) -> Option<FlowCall> {
    let OrderRequest { callee, flow, args, ring_for, order, mut stop } = request;
    if !matches!(stop.try_recv(), Err(TryRecvError::Empty)) {
        order.tell(Input::Cancelled);
        return None;
    }
    let destination = match resolve(services, callee).await {
        Ok(destination) => destination,
        Err(failure) => {
            let reason = match failure {
                Failure::NotFound => "there is no such telephone in the profile",
                Failure::Refused => "the trunk carries no further call now",
                Failure::NotKept => "the telephone can't be looked up now",
            };
            order.tell(Input::Failed(reason.to_owned()));
            return None;
        }
    };
    let in_force = services.dialplan.borrow().clone();
    // Nobody of ours calls: the site does.
    let sender = Sender { user: None, name: "Hark".to_owned(), address: String::new() };
    // Who ordered it watches the order, not this.
    let (reply, _unheard) = oneshot::channel();
    let flow = flow.to_owned();
    let order = Some((order, stop));
    Some(FlowCall { in_force, flow, args, destination, sender, ring_for, reply, order })
}

/// Finds out where a callee is. A trunk's limits are claimed by it.
pub(super) async fn resolve(
    services: &CallServices,
    callee: Callee,
) -> Result<Destination, Failure> {
    match callee {
        Callee::User(user) => reach(services, user, None),
        Callee::Device(user, name) => {
            let profile = services.store.profile(user).await.map_err(|error| {
                tracing::warn!(%error, "a profile can't be read for a call");
                Failure::NotFound
            })?;
            let device = profile.devices.into_iter().find(|device| device.name == name);
            match device.ok_or(Failure::NotFound)?.kind {
                DeviceKind::RegisteredPhone => reach(services, user, None),
                DeviceKind::SipAddress { uri } => {
                    let uri = Uri::parse(&uri).ok_or(Failure::NotFound)?;
                    reach(services, user, Some(uri))
                }
                DeviceKind::Browser => Err(Failure::NotFound),
            }
        }
        Callee::Number { number, trunk } => {
            let call = services.trunks.begin(clock::now(), trunk.as_deref());
            let call = call.ok_or(Failure::Refused)?;
            let uri = call.uri(&number).ok_or(Failure::NotFound)?;
            Ok(Destination {
                target: InviteTarget::Uri(uri),
                called: CallerInfo { user: None, number, name: String::new() },
                language: None,
                trunk: Some(call),
            })
        }
    }
}

fn reach(
    services: &CallServices,
    user: UserId,
    address: Option<Uri>,
) -> Result<Destination, Failure> {
    let directory = services.directory.borrow();
    let user = directory.user(user).ok_or(Failure::NotFound)?;
    let account = || InviteTarget::Account(user.name.clone());
    Ok(Destination {
        target: address.map_or_else(account, InviteTarget::Uri),
        called: CallerInfo {
            user: Some(user.id),
            number: user.extension.clone(),
            name: user.display_name.clone(),
        },
        language: Some(user.language.clone()),
        trunk: None,
    })
}

/// A leg for a call that has one already, and where it leads. The leg belongs to the call
/// `owner` from then on: events of it go there, and it is hung up with it.
pub(super) async fn second_leg(
    services: &CallServices,
    switchboard: &ActorRef<SwitchboardMessage>,
    owner: LegId,
    callee: Callee,
) -> Result<(LegId, Destination), Failure> {
    let destination = resolve(services, callee).await?;
    let (reply, answer) = oneshot::channel();
    let attach = SwitchboardMessage::Attach { owner, called: destination.called.user, reply };
    // A switchboard that is gone has taken this call along.
    switchboard.cast(attach).map_err(|_| Failure::Refused)?;
    let leg = answer.await.ok().flatten().ok_or(Failure::Refused)?;
    Ok((leg, destination))
}

/// Calls somebody else, and runs a flow for them.
pub(super) async fn start_flow(
    services: &CallServices,
    switchboard: &ActorRef<SwitchboardMessage>,
    (in_force, flow, args): (Arc<InForce>, String, Vec<Value>),
    (callee, sender): (Callee, Sender),
    ring_for: Duration,
) -> Result<(), Failure> {
    // A recording belongs to the run that made it.
    if args.iter().any(|value| matches!(value, Value::Recording(_))) {
        return Err(Failure::Refused);
    }
    let destination = resolve(services, callee).await?;
    let (reply, answer) = oneshot::channel();
    let order = None;
    let call = FlowCall { in_force, flow, args, destination, sender, ring_for, reply, order };
    let start = SwitchboardMessage::Start(Box::new(call));
    switchboard.cast(start).map_err(|_| Failure::Refused)?;
    answer.await.unwrap_or(Err(Failure::Refused))
}
