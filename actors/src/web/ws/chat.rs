//! Chat over the socket: what a tab sends, and what it is shown of its user's threads.

use hark_engine::id::{ChatId, UserId};
use hark_engine::time::UnixMillis;
use serde::{Deserialize, Serialize};

use super::frames::Outgoing;
use super::session_actor::Session;
use crate::bus::ChatEvent;
use crate::chat::Draft;
use crate::store::Mark;
use crate::web::state::BROWSER;
use crate::web::view::ChatView;

/// What a browser says of its chats.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "chat", rename_all = "snake_case")]
pub enum ChatIncoming {
    /// A text. Answered with `chat`, or with `chat_failed`.
    Send {
        /// The browser's own name for it: sent again under the same, it is kept once.
        key: String,
        /// To whom.
        to: UserId,
        /// What.
        text: String,
    },
    /// Every text of `with` up to this one reached this browser.
    Delivered {
        /// Who wrote them.
        with: UserId,
        /// The last.
        up_to: ChatId,
    },
    /// Every text of `with` up to this one was read.
    Read {
        /// Who wrote them.
        with: UserId,
        /// The last.
        up_to: ChatId,
    },
    /// The user is typing, or is not any more.
    Typing {
        /// To whom.
        to: UserId,
        /// Whether they are.
        on: bool,
    },
}

/// What a browser is told of its user's chats.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "chat", rename_all = "snake_case")]
pub enum ChatOutgoing {
    /// A thread has grown: by a text for this user, or by one of their own.
    Text {
        /// The text.
        message: ChatView,
        /// The name that the sender's browser gave it; in the sender's own sessions only.
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<String>,
    },
    /// A text was not kept.
    Failed {
        /// The browser's name for it.
        key: String,
        /// Why.
        error: String,
    },
    /// Texts have a mark that they did not have.
    Marked {
        /// Who wrote them.
        sender: UserId,
        /// Whom they are for.
        recipient: UserId,
        /// Which texts have reached a device.
        delivered: Vec<ChatId>,
        /// Which texts were read.
        read: Vec<ChatId>,
        /// When.
        at: UnixMillis,
    },
    /// Somebody is typing, for the next seconds.
    Typing {
        /// Who.
        from: UserId,
        /// Whether they are.
        on: bool,
    },
}

impl Session {
    /// Shows what happened in one of the user's threads.
    pub(super) fn chat(&mut self, event: &ChatEvent) {
        let me = self.user();
        match event {
            ChatEvent::Kept { entry, key } => {
                let key = key.clone().filter(|_| entry.sender == me);
                let message = ChatView::from(entry.clone());
                self.tell(Outgoing::Chat(ChatOutgoing::Text { message, key }));
            }
            ChatEvent::Marked { sender, recipient, marked, at } => {
                let with = |mark: Mark| {
                    let these = marked.iter().filter(|marked| marked.mark == mark);
                    these.map(|marked| marked.chat).collect::<Vec<_>>()
                };
                self.tell(Outgoing::Chat(ChatOutgoing::Marked {
                    sender: *sender,
                    recipient: *recipient,
                    delivered: with(Mark::Delivered),
                    read: with(Mark::Read),
                    at: *at,
                }));
            }
            ChatEvent::Typing { from, on, .. } => {
                self.tell(Outgoing::Chat(ChatOutgoing::Typing { from: *from, on: *on }));
            }
            // For the recipient's rules, not for browsers: none is open.
            ChatEvent::Unreached { .. } => {}
        }
    }

    /// Does what a browser asks for.
    pub(super) async fn chat_frame(&mut self, frame: ChatIncoming) {
        let (me, app) = (self.user(), std::sync::Arc::clone(self.app()));
        match frame {
            ChatIncoming::Send { key, to, text } => {
                let draft = Draft { from: me, to, text, key: Some(key.clone()), wish: None };
                let directory = app.directory();
                if directory.user(to).is_none() || directory.address(to).is_some() {
                    let error = "there is no such user".to_owned();
                    return self.tell(Outgoing::Chat(ChatOutgoing::Failed { key, error }));
                }
                match app.chat.send(draft).await {
                    // Told by the bus to every session, this one included; a repetition only here.
                    Ok(kept) if kept.duplicate => {
                        let message = ChatView::from(kept.entry);
                        let text = ChatOutgoing::Text { message, key: Some(key) };
                        self.tell(Outgoing::Chat(text));
                    }
                    Ok(_) => {}
                    Err(error) => {
                        let error = error.to_string();
                        self.tell(Outgoing::Chat(ChatOutgoing::Failed { key, error }));
                    }
                }
            }
            ChatIncoming::Delivered { with, up_to } => {
                self.mark_chat(with, up_to, Mark::Delivered).await;
            }
            ChatIncoming::Read { with, up_to } => self.mark_chat(with, up_to, Mark::Read).await,
            ChatIncoming::Typing { to, on } => app.chat.typing(me, to, on),
        }
    }

    async fn mark_chat(&mut self, with: UserId, up_to: ChatId, mark: Mark) {
        let (me, app) = (self.user(), std::sync::Arc::clone(self.app()));
        if let Err(error) = app.chat.mark(with, me, up_to, mark, BROWSER).await {
            tracing::warn!(%error, "a mark of a chat could not be kept");
        }
    }
}
