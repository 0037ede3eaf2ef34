// What the client knows of its user's chats, and how each event changes it. Pure.

import type { User, UserId } from '../types';
import type { ChatFrame, ChatId, ChatText, Page, ThreadSummary } from './types';

/** A text that the server has not kept yet, or has refused. */
export interface Pending {
  key: string;
  to: UserId;
  text: string;
  at: number;
  error: string | null;
}

export interface Thread {
  with: UserId;
  /** Null until the server has said who that is; contacts are known without. */
  name: string | null;
  /** The oldest first. */
  texts: ChatText[];
  unread: number;
  /** Whether its history was read once. */
  loaded: boolean;
  /** Where older texts begin; null when there are none. */
  older: ChatId | null;
}

export interface ChatState {
  threads: Thread[];
  /** Whether the list was read once. */
  loaded: boolean;
  /** Whose thread is open. */
  open: UserId | null;
  pending: Pending[];
  /** Who is typing, and until when that holds. */
  typing: { from: UserId; until: number }[];
  popups: ChatText[];
}

export const noChats: ChatState = {
  threads: [], loaded: false, open: null, pending: [], typing: [], popups: [],
};

/** For how long it is believed that somebody types who said so. */
export const TYPING_MS = 6000;
const MOST_POPUPS = 3;

export type ChatAction =
  | { type: 'listed'; threads: ThreadSummary[] }
  | { type: 'page'; with: UserId; page: Page; first: boolean }
  | { type: 'open'; with: UserId | null }
  | { type: 'sending'; pending: Pending }
  | { type: 'again'; key: string }
  | { type: 'forget'; key: string }
  | { type: 'read'; with: UserId }
  | { type: 'dismiss'; id: ChatId }
  | { type: 'expire'; now: number }
  /** `shown`: whether the thread stands before the user's eyes. `quiet`: whether nothing is to pop up. */
  | { type: 'frame'; frame: ChatFrame; me: UserId; now: number; shown: boolean; quiet: boolean };

export function reduceChat(state: ChatState, action: ChatAction): ChatState {
  switch (action.type) {
    case 'listed':
      return listed(state, action.threads);
    case 'page':
      return page(state, action.with, action.page, action.first);
    case 'open': {
      const open = action.with;
      const next = { ...state, open };
      return open === null ? next : {
        ...ensure(next, open), popups: state.popups.filter((p) => p.sender !== open),
      };
    }
    case 'sending':
      return { ...ensure(state, action.pending.to), pending: [...state.pending, action.pending] };
    case 'again':
      return {
        ...state,
        pending: state.pending.map((p) => (p.key === action.key ? { ...p, error: null } : p)),
      };
    case 'forget':
      return { ...state, pending: state.pending.filter((p) => p.key !== action.key) };
    case 'read':
      return {
        ...change(state, action.with, (t) => ({ ...t, unread: 0 })),
        popups: state.popups.filter((p) => p.sender !== action.with),
      };
    case 'dismiss':
      return { ...state, popups: state.popups.filter((p) => p.id !== action.id) };
    case 'expire':
      return { ...state, typing: state.typing.filter((t) => t.until > action.now) };
    case 'frame':
      return frame(state, action);
  }
}

function frame(state: ChatState, action: ChatAction & { type: 'frame' }): ChatState {
  const { frame: f, me, now } = action;
  switch (f.chat) {
    case 'text':
      return text(state, f.message, f.key, action);
    case 'failed':
      return {
        ...state,
        pending: state.pending.map((p) => (p.key === f.key ? { ...p, error: f.error } : p)),
      };
    case 'marked': {
      const peer = f.sender === me ? f.recipient : f.sender;
      const delivered = new Set(f.delivered);
      const read = new Set(f.read);
      const next = change(state, peer, (t) => ({
        ...t,
        texts: t.texts.map((m) => ({
          ...m,
          delivered: m.delivered ?? (delivered.has(m.id) || read.has(m.id) ? f.at : null),
          read: m.read ?? (read.has(m.id) ? f.at : null),
        })),
        unread: f.recipient === me ? Math.max(0, t.unread - read.size) : t.unread,
      }));
      return { ...next, popups: next.popups.filter((p) => !read.has(p.id)) };
    }
    case 'typing': {
      const others = state.typing.filter((t) => t.from !== f.from);
      return { ...state, typing: f.on ? [...others, { from: f.from, until: now + TYPING_MS }] : others };
    }
  }
}

