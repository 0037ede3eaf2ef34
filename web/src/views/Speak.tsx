// The people one can speak to, and the recorder: always one press away.

import { useState } from 'preact/hooks';
import { presenceWord, reachWords } from '../format';
import { useApp, useSession } from '../session';
import { useStore } from '../store';
import type { Contact } from '../types';
import { Avatar } from './Avatar';
import { FileDock } from './FileDock';
import { ChatIcon, CheckIcon } from './icons';
import { RecorderDock } from './RecorderDock';

export function Speak() {
  const session = useSession();
  const contacts = useApp((s) => s.contacts);
  const chosen = useApp((s) => s.chosen);
  const typed = useApp((s) => s.typed);
  const phase = useStore(session.recorder.state, (s) => s.phase);
  const locked = phase === 'starting' || phase === 'recording' || phase === 'sending';
  return (
    <section class="pane pane-speak" aria-labelledby="people-title">
      <header class="pane-head">
        <h2 id="people-title">People</h2>
        {chosen.length + typed.length > 0 && !locked && (
          <button type="button" class="text-button" onClick={() => session.dispatch({ type: 'unchoose-all' })}>Clear</button>
        )}
      </header>
      <ul class="people" aria-label="Choose who hears your message" data-testid="contacts">
        {contacts.map((contact) => (
          <Person key={contact.id} contact={contact} chosen={chosen.includes(contact.id)} locked={locked} />
        ))}
        {contacts.length === 0 && <li class="empty quiet">Nobody is in your contacts yet.</li>}
      </ul>
      <Typed locked={locked} />
      <RecorderDock />
      <FileDock />
    </section>
  );
}

function Person({ contact, chosen, locked }: { contact: Contact; chosen: boolean; locked: boolean }) {
  const session = useSession();
  return (
    <li class="person-row">
      <button type="button" class="person" data-testid={`contact-${contact.name}`} aria-pressed={chosen}
        disabled={locked}
        onClick={() => {
          session.recorder.reset();
          session.dispatch({ type: 'choose', user: contact.id });
        }}>
        <Avatar name={contact.display_name} presence={contact.presence} />
        <span class="person-words">
          <span class="person-name">{contact.display_name}</span>
          <span class="quiet small">
            <span data-testid={`presence-${contact.name}`} data-presence={contact.presence}>{presenceWord(contact.presence)}</span>
            {contact.extension && <> · {contact.extension}</>}
            <span class="person-reach" data-testid={`reach-${contact.name}`}>{reachWords(contact)}</span>
          </span>
        </span>
        <span class="tick" aria-hidden="true">{chosen && <CheckIcon />}</span>
      </button>
      <button type="button" class="icon-button" data-testid={`write-${contact.name}`} title={`Write to ${contact.display_name}`}
        aria-label={`Write to ${contact.display_name}`} onClick={() => session.chats.open(contact.id)}>
        <ChatIcon />
      </button>
    </li>
  );
}

/** Somebody who is in no list: a number or an address. */
function Typed({ locked }: { locked: boolean }) {
  const session = useSession();
  const typed = useApp((s) => s.typed);
  const [text, setText] = useState('');
  const add = (event: Event) => {
    event.preventDefault();
    const address = text.trim();
    if (address === '') return;
    session.recorder.reset();
    if (!typed.includes(address)) session.dispatch({ type: 'type', address });
    setText('');
  };
  return (
    <form class="typed" onSubmit={add}>
      {typed.length > 0 && (
        <span class="chips">
          {typed.map((address) => (
            <button key={address} type="button" class="chip" aria-pressed="true" aria-label={`Remove ${address}`} disabled={locked}
              onClick={() => session.dispatch({ type: 'type', address })}>{address} ×</button>
          ))}
        </span>
      )}
      <label class="field">
        <span>Or to a number or address</span>
        <input value={text} placeholder="+493012345 or bob@example.org" maxLength={256} disabled={locked} data-testid="typed-recipient"
          autocapitalize="none" spellcheck={false} onInput={(event) => setText(event.currentTarget.value)} />
      </label>
      <button type="submit" class="button ghost small" disabled={locked || text.trim() === ''} data-testid="add-recipient">Add</button>
    </form>
  );
}
