// What the client knows, and how each event changes it. Pure: no clock, network or DOM.

import type { ServerFrame } from './protocol';
import type {
  Contact, Me, Message, MessageId, OrderedCall, OutboxEntry, OutboxRecipient, Profile, ReceiptStep, Step, Trouble, UserId,
} from './types';
import { STEPS } from './types';

/** The server takes fifty recipients in all. */
const MOST_TYPED = 10;

export type View = 'inbox' | 'speak' | 'chat' | 'sent' | 'events' | 'profile';

export type Connection =
  | { status: 'connecting' }
  | { status: 'open' }
  /** `retryAt`: when the next try is made, in milliseconds since 1970. */
  | { status: 'lost'; retryAt: number };

export interface InboxMessage extends Message {
  saved: boolean;
}

export interface Popup {
  message: Message;
  link: string | null;
}

export interface Notice {
  kind: 'info' | 'error';
  text: string;
}

export interface State {
  phase: 'loading' | 'signed-out' | 'signed-in';
  me: Me | null;
  connection: Connection;
  contacts: Contact[];
  messages: InboxMessage[];
  /** Whether the mailbox was read once, so that an empty one can be told from an unread one. */
  loaded: boolean;
  outbox: OutboxEntry[];
  outboxLoaded: boolean;
  popups: Popup[];
  /** The message that is unfolded, and whether it was new when it was unfolded: it keeps its place. */
  selected: { id: MessageId; wasNew: boolean } | null;
  /** Who hears what is recorded next. */
  chosen: UserId[];
  /** Numbers and addresses that were typed as recipients. */
  typed: string[];
  view: View;
  /** Counts what was told of announcements and of the mailbox: whoever shows them reads anew. */
  eventNews: number;
  /** The call that was ordered last, on this page or another, until it is put away. */
  call: OrderedCall | null;
  notice: Notice | null;
}

export const initialState: State = {
  phase: 'loading',
  me: null,
  connection: { status: 'connecting' },
  contacts: [],
  messages: [],
  loaded: false,
  outbox: [],
  outboxLoaded: false,
  popups: [],
  selected: null,
  chosen: [],
  eventNews: 0,
  typed: [],
  view: 'inbox',
  call: null,
  notice: null,
};

export type Action =
  | { type: 'signed-in'; me: Me }
  | { type: 'signed-out'; notice?: Notice }
  | { type: 'connection'; connection: Connection }
  | { type: 'frame'; frame: ServerFrame }
  | { type: 'contacts'; contacts: Contact[] }
  | { type: 'mailbox'; inbox: Message[]; saved: Message[] }
  | { type: 'outbox'; entries: OutboxEntry[] }
  | { type: 'select'; id: MessageId | null }
  | { type: 'choose'; user: UserId; only?: boolean }
  | { type: 'unchoose-all' }
  /** Adds a typed recipient, or takes it off again. */
  | { type: 'type'; address: string }
  | { type: 'view'; view: View }
  | { type: 'dismiss'; id: MessageId }
  | { type: 'heard'; id: MessageId }
  | { type: 'kept'; id: MessageId }
  | { type: 'gone'; id: MessageId }
  | { type: 'call'; call: OrderedCall | null }
  | { type: 'profile'; profile: Profile }
  | { type: 'do-not-disturb'; on: boolean }
  | { type: 'notice'; notice: Notice | null };

export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case 'signed-in':
      return { ...initialState, phase: 'signed-in', me: action.me, view: state.view };
    case 'signed-out':
      return { ...initialState, phase: 'signed-out', notice: action.notice ?? null };
    case 'connection':
      return { ...state, connection: action.connection };
    case 'frame':
      return reduceFrame(state, action.frame);
    case 'contacts':
      return { ...state, contacts: sortContacts(action.contacts) };
    case 'mailbox':
      return mailbox(state, action.inbox, action.saved);
    case 'outbox':
      return { ...state, outbox: mergeOutbox(state.outbox, action.entries), outboxLoaded: true };
    case 'select':
      return select(state, action.id);
    case 'choose':
      return {
        ...state, chosen: choose(state.chosen, action.user, action.only === true),
        typed: action.only === true ? [] : state.typed,
      };
    case 'unchoose-all':
      return { ...state, chosen: [], typed: [] };
    case 'type':
      return state.typed.includes(action.address)
        ? { ...state, typed: state.typed.filter((a) => a !== action.address) }
        : { ...state, typed: [...state.typed, action.address].slice(0, MOST_TYPED) };
    case 'view':
      return { ...state, view: action.view };
    case 'dismiss':
      return { ...state, popups: state.popups.filter((p) => p.message.id !== action.id) };
    case 'heard':
      return settled(change(state, action.id, (m) => advance(m, 'heard')), action.id);
    case 'kept':
      return settled(change(state, action.id, (m) => ({ ...m, saved: true })), action.id);
    case 'gone':
      return gone(state, action.id);
    case 'call':
      return { ...state, call: action.call && newer(state.call, action.call) };
    case 'profile':
      return state.me ? { ...state, me: { ...state.me, profile: action.profile } } : state;
    case 'do-not-disturb':
      return state.me ? { ...state, me: { ...state.me, do_not_disturb: action.on } } : state;
    case 'notice':
      return { ...state, notice: action.notice };
  }
}

