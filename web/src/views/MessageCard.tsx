// One message: a line in the list, and unfolded its player and what can be done with it.

import { useEffect, useState } from 'preact/hooks';
import { api } from '../api';
import { clock, spokenLength, when } from '../format';
import { useApp, useSession } from '../session';
import type { InboxMessage } from '../state';
import type { ExplainedLine } from '../types';
import { isNew } from '../state';
import { Avatar } from './Avatar';
import { ConfirmButton } from './ConfirmButton';
import { Lines } from './DryRun';
import { KeepIcon, KeptIcon, LinkIcon, ReplyIcon, TrashIcon } from './icons';
import { PlayerBar } from './PlayerBar';
import { Waveform } from './Waveform';

export function MessageCard({ message, open }: { message: InboxMessage; open: boolean }) {
  const session = useSession();
  const fresh = isNew(message);
  const { sender } = message;
  return (
    <li class={`message card${open ? ' is-open' : ''}${fresh ? ' is-new' : ''}`} data-testid={`message-${message.id}`}
      data-step={message.step} data-new={fresh}>
      <button type="button" class="message-head" aria-expanded={open}
        onClick={() => session.select(open ? null : message.id)}>
        <Avatar name={sender.name} />
        <span class="message-words">
          <span class="message-from">
            {fresh && <span class="new-dot"><span class="visually-hidden">New: </span></span>}
            <span class="message-name">{sender.name}</span>
            {message.urgent && <span class="tag">Urgent</span>}
            {message.private && <span class="quiet small" data-testid="private" title="Not to be forwarded">Private</span>}
          </span>
          <span class="quiet small">{when(message.at, Date.now())}{address(sender.name, sender.address)}</span>
        </span>
        {!open && <span class="message-mini"><Waveform peaks={message.peaks} progress={fresh ? 1 : 0} /></span>}
        <span class="message-length"><span aria-hidden="true">{clock(message.length_ms)}</span>
          <span class="visually-hidden">{spokenLength(message.length_ms)}</span></span>
      </button>
      {open && (
        <div class="message-body">
          <PlayerBar player={session.player} track={session.track(message)} peaks={message.peaks} />
          <Actions message={message} />
        </div>
      )}
    </li>
  );
}

function Actions({ message }: { message: InboxMessage }) {
  const session = useSession();
  const contacts = useApp((s) => s.contacts);
  const sender = contacts.find((c) => c.id === message.sender.user);
  return (
    <div class="actions">
      {sender && (
        <button type="button" class="button ghost" data-testid="reply" onClick={() => session.answer(sender.id)}>
          <ReplyIcon /> Answer
        </button>
      )}
      <button type="button" class="button ghost" data-testid="save" disabled={message.saved} onClick={() => void session.save(message)}>
        {message.saved ? <KeptIcon /> : <KeepIcon />} {message.saved ? 'Saved' : 'Save'}
      </button>
      {message.announcement && <ConfirmButton id={message.id} />}
      {!message.private && <ShareButton id={message.id} />}
      <DeleteButton message={message} />
      <Why id={message.id} />
    </div>
  );
}

/** Why the message came as it came: the steps of its delivery. */
function Why({ id }: { id: string }) {
  const session = useSession();
  const [lines, setLines] = useState<ExplainedLine[] | null>(null);
  const ask = async () => {
    try {
      setLines((await api.explainMessage(id)).lines);
    } catch (error) {
      session.tell(error);
    }
  };
  return (
    <>
      <button type="button" class="text-button small" data-testid="why" aria-expanded={lines !== null}
        onClick={() => (lines === null ? void ask() : setLines(null))}>How did it reach me?</button>
      {lines !== null && <div class="why"><Lines lines={lines} /></div>}
    </>
  );
}

function ShareButton({ id }: { id: string }) {
  const session = useSession();
  const [shared, setShared] = useState(false);
  const share = async () => {
    try {
      const { url } = await api.share(id);
      const address = new URL(url, location.href).href;
      setShared(true);
      await copy(address);
      session.dispatch({
        type: 'notice',
        notice: { kind: 'info', text: 'Link copied. Whoever has it can listen without an account, until you revoke it.' },
      });
    } catch (error) {
      session.tell(error);
    }
  };
  const revoke = async () => {
    try {
      await api.revoke(id);
      setShared(false);
      session.dispatch({ type: 'notice', notice: { kind: 'info', text: 'The links to this message no longer work.' } });
    } catch (error) {
      session.tell(error);
    }
  };
  return (
    <>
      <button type="button" class="button ghost" data-testid="share" onClick={() => void share()}><LinkIcon /> Link</button>
      {shared && <button type="button" class="button ghost" data-testid="revoke" onClick={() => void revoke()}>Revoke</button>}
    </>
  );
}

function DeleteButton({ message }: { message: InboxMessage }) {
  const session = useSession();
  const [sure, setSure] = useState(false);
  useEffect(() => {
    if (!sure) return undefined;
    const timer = setTimeout(() => setSure(false), 4000);
    return () => clearTimeout(timer);
  }, [sure]);
  return (
    <button type="button" class={`button ghost delete${sure ? ' is-sure' : ''}`} data-testid="delete"
      onClick={() => (sure ? void session.remove(message) : setSure(true))}>
      <TrashIcon /> {sure ? 'Really?' : 'Delete'}
    </button>
  );
}

async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    throw new Error(`The browser does not let the link be copied. It is ${text}`);
  }
}

function address(name: string, value: string): string {
  return value === '' || value === name ? '' : ` · ${value.replace(/^sips?:/, '')}`;
}
