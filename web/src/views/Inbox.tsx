import { useMemo, useState } from 'preact/hooks';
import { inboxOrder, isNew } from '../state';
import { useApp } from '../session';
import { MessageCard } from './MessageCard';

type Shelf = 'inbox' | 'saved';

export function Inbox() {
  const messages = useApp((s) => s.messages);
  const loaded = useApp((s) => s.loaded);
  const selected = useApp((s) => s.selected);
  const me = useApp((s) => s.me);
  const [shelf, setShelf] = useState<Shelf>('inbox');
  const kept = useMemo(() => messages.filter((m) => m.saved), [messages]);
  const shown = useMemo(
    () => inboxOrder(messages.filter((m) => m.saved === (shelf === 'saved')), selected),
    [messages, selected, shelf]);
  const fresh = shown.filter(isNew).length;

  return (
    <section class="pane pane-inbox" aria-labelledby="inbox-title" data-testid="inbox">
      <header class="pane-head">
        <h2 id="inbox-title">
          {shelf === 'inbox' ? 'Inbox' : 'Saved'}
          {fresh > 0 && <span class="badge">{fresh} new</span>}
        </h2>
        <div class="segments" role="group" aria-label="Folder">
          <button type="button" aria-pressed={shelf === 'inbox'} onClick={() => setShelf('inbox')}>Inbox</button>
          <button type="button" aria-pressed={shelf === 'saved'} data-testid="folder-saved" onClick={() => setShelf('saved')}>
            Saved{kept.length > 0 && ` ${kept.length}`}
          </button>
        </div>
      </header>
      <ul class="messages">
        {shown.map((message) => (
          <MessageCard key={message.id} message={message} open={selected?.id === message.id} />
        ))}
      </ul>
      {shown.length === 0 && (
        <div class="empty">
          {!loaded ? <p class="quiet">Reading your mailbox…</p>
            : shelf === 'saved' ? <p class="quiet">Messages that you keep are found here.</p>
            : (
              <>
                <p>No messages.</p>
                <p class="quiet">
                  Anybody can leave one by calling {me?.user.extension}. It appears here the moment it is spoken;
                  on your own phone, dial *97.
                </p>
              </>
            )}
        </div>
      )}
    </section>
  );
}
