// Conversations in text: who wrote, and the thread with one person.

import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { ChatText } from '../chat/types';
import type { Pending, Thread } from '../chat/state';
import { lastOf, nameOf, receiptWord } from '../chat/state';
import { presenceWord, reachWords, when } from '../format';
import { useApp, useSession } from '../session';
import { useStore } from '../store';
import type { UserId } from '../types';
import { Avatar } from './Avatar';
import { BackIcon, SentIcon } from './icons';

const LONGEST_TEXT = 4000;

export function Chat() {
  const { chats } = useSession();
  const threads = useStore(chats.state, (s) => s.threads);
  const open = useStore(chats.state, (s) => s.open);
  const loaded = useStore(chats.state, (s) => s.loaded);
  // Coming here is reading what stands open.
  useEffect(() => chats.looked(), []);
  const listed = threads.filter((t) => t.texts.length > 0 || t.with === open);
  return (
    <section class={`pane pane-chat${open === null ? '' : ' has-thread'}`} aria-labelledby="chat-title" data-testid="chat">
      <div class="threads">
        <header class="pane-head"><h2 id="chat-title">Chats</h2></header>
        <ul class="thread-list">
          {listed.map((thread) => <ThreadRow key={thread.with} thread={thread} open={open === thread.with} />)}
        </ul>
        {listed.length === 0 && (
          <p class="empty quiet">{loaded ? 'Nobody has written yet. Choose “Write” beside a name.' : 'Reading your chats…'}</p>
        )}
      </div>
      {open === null
        ? <p class="thread thread-none quiet">Choose a chat, or “Write” beside a name.</p>
        : <ThreadView key={open} peer={open} />}
    </section>
  );
}

function ThreadRow({ thread, open }: { thread: Thread; open: boolean }) {
  const { chats } = useSession();
  const contacts = useApp((s) => s.contacts);
  const me = useApp((s) => s.me?.user.id);
  const name = nameOf(thread, contacts, thread.with);
  const contact = contacts.find((c) => c.id === thread.with);
  const last = lastOf(thread);
  return (
    <li>
      <button type="button" class="person thread-row" aria-pressed={open} data-testid={`thread-${contact?.name ?? thread.with}`}
        onClick={() => chats.open(thread.with)}>
        <Avatar name={name} {...(contact ? { presence: contact.presence } : {})} />
        <span class="person-words">
          <span class="thread-top">
            <span class="person-name">{name}</span>
            {last && <span class="quiet small">{when(last.at, Date.now())}</span>}
          </span>
          <span class="thread-last quiet small">{last ? `${last.sender === me ? 'You: ' : ''}${last.text}` : 'No texts yet'}</span>
        </span>
        {thread.unread > 0 && (
          <span class="badge" data-testid={`unread-${contact?.name ?? thread.with}`}>
            {thread.unread}<span class="visually-hidden"> unread</span>
          </span>
        )}
      </button>
    </li>
  );
}