function text(state: ChatState, m: ChatText, key: string | null, { me, shown, quiet }: ChatAction & { type: 'frame' }): ChatState {
  const peer = m.sender === me ? m.recipient : m.sender;
  const known = state.threads.find((t) => t.with === peer)?.texts.some((t) => t.id === m.id) === true;
  const pending = key === null ? state.pending : state.pending.filter((p) => p.key !== key);
  const settled = { ...state, pending, typing: state.typing.filter((t) => t.from !== m.sender) };
  if (known) return settled;
  const forMe = m.recipient === me;
  const next = change(ensure(settled, peer), peer, (t) => ({
    ...t,
    texts: merge(t.texts, [m]),
    unread: forMe && !shown && m.read === null ? t.unread + 1 : t.unread,
  }));
  const popups = forMe && !shown && !quiet && m.read === null
    ? [m, ...next.popups].slice(0, MOST_POPUPS) : next.popups;
  return { ...next, threads: byTime(next.threads), popups };
}

function listed(state: ChatState, summaries: ThreadSummary[]): ChatState {
  let next: ChatState = { ...state, loaded: true };
  for (const { with: user, last, unread } of summaries) {
    next = change(ensure(next, user.id), user.id, (t) => ({
      ...t, name: user.display_name, unread, texts: merge(t.texts, [last]),
    }));
  }
  const unread = new Set(next.threads.filter((t) => t.unread > 0).map((t) => t.with));
  return {
    ...next, threads: byTime(next.threads), popups: next.popups.filter((p) => unread.has(p.sender)),
  };
}

function page(state: ChatState, peer: UserId, { messages, next }: Page, first: boolean): ChatState {
  return change(ensure(state, peer), peer, (t) => ({
    ...t, texts: merge(t.texts, messages), loaded: true,
    // The first page, read again, says nothing of how far back this page has read already.
    older: first && t.loaded ? t.older : next,
  }));
}

function ensure(state: ChatState, peer: UserId): ChatState {
  if (state.threads.some((t) => t.with === peer)) return state;
  const thread: Thread = { with: peer, name: null, texts: [], unread: 0, loaded: false, older: null };
  return { ...state, threads: [...state.threads, thread] };
}

function change(state: ChatState, peer: UserId, by: (t: Thread) => Thread): ChatState {
  return { ...state, threads: state.threads.map((t) => (t.with === peer ? by(t) : t)) };
}

/** Each text once, the oldest first; a mark that is known is never lost. */
function merge(old: readonly ChatText[], fresh: readonly ChatText[]): ChatText[] {
  const all = new Map(old.map((m) => [m.id, m]));
  for (const m of fresh) {
    const known = all.get(m.id);
    all.set(m.id, known
      ? { ...m, delivered: m.delivered ?? known.delivered, read: m.read ?? known.read } : m);
  }
  return [...all.values()].sort((a, b) => a.id - b.id);
}

function byTime(threads: readonly Thread[]): Thread[] {
  return [...threads].sort((a, b) => (lastOf(b)?.id ?? 0) - (lastOf(a)?.id ?? 0));
}

export function lastOf(thread: Thread): ChatText | null {
  return thread.texts[thread.texts.length - 1] ?? null;
}

/** How many texts wait to be read, in all threads. */
export function unreadTexts(state: ChatState): number {
  return state.threads.reduce((sum, t) => sum + t.unread, 0);
}

/** What became of a text of one's own. */
export function receiptWord(m: ChatText): 'Sent' | 'Delivered' | 'Read' {
  if (m.read !== null) return 'Read';
  return m.delivered !== null ? 'Delivered' : 'Sent';
}

export function nameOf(thread: Thread | undefined, contacts: readonly User[], peer: UserId): string {
  return contacts.find((c) => c.id === peer)?.display_name ?? thread?.name ?? 'Somebody';
}
