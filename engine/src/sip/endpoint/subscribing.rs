//! SUBSCRIBE and NOTIFY (RFC 6665 section 4.2): who watches what, and telling them.
//!
//! ```text
//!  SUBSCRIBE ─▶ Asked ──AcceptSubscription──▶ Live ──(its machine)──▶ gone, SubscriptionOver
//!                 ├──RefuseSubscription─────▶ gone
//!                 └──the application is silent─▶ gone, SubscriptionOver
//! ```

use std::time::Duration;

use bytes::Bytes;

use super::auth::Asked as Challenge;
use super::server::Received;
use super::transactions::ServerId;
use super::{Endpoint, Event, Owner, SubscriptionId, Wake};
use crate::sip::address::Contacts;
use crate::sip::dialog::{Dialog, DialogId};
use crate::sip::message::{Method, Request, Response};
use crate::sip::package::{EventHeader, Package, event_value};
use crate::sip::subscription::{Input, Output, Reason, Subscription, SubscriptionState};
use crate::time::Instant;

/// How long a subscription lasts that does not say.
const DEFAULT_EXPIRES: u32 = 3600;
/// How long the application may think about a SUBSCRIBE: a peer gives up after 32 s.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Somebody who watches something, or wants to.
#[derive(Debug)]
pub(super) struct Watching {
    dialog: Dialog,
    account: String,
    package: Package,
    /// The `id` of the Event header, which tells subscriptions of one dialog apart.
    event_id: Option<String>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The application has not said whether it may.
    Asked(Box<Asked>),
    Live(Subscription),
}

#[derive(Debug)]
struct Asked {
    tx: ServerId,
    request: Request,
    expires: Duration,
    give_up_at: Instant,
}

impl Endpoint {
    /// A SUBSCRIBE outside of any dialog.
    pub(super) fn receive_subscribe(&mut self, now: Instant, received: Received) {
        let Received { request, source, tx } = received;
        let (package, event) = match self.event_of(&request) {
            Ok(event) => event,
            Err(response) => return self.respond(now, tx, response),
        };
        let expires = match self.subscription_expires(&request) {
            Ok(expires) => expires,
            Err(response) => return self.respond(now, tx, response),
        };
        let account = match self.authenticate(now, &request, source, Challenge::AsServer) {
            Ok(account) => account,
            Err(response) => return self.respond(now, tx, response),
        };
        let tag = self.random.token();
        let has_contact =
            matches!(request.headers.contacts(), Ok(Contacts::List(list)) if !list.is_empty());
        let dialog = Dialog::as_server(&request, &tag, source);
        let (true, Ok(dialog)) = (has_contact, dialog) else {
            let response = self.response(&request, 400);
            return self.respond(now, tx, response);
        };
        if self.watching.len() >= self.config.max_subscriptions {
            self.count("too_many_subscriptions");
            let response = self.busy(&request);
            return self.respond(now, tx, response);
        }
        let of_account = self.watchers.get(&account).copied().unwrap_or(0);
        if of_account >= self.config.max_subscriptions_per_account {
            self.count("too_many_subscriptions_of_one");
            let response = self.response(&request, 403);
            return self.respond(now, tx, response);
        }
        let id = SubscriptionId(self.number());
        self.event(Event::Subscribe {
            subscription: id,
            account: account.clone(),
            package,
            target: request.uri.clone(),
            remote: source.remote,
        });
        let give_up_at = now + ANSWER_WITHIN;
        let asked = Asked { tx, request, expires, give_up_at };
        let stage = Stage::Asked(Box::new(asked));
        self.timers.set(Wake::Subscription(id), Some(give_up_at));
        *self.watchers.entry(account.clone()).or_default() += 1;
        let watching = Watching { dialog, account, package, event_id: event.id, stage };
        self.watching.insert(id, watching);
    }

    /// The package that a SUBSCRIBE or PUBLISH is about, or the response that is due instead.
    pub(super) fn event_of(
        &mut self,
        request: &Request,
    ) -> Result<(Package, EventHeader), Response> {
        let event = EventHeader::of(&request.headers);
        let package = event.as_ref().and_then(|event| Package::from_name(&event.name));
        let (Some(event), Some(package)) = (event, package) else {
            self.count("bad_event");
            let mut response = self.response(request, 489);
            for package in Package::ALL {
                response.headers.push("Allow-Events", package.name());
            }
            return Err(response);
        };
        if request.method == Method::Subscribe && !package.is_accepted(&request.headers) {
            let mut response = self.response(request, 406);
            response.headers.push("Accept", package.content_type());
            return Err(response);
        }
        Ok((package, event))
    }