function ThreadView({ peer }: { peer: UserId }) {
  const { chats } = useSession();
  const thread = useStore(chats.state, (s) => s.threads.find((t) => t.with === peer));
  const allPending = useStore(chats.state, (s) => s.pending);
  const isTyping = useStore(chats.state, (s) => s.typing.some((t) => t.from === peer));
  const contacts = useApp((s) => s.contacts);
  const me = useApp((s) => s.me?.user.id ?? 0);
  const contact = contacts.find((c) => c.id === peer);
  const name = nameOf(thread, contacts, peer);
  const texts = thread?.texts ?? [];
  const pending = allPending.filter((p) => p.to === peer);
  const log = useRef<HTMLDivElement>(null);
  const newest = texts[texts.length - 1]?.id;
  useLayoutEffect(() => {
    if (log.current) log.current.scrollTop = log.current.scrollHeight;
  }, [newest, pending.length, isTyping]);
  const lastOwn = [...texts].reverse().find((m) => m.sender === me)?.id;

  return (
    <div class="thread" data-testid="thread"
      onKeyDown={(event) => {
        if (event.key === 'Escape') chats.close();
      }}>
      <header class="pane-head thread-head">
        <button type="button" class="icon-button thread-back" aria-label="Back to all chats" data-testid="chat-back"
          onClick={() => chats.close()}>
          <BackIcon />
        </button>
        <Avatar name={name} {...(contact ? { presence: contact.presence } : {})} />
        <span class="person-words">
          <h3 class="person-name" data-testid="chat-peer">{name}</h3>
          {contact && <span class="quiet small">{presenceWord(contact.presence)} · {reachWords(contact)}</span>}
        </span>
      </header>
      <div class="chat-log" role="log" aria-live="polite" aria-label={`Texts with ${name}`} tabIndex={0} ref={log} data-testid="chat-log">
        {thread?.older != null && (
          <button type="button" class="text-button chat-older" onClick={() => chats.older(peer)}>Show older texts</button>
        )}
        {texts.map((m) => <TextBubble key={m.id} text={m} own={m.sender === me} receipt={m.id === lastOwn} />)}
        {pending.map((p) => <PendingBubble key={p.key} pending={p} />)}
        {thread?.loaded === true && texts.length === 0 && pending.length === 0 && (
          <p class="empty quiet">No texts yet. What you write is kept until {name} reads it.</p>
        )}
        <p class="chat-typing quiet small" aria-live="polite">
          {isTyping && <span data-testid="chat-typing">{name} is typing…</span>}
        </p>
      </div>
      <Composer peer={peer} name={name} />
    </div>
  );
}

function TextBubble({ text, own, receipt }: { text: ChatText; own: boolean; receipt: boolean }) {
  const word = receiptWord(text);
  return (
    <div class={`bubble${own ? ' bubble-own' : ''}`} data-testid={own ? 'text-own' : 'text-other'} data-receipt={own ? word : ''}>
      <p class="bubble-text">{text.text}</p>
      <p class="bubble-meta quiet small">
        {when(text.at, Date.now())}
        {own && receipt && <> · <span data-testid="receipt" data-receipt={word}>{word}</span></>}
        {own && !receipt && <span class="visually-hidden">, {word}</span>}
      </p>
    </div>
  );
}

function PendingBubble({ pending }: { pending: Pending }) {
  const { chats } = useSession();
  return (
    <div class="bubble bubble-own bubble-pending" data-testid="text-pending">
      <p class="bubble-text">{pending.text}</p>
      {pending.error === null
        ? <p class="bubble-meta quiet small">Sending…</p>
        : (
          <p class="bubble-meta small">
            <span class="error-text">{pending.error}</span>{' '}
            <button type="button" class="text-button" onClick={() => chats.again(pending.key)}>Try again</button>
            <button type="button" class="text-button" onClick={() => chats.forget(pending.key)}>Remove</button>
          </p>
        )}
    </div>
  );
}

function Composer({ peer, name }: { peer: UserId; name: string }) {
  const { chats } = useSession();
  const [text, setText] = useState('');
  const fit = text.trim() !== '' && text.length <= LONGEST_TEXT;
  const send = () => {
    if (!fit) return;
    chats.send(peer, text.trim());
    setText('');
  };
  return (
    <form class="composer" onSubmit={(event) => {
      event.preventDefault();
      send();
    }}>
      <label class="visually-hidden" for="chat-text">Text to {name}. Enter sends, Shift and Enter begins a new line.</label>
      <textarea id="chat-text" data-testid="chat-text" rows={Math.min(5, Math.max(1, text.split('\n').length))}
        placeholder={`Write to ${name}`} value={text} maxLength={LONGEST_TEXT}
        onInput={(event) => {
          setText(event.currentTarget.value);
          chats.typing(peer, event.currentTarget.value);
        }}
        onKeyDown={(event) => {
          // An input method that composes a word uses Enter itself.
          if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
            event.preventDefault();
            send();
          }
        }} />
      <button type="submit" class="round primary composer-send" data-testid="chat-send" aria-label={`Send to ${name}`} disabled={!fit}>
        <SentIcon />
      </button>
    </form>
  );
}