function reduceFrame(state: State, frame: ServerFrame): State {
  switch (frame.type) {
    case 'hello':
      // What became of announcements meanwhile is not in the log of messages.
      return {
        ...state, eventNews: state.eventNews + 1,
        ...(frame.contacts ? { contacts: sortContacts(frame.contacts) } : {}),
      };
    case 'presence':
      return {
        ...state,
        contacts: state.contacts.map((c) => {
          const { presence, by_browser, by_phone } = frame;
          return c.id === frame.user ? { ...c, presence, by_browser, by_phone } : c;
        }),
      };
    case 'popup':
      return popup(state, frame.message, frame.link);
    case 'receipt':
      return {
        ...state,
        outbox: state.outbox.map((entry) =>
          entry.id === frame.message
            ? withReceipt(entry, frame.recipient, frame.recipientName, frame.step)
            : entry),
      };
    case 'trouble':
      return {
        ...state,
        outbox: state.outbox.map((entry) =>
          entry.id === frame.message
            ? withTrouble(entry, frame.recipient, frame.recipientName, frame.trouble)
            : entry),
      };
    case 'message_state': {
      const { message, change: what } = frame;
      if (what === 'deleted') return gone(state, message);
      // It is not in the list any more: the mailbox is read afresh.
      if (what === 'restored') return state;
      if (what === 'saved') return settled(change(state, message, (m) => ({ ...m, saved: true })), message);
      const next = change(state, message, (m) => advance(m, what.step));
      return what.step === 'heard' ? settled(next, message) : next;
    }
    case 'call':
      return { ...state, call: newer(state.call, frame.call) };
    case 'notice':
      return { ...state, notice: { kind: 'info', text: frame.text } };
    case 'event':
    case 'mailbox':
      return { ...state, eventNews: state.eventNews + 1 };
    // The list itself is counted; recordings and pings are answered elsewhere.
    case 'counts':
    case 'recording':
    case 'chat':
    case 'ping':
      return state;
  }
}

/** A pop-up comes once, however often the server tells of the message. */
function popup(state: State, message: Message, link: string | null): State {
  const known = state.messages.find((m) => m.id === message.id);
  if (known && !isNew(known)) return state;
  const messages = known ? state.messages : [{ ...message, saved: false }, ...state.messages];
  if (state.popups.some((p) => p.message.id === message.id)) return { ...state, messages };
  return { ...state, messages, popups: [{ message, link }, ...state.popups] };
}

/** Heard, saved or deleted, here or on any other device: the pop-up has nothing left to say. */
function settled(state: State, id: MessageId): State {
  if (!state.popups.some((p) => p.message.id === id)) return state;
  return { ...state, popups: state.popups.filter((p) => p.message.id !== id) };
}

/** The API's answer and the socket's frames may overtake each other. */
function newer(known: OrderedCall | null, told: OrderedCall): OrderedCall {
  return known?.call === told.call && known.version > told.version ? known : told;
}

/** Whether nothing follows any more. */
export function isOver(call: OrderedCall): boolean {
  const { state } = call.stage;
  return state === 'done' || state === 'failed' || state === 'cancelled';
}

function mailbox(state: State, inbox: Message[], saved: Message[]): State {
  const messages = new Map<MessageId, InboxMessage>();
  for (const message of inbox) messages.set(message.id, { ...message, saved: false });
  for (const message of saved) messages.set(message.id, { ...message, saved: true });
  const list = [...messages.values()];
  // What was heard, saved or deleted while this page was not told.
  const waits = new Set(list.filter(isNew).map((m) => m.id));
  return {
    ...state,
    messages: list,
    loaded: true,
    popups: state.popups.filter((p) => waits.has(p.message.id)),
    selected: state.selected && messages.has(state.selected.id) ? state.selected : null,
  };
}

function select(state: State, id: MessageId | null): State {
  const message = state.messages.find((m) => m.id === id);
  if (!message) return { ...state, selected: null };
  return {
    ...state,
    selected: { id: message.id, wasNew: isNew(message) },
    popups: state.popups.filter((p) => p.message.id !== id),
  };
}

