// The moment a message exists: who spoke, how long, and one click to hear it.

import { useLayoutEffect } from 'preact/hooks';
import { clock, spokenLength } from '../format';
import { nameOf } from '../chat/state';
import type { ChatText } from '../chat/types';
import { useApp, useSession } from '../session';
import type { Popup } from '../state';
import { useStore } from '../store';
import { Avatar } from './Avatar';
import { ChatIcon, CloseIcon, PlayIcon } from './icons';
import { ConfirmButton } from './ConfirmButton';

const MOST_SHOWN = 3;

export function Popups() {
  const popups = useApp((s) => s.popups);
  const texts = useStore(useSession().chats.state, (s) => s.popups);
  const more = popups.length - MOST_SHOWN;
  return (
    <div class="popups" role="region" aria-label="New messages" aria-live="assertive" aria-relevant="additions">
      {popups.slice(0, MOST_SHOWN).map((popup) => <PopupCard key={popup.message.id} popup={popup} />)}
      {texts.map((text) => <TextCard key={text.id} text={text} />)}
      {more > 0 && <p class="popups-more card small">{more} more in the inbox</p>}
    </div>
  );
}

function PopupCard({ popup: { message, link } }: { popup: Popup }) {
  const session = useSession();
  // Runs when the card stands in the document, also while the tab is hidden: the server's proof.
  useLayoutEffect(() => session.seen(message.id), [message.id]);
  return (
    <article class="popup card" data-testid="popup" data-message={message.id} aria-label={`Message from ${message.sender.name}`}>
      <div class="popup-top">
        <Avatar name={message.sender.name} />
        <div class="popup-words">
          <strong data-testid="popup-sender">{message.sender.name}</strong>
          <span class="quiet small">
            {message.urgent ? 'Urgent voice message' : 'Voice message'} ·{' '}
            <span data-testid="popup-length" aria-hidden="true">{clock(message.length_ms)}</span>
            <span class="visually-hidden">{spokenLength(message.length_ms)}</span>
          </span>
        </div>
        <button type="button" class="icon-button" data-testid="popup-dismiss" aria-label="Dismiss"
          onClick={() => session.dispatch({ type: 'dismiss', id: message.id })}>
          <CloseIcon />
        </button>
      </div>
      <div class="popup-row">
        <button type="button" class="button primary" data-testid="popup-play" onClick={() => session.listen(message)}>
          <PlayIcon /> Play
        </button>
        {message.announcement && <ConfirmButton id={message.id} />}
        {link && (
          <a class="button ghost" data-testid="popup-link" href={link} target="_blank" rel="noopener">Listen <span aria-hidden="true">↗</span>
            <span class="visually-hidden">on a page of its own</span></a>
        )}
      </div>
    </article>
  );
}

function TextCard({ text }: { text: ChatText }) {
  const { chats } = useSession();
  const contacts = useApp((s) => s.contacts);
  const name = nameOf(chats.state.get().threads.find((t) => t.with === text.sender), contacts, text.sender);
  return (
    <article class="popup card" data-testid="chat-popup" data-chat={text.id} aria-label={`Text from ${name}`}>
      <div class="popup-top">
        <Avatar name={name} />
        <div class="popup-words">
          <strong data-testid="chat-popup-sender">{name}</strong>
          <span class="popup-text" data-testid="chat-popup-text">{text.text}</span>
        </div>
        <button type="button" class="icon-button" aria-label="Dismiss" data-testid="chat-popup-dismiss"
          onClick={() => chats.dismiss(text.id)}>
          <CloseIcon />
        </button>
      </div>
      <div class="popup-row">
        <button type="button" class="button primary" data-testid="chat-popup-open" onClick={() => chats.open(text.sender)}>
          <ChatIcon /> Answer
        </button>
      </div>
    </article>
  );
}
