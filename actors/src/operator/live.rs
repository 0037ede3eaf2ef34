//! The parts of a running server that have to know at once what became of a user.

use hark_engine::id::UserId;
use hark_engine::message::LoggedEvent;
use ractor::ActorRef;

use crate::announce::Announcements;
use crate::messages::Messages;
use crate::presence_board::PresenceBoard;
use crate::sip::SipHandle;
use crate::store::StoreError;
use crate::supervisor::SupervisorMessage;
use crate::trace::Traces;
use crate::users::Users;
use crate::web::ws::hub::Hub;

/// How long the traces of calls may take into their files before these are removed.
const TRACES_WITHIN: std::time::Duration = std::time::Duration::from_secs(1);

/// The parts. Cheap to clone.
#[derive(Clone)]
pub struct Live {
    /// The users that everybody reads.
    pub users: Users,
    /// The telephones.
    pub sip: SipHandle,
    /// Who is reachable.
    pub presence: PresenceBoard,
    /// The browsers.
    pub hub: Hub,
    /// Who tells what became of messages.
    pub messages: Messages,
    /// Who announces what users' schedules and rules say.
    pub announcements: Announcements,
    /// The calls.
    pub supervisor: ActorRef<SupervisorMessage>,
    /// What calls went through.
    pub traces: Traces,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").finish_non_exhaustive()
    }
}

impl Live {
    /// What the store says of users is in force from here on.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn reload(&self) -> Result<(), StoreError> {
        self.users.reload(&self.sip).await.map(|_| ())
    }

    /// A mailbox is counted anew, for what it may hold has changed.
    pub async fn recount(&self, user: UserId) {
        self.messages.publish_lamp(user).await;
    }

    /// Somebody whose account was closed is nobody from here on: no page, telephone or call of
    /// theirs goes on, and nobody can choose them.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn lock_out(&self, user: UserId) -> Result<(), StoreError> {
        self.reload().await?;
        self.presence.phones(user, 0);
        self.shut(user);
        Ok(())
    }

    fn shut(&self, user: UserId) {
        self.hub.leave(user);
        // Without a supervisor there are no calls.
        let _ended = self.supervisor.cast(SupervisorMessage::Leave(user));
    }

    /// Somebody was erased: deliveries that wait or ring end, and so do schedules and rules; nobody
    /// has them among their contacts any more.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn erased(
        &self,
        user: UserId,
        ended: Vec<(Option<UserId>, LoggedEvent)>,
    ) -> Result<(), StoreError> {
        self.messages.were_logged(ended);
        self.announcements.changed();
        self.shut(user);
        self.reload().await
    }

    /// The file of traces that is written is let go of, so that it can be removed.
    pub async fn let_go_of_traces(&self) {
        let traces = self.traces.clone();
        let flushed = tokio::task::spawn_blocking(move || traces.flush(TRACES_WITHIN));
        if flushed.await.is_err() {
            tracing::warn!("the traces of calls could not be written before they are removed");
        }
    }
}