function change(state: State, id: MessageId, by: (m: InboxMessage) => InboxMessage): State {
  return { ...state, messages: state.messages.map((m) => (m.id === id ? by(m) : m)) };
}

function gone(state: State, id: MessageId): State {
  return {
    ...state,
    messages: state.messages.filter((m) => m.id !== id),
    popups: state.popups.filter((p) => p.message.id !== id),
    selected: state.selected?.id === id ? null : state.selected,
  };
}

function choose(chosen: UserId[], user: UserId, only: boolean): UserId[] {
  if (only) return [user];
  return chosen.includes(user) ? chosen.filter((id) => id !== user) : [...chosen, user];
}

function advance(message: InboxMessage, step: Step): InboxMessage {
  return rank(step) > rank(message.step) ? { ...message, step } : message;
}

function rank(step: Step): number {
  return STEPS.indexOf(step);
}

/** Not heard to any length yet. */
export function isNew(message: InboxMessage): boolean {
  return message.step !== 'heard' && !message.saved;
}

export function unheard(state: State): number {
  return state.messages.filter(isNew).length;
}

/** The mailbox in the order in which it is shown: new first, urgent before others, then the latest. */
export function inboxOrder(messages: readonly InboxMessage[], selected: State['selected']): InboxMessage[] {
  const first = (m: InboxMessage) => (selected?.id === m.id ? selected.wasNew : isNew(m));
  return [...messages].sort((a, b) =>
    Number(first(b)) - Number(first(a))
    || (first(a) ? Number(b.urgent) - Number(a.urgent) : 0)
    || b.at - a.at
    || (a.id < b.id ? 1 : -1));
}

/** Who can be reached now comes first; then by name. */
export function sortContacts(contacts: readonly Contact[]): Contact[] {
  return [...contacts].sort((a, b) => a.display_name.localeCompare(b.display_name) || a.id - b.id);
}

/** The furthest step that a recipient's receipts tell of. */
export function furthest(steps: readonly ReceiptStep[]): Step {
  return steps.reduce<Step>((best, s) => (rank(s.step) > rank(best) ? s.step : best), 'accepted');
}

/** What is shown of one step: when and where it happened first; of listening, how far it went. */
export function stepDetail(steps: readonly ReceiptStep[], step: Step): ReceiptStep | null {
  const all = steps.filter((s) => s.step === step).sort((a, b) => a.at - b.at);
  const first = all[0];
  if (!first) return null;
  const heard = Math.max(...all.map((s) => s.heard_ms ?? 0));
  return heard > 0 ? { ...first, heard_ms: heard } : first;
}

function belongs(r: OutboxRecipient, user: UserId | null, name: string): boolean {
  return user !== null && r.user !== null ? r.user === user : r.name === name;
}

function withTrouble(entry: OutboxEntry, user: UserId | null, name: string, trouble: Trouble): OutboxEntry {
  return {
    ...entry,
    recipients: entry.recipients.map((r) => (belongs(r, user, name) ? { ...r, trouble } : r)),
  };
}

function withReceipt(entry: OutboxEntry, user: UserId | null, name: string, step: ReceiptStep): OutboxEntry {
  const mine = (r: OutboxRecipient) => belongs(r, user, name);
  if (!entry.recipients.some(mine)) {
    return { ...entry, recipients: [...entry.recipients, { user, name, steps: [step] }] };
  }
  return {
    ...entry,
    recipients: entry.recipients.map((r) => (mine(r) ? { ...r, steps: addStep(r.steps, step) } : r)),
  };
}

/** A step at a device is kept once, at its first time; of `heard`, with the furthest position. */
export function addStep(steps: readonly ReceiptStep[], step: ReceiptStep): ReceiptStep[] {
  const at = steps.findIndex((s) => s.step === step.step && s.device === step.device);
  const old = steps[at];
  if (!old) return [...steps, step];
  const heard = Math.max(old.heard_ms ?? 0, step.heard_ms ?? 0);
  const merged = { ...old, at: Math.min(old.at, step.at), ...(heard > 0 ? { heard_ms: heard } : {}) };
  return steps.map((s, i) => (i === at ? merged : s));
}

/** A list that was asked for may be older than a receipt that came meanwhile: nothing goes back. */
function mergeOutbox(old: readonly OutboxEntry[], fresh: readonly OutboxEntry[]): OutboxEntry[] {
  const before = new Map(old.map((entry) => [entry.id, entry]));
  return fresh
    .map((entry) => {
      const known = before.get(entry.id);
      if (!known) return entry;
      return known.recipients.reduce(
        (all, r) => r.steps.reduce(
          (e, step) => withReceipt(e, r.user, r.name, step),
          r.trouble ? withTrouble(all, r.user, r.name, r.trouble) : all),
        entry);
    })
    .sort((a, b) => b.at - a.at);
}