    /// How long a subscription or publication is to last, or the response that is due instead.
    pub(super) fn subscription_expires(&mut self, request: &Request) -> Result<Duration, Response> {
        let Ok(expires) = request.headers.expires() else {
            return Err(self.response(request, 400));
        };
        let asked = Duration::from_secs(expires.unwrap_or(DEFAULT_EXPIRES).into());
        let least = self.config.subscribe_min_expires;
        if !asked.is_zero() && asked < least {
            let mut response = self.response(request, 423);
            response.headers.push("Min-Expires", least.as_secs().to_string());
            return Err(response);
        }
        Ok(asked.min(self.config.subscribe_max_expires))
    }

    /// A request in the dialog of a subscription.
    pub(super) fn receive_in_subscription(
        &mut self,
        now: Instant,
        received: Received,
        id: SubscriptionId,
    ) {
        let Received { request, source, tx } = received;
        let response = match self.refresh(now, &request, source, id) {
            Ok(expires) => {
                let Some(watching) = self.watching.get_mut(&id) else { return };
                watching.dialog.refresh(&request, source);
                if let Stage::Live(machine) = &mut watching.stage {
                    machine.handle_input(now, Input::Refreshed(expires));
                }
                let dialog = watching.dialog.clone();
                self.subscribed(&dialog, &request, expires)
            }
            Err(response) => response,
        };
        self.respond(now, tx, response);
        self.run_subscription(now, id);
    }

    fn refresh(
        &mut self,
        now: Instant,
        request: &Request,
        source: super::Flow,
        id: SubscriptionId,
    ) -> Result<Duration, Response> {
        if request.method != Method::Subscribe {
            return Err(self.not_allowed(request, 405));
        }
        let seq = request.headers.cseq().map(|cseq| cseq.seq).unwrap_or_default();
        let Some(watching) = self.watching.get_mut(&id) else {
            return Err(self.response(request, 481));
        };
        if !watching.dialog.accept_seq(seq) {
            self.count("cseq_out_of_order");
            return Err(self.response(request, 500));
        }
        let is_live = matches!(&watching.stage, Stage::Live(machine) if machine.is_active());
        let (package, event_id) = (watching.package, watching.event_id.clone());
        let account = watching.account.clone();
        let (asked, event) = self.event_of(request)?;
        if !is_live || asked != package || event.id != event_id {
            return Err(self.response(request, 481));
        }
        let expires = self.subscription_expires(request)?;
        if self.authenticate(now, request, source, Challenge::AsServer)? != account {
            self.count("subscription_of_another");
            return Err(self.response(request, 403));
        }
        Ok(expires)
    }

    /// 200 to a SUBSCRIBE.
    fn subscribed(&mut self, dialog: &Dialog, request: &Request, expires: Duration) -> Response {
        let mut response = self.dialog_response(dialog, request, 200, None);
        response.headers.push("Expires", expires.as_secs().to_string());
        response
    }

    /// The application lets somebody watch, and tells what is to be seen now.
    pub(super) fn accept_subscription(&mut self, now: Instant, id: SubscriptionId, state: String) {
        let pace = self.config.notify_pace;
        let Some(Watching { dialog, stage, .. }) = self.watching.get_mut(&id) else {
            return self.count("late_command");
        };
        let Stage::Asked(asked) = stage else { return self.count("late_command") };
        let (tx, request, expires) = (asked.tx, asked.request.clone(), asked.expires);
        *stage = Stage::Live(Subscription::new(now, expires, pace, Bytes::from(state)));
        let dialog = dialog.clone();
        self.watched.insert(dialog.id().clone(), id);
        let response = self.subscribed(&dialog, &request, expires);
        self.respond(now, tx, response);
        self.run_subscription(now, id);
    }

    /// The application does not let somebody watch.
    pub(super) fn refuse_subscription(&mut self, now: Instant, id: SubscriptionId, status: u16) {
        let stage = self.watching.get(&id).map(|watching| &watching.stage);
        let Some(Stage::Asked(_)) = stage else { return self.count("late_command") };
        let Some(Watching { stage: Stage::Asked(asked), .. }) = self.forget_subscription(id) else {
            return;
        };
        let response = match status {
            503 => self.busy(&asked.request),
            status => self.response(&asked.request, status),
        };
        self.respond(now, asked.tx, response);
    }

