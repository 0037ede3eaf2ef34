//! One presence subscription: a browser session watches its user's contacts.
//!
//! Owns the registration in the hub and what the watcher was last told. When it dies, the
//! session starts it again, and it tells what has changed since the contacts were last shown;
//! nothing is lost, for the presence board is read, never remembered.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hark_engine::id::UserId;
use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::hub::{Hub, Watch};
use super::mailbox::{Door, Place, Refused};
use super::session_actor::SessionMsg;
use crate::presence_board::PresenceBoard;
use crate::web::view::ReachView;

/// Changes that may wait; when more come, all contacts are read at once instead.
const PLACES: usize = 64;

/// What a subscription is told.
pub enum SubscriptionMsg {
    /// The presence of a watched user changed.
    Changed(UserId, Place),
    /// Some changes were not told one by one: look at everybody.
    Reread,
}

/// What a subscription is made of.
pub struct SubscriptionArgs {
    /// Where changes are routed.
    pub hub: Hub,
    /// Where presence is read.
    pub board: PresenceBoard,
    /// Who watches.
    pub session: Door<SessionMsg>,
    /// The watched users and what the watcher was told of each.
    pub told: HashMap<UserId, ReachView>,
}

/// The actor; its state is [`Subscription`].
pub struct SubscriptionActor;

/// The state of a [`SubscriptionActor`].
pub struct Subscription {
    board: PresenceBoard,
    session: Door<SessionMsg>,
    told: HashMap<UserId, ReachView>,
    stale: Arc<AtomicBool>,
    _watch: Watch,
}

impl Actor for SubscriptionActor {
    type Msg = SubscriptionMsg;
    type State = Subscription;
    type Arguments = SubscriptionArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<SubscriptionMsg>,
        args: SubscriptionArgs,
    ) -> Result<Subscription, ActorProcessingErr> {
        let SubscriptionArgs { hub, board, session, told } = args;
        let stale = Arc::new(AtomicBool::new(false));
        let door = Door::new(myself, PLACES);
        let watch = hub.watch(told.keys().copied().collect(), &door, &stale);
        let mut subscription = Subscription { board, session, told, stale, _watch: watch };
        // Registered first, read second: what changes in between is told twice at worst.
        subscription.reread();
        Ok(subscription)
    }

    async fn handle(
        &self,
        _myself: ActorRef<SubscriptionMsg>,
        message: SubscriptionMsg,
        state: &mut Subscription,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SubscriptionMsg::Changed(user, _place) => state.tell(user),
            SubscriptionMsg::Reread => state.reread(),
        }
        Ok(())
    }
}

impl Subscription {
    fn reread(&mut self) {
        self.stale.store(false, Ordering::Release);
        let users: Vec<UserId> = self.told.keys().copied().collect();
        users.into_iter().for_each(|user| self.tell(user));
    }

    fn tell(&mut self, user: UserId) {
        let reach = ReachView::from(self.board.reach(user));
        if self.told.insert(user, reach) == Some(reach) {
            return;
        }
        let sent = self.session.try_send(|place| SessionMsg::Presence(user, reach, place));
        if sent == Err(Refused::Full) {
            let _gone_already = self.session.actor().cast(SessionMsg::TooSlow);
        }
    }
}
