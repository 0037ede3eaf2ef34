//! The calls that come in: who calls, and what runs for them.

use super::*;

impl SwitchboardState {
    pub(super) async fn incoming(
        &mut self,
        myself: &ActorRef<SwitchboardMessage>,
        event: SipEvent,
    ) {
        let SipEvent::IncomingCall { leg, caller, target, sdp, remote } = event else { return };
        let begun = clock::now();
        let busy = Command::Reject { leg, status: 503, retry_after: Some(Duration::from_secs(10)) };
        if self.is_full() {
            return self.refuse(busy, "overload");
        }
        // One of ours who calls from there is not the trunk.
        let guest = caller.account.is_none();
        let trunk = self.services.trunks.of_source(remote.ip()).filter(|_| guest);
        let trunk = trunk.map(str::to_owned);
        if guest && trunk.is_none() && !self.services.guests {
            let reject = Command::Reject { leg, status: 403, retry_after: None };
            return self.refuse(reject, "guest");
        }
        let context = self.context(&caller, &target, trunk);
        let sender = self.sender(&context.caller, Some(&caller.address));
        let user = context.caller.user;
        let in_force = self.services.dialplan.borrow().clone();
        let Ok(run) = Run::for_call(&in_force.program, context.clone()) else {
            let reject = Command::Reject { leg, status: 404, retry_after: None };
            return self.refuse(reject, "unknown_number");
        };
        let Some((session, ready)) = self.open_media() else {
            return self.refuse(busy, "overload");
        };
        let flow = run.flow().unwrap_or_default();
        let track = self.services.tracks.begin(Way::In, in_force, &context, flow);
        let recordings = CallRecordings::new(&self.services);
        let spools = recordings.list();
        let description = Description::new(session.local_addr(), Some(remote.ip()), leg.0);
        let arguments = CallArguments {
            services: self.services.clone(),
            switchboard: myself.clone(),
            leg,
            run,
            session,
            direction: Direction::Incoming { offer: sdp },
            recordings,
            description,
            sender,
            ready,
            begun,
            track,
        };
        match Actor::spawn_linked(None, CallActor, arguments, myself.get_cell()).await {
            Ok((actor, _)) => {
                self.keep(leg, actor, spools, (None, None));
                if let (Some(user), Some(entry)) = (user, self.calls.get_mut(&leg)) {
                    entry.busy = Some(self.services.presence.call_began(user));
                }
            }
            Err(error) => {
                tracing::error!(%error, "a call can't begin");
                self.refuse(Command::Reject { leg, status: 500, retry_after: None }, "failed");
            }
        }
    }

    fn context(&self, caller: &Caller, target: &Uri, trunk: Option<String>) -> CallContext {
        let directory = self.services.directory.borrow().clone();
        let user = caller.account.as_deref().and_then(|name| directory.by_name(name));
        let number = match (user, &caller.address) {
            (Some(user), _) => user.extension.clone(),
            (None, Uri::Tel { number, .. }) => plain(number, LONGEST_NAME),
            (None, Uri::Sip(uri)) => plain(&uri.user().unwrap_or_default(), LONGEST_NAME),
            (None, Uri::Other(_)) => String::new(),
        };
        let shown = || caller.display.as_deref().map(|name| plain(name, LONGEST_NAME));
        let name = user.map(|u| u.display_name.clone()).or_else(shown);
        let language = user.map_or(&*self.services.language, |u| u.language.as_str()).to_owned();
        CallContext {
            caller: CallerInfo { user: user.map(|u| u.id), number, name: name.unwrap_or_default() },
            dialled: dialled(target).unwrap_or_default(),
            domain: domain(target),
            trunk,
            language,
            at: clock::wall(),
            directory,
        }
    }

    /// Whose the recordings of a call are.
    pub(super) fn sender(&self, caller: &CallerInfo, address: Option<&Uri>) -> Sender {
        let directory = self.services.directory.borrow();
        match caller.user.and_then(|u| directory.user(u)) {
            Some(user) => Sender {
                user: Some(user.id),
                name: user.display_name.clone(),
                address: format!("sip:{}@{}", user.name, self.services.domain),
            },
            None => {
                let named = [&caller.name, &caller.number].into_iter().find(|n| !n.is_empty());
                let name = named.cloned().unwrap_or_else(|| "an unknown caller".to_owned());
                // The whole address: a guest who calls itself 1001 is not our 1001.
                let address = address.map(ToString::to_string).unwrap_or_default();
                Sender { user: None, name, address: plain(&address, LONGEST_ADDRESS) }
            }
        }
    }
}

/// The domain dialled; empty for a `tel:` URI.
fn domain(target: &Uri) -> String {
    match target {
        Uri::Sip(uri) => uri.host.to_string(),
        Uri::Tel { .. } | Uri::Other(_) => String::new(),
    }
}