    pub(super) fn notify(&mut self, now: Instant, id: SubscriptionId, state: String) {
        self.feed_subscription(now, id, Input::State(Bytes::from(state)));
    }

    pub(super) fn end_subscription(&mut self, now: Instant, id: SubscriptionId, reason: Reason) {
        if let Some(Watching { stage: Stage::Asked(_), .. }) = self.watching.get(&id) {
            return self.refuse_subscription(now, id, 503);
        }
        self.feed_subscription(now, id, Input::End(reason));
    }

    /// Whoever watches as an account that is not to be kept, watches no more.
    pub(super) fn end_subscriptions_but_of(&mut self, now: Instant, keep: impl Fn(&str) -> bool) {
        let gone = self.watching.iter().filter(|(_, watching)| !keep(&watching.account));
        let gone: Vec<SubscriptionId> = gone.map(|(id, _)| *id).collect();
        for id in gone {
            self.end_subscription(now, id, Reason::Rejected);
        }
    }

    /// A NOTIFY was answered, or was not.
    pub(super) fn notified(&mut self, now: Instant, id: SubscriptionId, status: Option<u16>) {
        match status {
            Some(..200) => {}
            Some(200..300) => self.feed_subscription(now, id, Input::Answered),
            Some(300..) | None => {
                self.count("notify_refused");
                self.feed_subscription(now, id, Input::Failed);
            }
        }
    }

    fn feed_subscription(&mut self, now: Instant, id: SubscriptionId, input: Input) {
        // What is told to one that has just ended comes too late.
        if let Some(Watching { stage: Stage::Live(machine), .. }) = self.watching.get_mut(&id) {
            machine.handle_input(now, input);
        }
        self.run_subscription(now, id);
    }

    pub(super) fn subscription_timeout(&mut self, now: Instant, id: SubscriptionId) {
        match self.watching.get_mut(&id).map(|watching| &mut watching.stage) {
            Some(Stage::Asked(asked)) if asked.give_up_at <= now => {
                self.count("subscription_unanswered");
                self.refuse_subscription(now, id, 503);
                self.event(Event::SubscriptionOver { subscription: id });
            }
            Some(Stage::Live(machine)) => {
                machine.handle_timeout(now);
                self.run_subscription(now, id);
            }
            Some(Stage::Asked(_)) | None => {}
        }
    }

    /// Does what a subscription's machine wants done.
    fn run_subscription(&mut self, now: Instant, id: SubscriptionId) {
        while let Some(Watching { stage: Stage::Live(machine), .. }) = self.watching.get_mut(&id)
            && let Some(output) = machine.poll_output()
        {
            match output {
                Output::Notify { state, body } => self.send_notify(now, id, state, body),
                Output::Over => {
                    self.forget_subscription(id);
                    self.event(Event::SubscriptionOver { subscription: id });
                }
            }
        }
        if let Some(Watching { stage: Stage::Live(machine), .. }) = self.watching.get(&id) {
            self.timers.set(Wake::Subscription(id), machine.next_deadline());
        }
    }

    fn send_notify(
        &mut self,
        now: Instant,
        id: SubscriptionId,
        state: SubscriptionState,
        body: Bytes,
    ) {
        let Some(watching) = self.watching.get_mut(&id) else { return };
        let mut request = watching.dialog.request(Method::Notify, None);
        let (package, event_id) = (watching.package, watching.event_id.clone());
        let dialog = watching.dialog.clone();
        let contact = self.contact(dialog.flow());
        let headers = &mut request.headers;
        headers.push("Contact", contact);
        headers.push("Event", event_value(package, event_id.as_deref()));
        headers.push("Subscription-State", state.header());
        headers.push("Content-Type", package.content_type());
        request.body = body;
        self.send_in_dialog(now, &dialog, request, Owner::Notify(id));
    }

    fn forget_subscription(&mut self, id: SubscriptionId) -> Option<Watching> {
        self.timers.set(Wake::Subscription(id), None);
        let watching = self.watching.remove(&id)?;
        self.watched.remove(watching.dialog.id());
        if let Some(count) = self.watchers.get_mut(&watching.account) {
            *count -= 1;
            if *count == 0 {
                self.watchers.remove(&watching.account);
            }
        }
        Some(watching)
    }

    /// The subscription that a request in a dialog belongs to.
    pub(super) fn subscription_of(&self, dialog: &DialogId) -> Option<SubscriptionId> {
        self.watched.get(dialog).copied()
    }
}
