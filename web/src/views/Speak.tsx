// The people one can speak to, and the recorder: always one press away.

import { presenceWord } from '../format';
import { useApp, useSession } from '../session';
import { useStore } from '../store';
import type { Contact } from '../types';
import { Avatar } from './Avatar';
import { FileDock } from './FileDock';
import { CheckIcon } from './icons';
import { RecorderDock } from './RecorderDock';

export function Speak() {
  const session = useSession();
  const contacts = useApp((s) => s.contacts);
  const chosen = useApp((s) => s.chosen);
  const phase = useStore(session.recorder.state, (s) => s.phase);
  const locked = phase === 'starting' || phase === 'recording' || phase === 'sending';
  return (
    <section class="pane pane-speak" aria-labelledby="people-title">
      <header class="pane-head">
        <h2 id="people-title">People</h2>
        {chosen.length > 0 && !locked && (
          <button type="button" class="text-button" onClick={() => session.dispatch({ type: 'unchoose-all' })}>Clear</button>
        )}
      </header>
      <ul class="people" aria-label="Choose who hears your message" data-testid="contacts">
        {contacts.map((contact) => (
          <Person key={contact.id} contact={contact} chosen={chosen.includes(contact.id)} locked={locked} />
        ))}
        {contacts.length === 0 && <li class="empty quiet">Nobody is in your contacts yet.</li>}
      </ul>
      <RecorderDock />
      <FileDock />
    </section>
  );
}

function Person({ contact, chosen, locked }: { contact: Contact; chosen: boolean; locked: boolean }) {
  const session = useSession();
  return (
    <li>
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
          </span>
        </span>
        <span class="tick" aria-hidden="true">{chosen && <CheckIcon />}</span>
      </button>
    </li>
  );
}
