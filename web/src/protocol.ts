// The WebSocket's frames. What comes in is checked field by field: a frame that this client
// does not know, or that lacks a field, is left out instead of breaking the page.

import { readChatFrame } from './chat/read';
import type { ChatClientFrame, ChatFrame } from './chat/types';
import type {
  Addressee, CallStage, Contact, Counts, Message, MessageId, OrderedCall, Presence, ReceiptStep, Sender, Step, Trouble, User, UserId,
} from './types';
import { STEPS } from './types';

export type RecordingStatus = 'open' | 'progress' | 'committed' | 'failed';

export type ServerFrame =
  | {
      type: 'hello'; user: User | null; contacts: Contact[] | null; counts: Counts | null;
      /** The last event of the log, and whether those that were missed follow. */
      lastEventId: number | null; resumed: boolean;
    }
  | { type: 'presence'; user: UserId; presence: Presence; by_browser: boolean; by_phone: boolean }
  | { type: 'popup'; message: Message; link: string | null; committedAt: number | null }
  | { type: 'receipt'; message: MessageId; recipient: UserId | null; recipientName: string; step: ReceiptStep; eventId?: number }
  | { type: 'trouble'; message: MessageId; recipient: UserId | null; recipientName: string; trouble: Trouble; eventId?: number }
  | { type: 'message_state'; message: MessageId; change: MessageChange; eventId?: number }
  | { type: 'counts'; counts: Counts }
  | {
      type: 'recording'; id: string; state: RecordingStatus;
      bytes: number; ms: number; message: MessageId | null; error: string | null;
    }
  | { type: 'event'; id: string; state: string }
  | { type: 'mailbox'; percent: number; nearlyFull: boolean }
  | { type: 'call'; call: OrderedCall }
  | { type: 'notice'; text: string }
  | { type: 'chat'; event: ChatFrame }
  | { type: 'ping' };

/** What happened to a message of one's own inbox, on any device. */
export type MessageChange = { step: Step } | 'saved' | 'deleted' | 'restored';

export type ClientFrame =
  | { type: 'record_start'; id: string; to: Addressee[]; mime: string }
  | { type: 'record_stop'; id: string }
  | { type: 'record_cancel'; id: string }
  | { type: 'activity'; active: boolean }
  | { type: 'seen'; message: MessageId }
  | ({ type: 'chat' } & ChatClientFrame)
  | { type: 'pong' };

const LONGEST_NOTICE = 500;

type Fields = Record<string, unknown>;

const PRESENCES: readonly Presence[] = ['offline', 'phone', 'away', 'online', 'busy', 'do-not-disturb'];
const RECORDING: readonly RecordingStatus[] = ['open', 'progress', 'committed', 'failed'];

/** Reads one text frame of the server; null when it is none that this client understands. */
export function parseServerFrame(text: string): ServerFrame | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isFields(value)) return null;
  switch (value.type) {
    case 'hello':
      return {
        type: 'hello',
        user: readUser(value.user),
        contacts: Array.isArray(value.contacts) ? value.contacts.map(readContact).filter(isPresent) : null,
        counts: readCounts(value.counts),
        lastEventId: num(value.last_event_id),
        resumed: value.resumed === true,
      };
    case 'presence': {
      const user = num(value.user);
      const presence = oneOf(PRESENCES, value.presence);
      return user !== null && presence ? { type: 'presence', user, presence, ...readReach(value) } : null;
    }
    case 'popup': {
      const message = readMessage(value.message);
      return message && {
        type: 'popup', message, link: localPath(value.link), committedAt: num(value.committed_at),
      };
    }
    case 'receipt': {
      const message = str(value.message);
      if (message === null) return null;
      const whose = { message, recipient: num(value.recipient), recipientName: str(value.recipient_name) ?? '', ...readEventId(value) };
      const trouble = readTrouble(value);
      if (trouble) return { type: 'trouble', ...whose, trouble };
      const step = readReceiptStep(value);
      return step && { type: 'receipt', ...whose, step };
    }
    case 'message_state': {
      const message = str(value.message);
      const change = readChange(value);
      return message !== null && change ? { type: 'message_state', message, change, ...readEventId(value) } : null;
    }
    case 'counts': {
      const counts = readCounts(value);
      return counts && { type: 'counts', counts };
    }
    case 'recording': {
      const id = str(value.id);
      const state = oneOf(RECORDING, value.state);
      if (id === null || !state) return null;
      return {
        type: 'recording', id, state,
        bytes: num(value.bytes) ?? 0, ms: num(value.ms) ?? 0,
        message: str(value.message) ?? (isFields(value.message) ? str(value.message.id) : null),
        error: str(value.error) ?? (isFields(value.error) ? str(value.error.message) : null),
      };
    }
    case 'event': {
      const id = str(value.id);
      const state = str(value.state);
      return id !== null && state !== null ? { type: 'event', id, state } : null;
    }
    case 'mailbox': {
      const percent = num(value.percent);
      return percent === null ? null : { type: 'mailbox', percent, nearlyFull: value.nearly_full === true };
    }
    case 'call': {
      const call = readCall(value);
      return call && { type: 'call', call };
    }
    case 'notice': {
      const text = str(value.text);
      return text ? { type: 'notice', text: text.slice(0, LONGEST_NOTICE) } : null;
    }
    case 'chat': {
      const event = readChatFrame(value);
      return event && { type: 'chat', event };
    }
    case 'ping':
      return { type: 'ping' };
    default:
      return null;
  }
}

/** Reads a message as the API lists it; null when it has no id. */
export function readMessage(value: unknown): Message | null {
  if (!isFields(value)) return null;
  const id = str(value.id);
  if (id === null) return null;
  return {
    id,
    sender: readSender(value.sender),
    at: num(value.at) ?? 0,
    length_ms: num(value.length_ms) ?? 0,
    urgent: value.urgent === true,
    private: value.private === true,
    ...(value.announcement === true ? { announcement: true } : {}),
    reply_to: str(value.reply_to),
    step: oneOf(STEPS, value.step) ?? 'accepted',
    peaks: readPeaks(value.peaks),
    audio: localPath(value.audio) ?? `/api/v1/messages/${encodeURIComponent(id)}/audio`,
  };
}

/** Whatever is no number between 0 and 255 is left out. */
function readPeaks(value: unknown): number[] {
  if (!Array.isArray(value)) return [];
  return value.filter((v): v is number => typeof v === 'number' && v >= 0 && v <= 255).slice(0, 1024);
}

function readSender(value: unknown): Sender {
  if (typeof value === 'string') return { user: null, name: value, address: '' };
  const fields = isFields(value) ? value : {};
  return {
    user: num(fields.user),
    name: str(fields.name) || str(fields.address) || 'Unknown caller',
    address: str(fields.address) ?? '',
  };
}

export function readUser(value: unknown): User | null {
  if (!isFields(value)) return null;
  const id = num(value.id);
  const name = str(value.name);
  if (id === null || name === null) return null;
  return {
    id, name,
    display_name: str(value.display_name) || name,
    extension: str(value.extension) ?? '',
  };
}

/** Reads a contact; somebody whose presence is not told counts as offline. */
export function readContact(value: unknown): Contact | null {
  const user = readUser(value);
  if (!user) return null;
  const fields = value as Fields;
  return { ...user, presence: oneOf(PRESENCES, fields.presence) ?? 'offline', ...readReach(fields) };
}

function readReach(value: Fields): { by_browser: boolean; by_phone: boolean } {
  return { by_browser: value.by_browser === true, by_phone: value.by_phone === true };
}

/** Reads how an ordered call goes; null for what this client does not know. */
export function readCall(value: unknown): OrderedCall | null {
  if (!isFields(value)) return null;
  const call = str(value.call);
  const kind = oneOf(['record', 'play'] as const, value.kind);
  const stage = readStage(value);
  if (call === null || !kind || !stage) return null;
  return { call, kind, device: str(value.device) ?? '', version: num(value.version) ?? 0, stage };
}

function readStage(value: Fields): CallStage | null {
  switch (value.state) {
    case 'calling':
    case 'ringing':
    case 'answered':
    case 'playing':
    case 'cancelled':
      return { state: value.state };
    case 'recording':
    case 'recorded':
      return { state: value.state, ms: num(value.ms) ?? 0 };
    case 'done':
      return { state: 'done', message: str(value.message), heard_ms: num(value.heard_ms) };
    case 'failed':
      return { state: 'failed', reason: str(value.reason) ?? '' };
    default:
      return null;
  }
}

function readCounts(value: unknown): Counts | null {
  if (!isFields(value)) return null;
  const fresh = num(value.new);
  const saved = num(value.saved);
  return fresh === null ? null : { new: fresh, saved: saved ?? 0 };
}

function readReceiptStep(value: Fields): ReceiptStep | null {
  const step = oneOf(STEPS, value.step);
  if (!step) return null;
  const heard = num(value.heard_ms);
  return {
    step, device: str(value.device) ?? '', at: num(value.at) ?? 0,
    ...(heard === null ? {} : { heard_ms: heard }),
  };
}

/** The event's place in the log. */
function readEventId(value: Fields): { eventId?: number } {
  const eventId = num(value.event_id);
  return eventId === null ? {} : { eventId };
}

function readTrouble(value: Fields): Trouble | null {
  if (value.step !== 'attempt-failed' && value.step !== 'failed') return null;
  return {
    device: str(value.device) ?? '', reason: str(value.reason) ?? '', at: num(value.at) ?? 0,
    final: value.step === 'failed',
  };
}

function readChange(value: Fields): MessageChange | null {
  const word = str(value.step) ?? str(value.state) ?? '';
  if (value.deleted === true || word === 'deleted') return 'deleted';
  if (value.restored === true || word === 'restored') return 'restored';
  if (value.saved === true || word === 'saved') return 'saved';
  const step = oneOf(STEPS, word);
  return step ? { step } : null;
}

/** Only a path on this server is ever followed: never an address that a frame brings along. */
function localPath(value: unknown): string | null {
  const text = str(value);
  if (text === null) return null;
  if (/^\/(?!\/)/.test(text)) return text;
  try {
    const url = new URL(text);
    return url.protocol.startsWith('http') ? url.pathname + url.search : null;
  } catch {
    return null;
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
function isPresent<T>(value: T | null): value is T {
  return value !== null;
}
function str(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
function num(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}
function oneOf<T extends string>(words: readonly T[], value: unknown): T | null {
  return words.find((word) => word === value) ?? null;
}
