// Events and schedules: what the server says of them, and the texts made of it. Pure.

import type { MessageId, UserId } from './types';

export type EventState =
  | 'pending' | 'active' | 'sent' | 'confirmed' | 'exhausted' | 'expired' | 'cancelled' | 'failed';

export interface ReportedRecipient {
  user: UserId;
  name: string;
  /** `waiting`, `full`, `held`, `accepted`, `notified`, `delivered`, `heard`, `confirmed`, `failed`, `expired`. */
  state: string;
  message?: MessageId;
  steps: { step: string; device: string; at: number }[];
  confirmed?: { device: string; at: number };
  reason?: string;
}

export interface EventReport {
  id: string;
  created: number;
  state: EventState;
  content: Content;
  urgent: boolean;
  confirm: boolean;
  step: number;
  steps: { recipients: ReportedRecipient[]; wait_seconds: number }[];
  confirmed?: { user: UserId; name: string; device: string; at: number };
  reason?: string;
}

export type Content = { text: Record<string, string> } | { prompt: string } | { recording: MessageId };

export interface EventRequest {
  /** Either this or `template`. */
  content?: Content;
  template?: string;
  values?: Record<string, string>;
  recipients: string[];
  urgent: boolean;
  confirm: boolean;
  escalation?: { recipients: string[]; wait_seconds: number }[];
  wait_seconds?: number;
}

export interface Schedule {
  id: number;
  name: string;
  recurrence: string;
  event: EventRequest;
  enabled: boolean;
  skipped: number;
  note?: string;
  next: number[];
}

export interface Group {
  name: string;
  display_name: string;
  members: { user: UserId; name: string; display_name: string }[];
}

export interface Template {
  name: string;
  /** Everybody's, and not only this user's. */
  site: boolean;
  content: Content;
}

export interface Retention {
  policy: { quota_minutes: number; quota_mib: number; heard_days: number; saved_days: number; unheard_days: number; deleted_days: number };
  usage: { messages: number; length_ms: number; bytes: number };
  percent: number;
  nearly_full: boolean;
  full: boolean;
  hold: boolean;
}

/** The words of an event: in the page's language, where it has that. */
export function words(content: Content, language = 'en'): string {
  if ('text' in content) return content.text[language] ?? Object.values(content.text)[0] ?? '';
  if ('prompt' in content) return `The prompt “${content.prompt}”`;
  return 'A recording';
}

const STATES: Record<EventState, string> = {
  pending: 'Being made', active: 'Under way', sent: 'Sent', confirmed: 'Confirmed', exhausted: 'Nobody confirmed',
  expired: 'Too late', cancelled: 'Cancelled', failed: 'Failed',
};

export function stateWord(state: EventState): string {
  return STATES[state] ?? state;
}

const RECIPIENT: Record<string, string> = {
  waiting: 'not told yet', full: 'mailbox full', held: 'waits for its time', accepted: 'in the mailbox', notified: 'shown or rung',
  delivered: 'played', heard: 'heard', confirmed: 'confirmed', failed: 'not reached', expired: 'expired',
};

export function recipientWord(state: string): string {
  return RECIPIENT[state] ?? state;
}

export type Repeat = 'once' | 'daily' | 'weekdays' | 'weekly' | 'monthly';

const RULES: Record<Repeat, string> = {
  once: '', daily: 'FREQ=DAILY', weekdays: 'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR', weekly: 'FREQ=WEEKLY', monthly: 'FREQ=MONTHLY',
};

/** The lines of RFC 5545 for a time as `<input type="datetime-local">` gives it; null for no time. */
export function recurrence(at: string, repeat: Repeat, zone: string): string | null {
  const match = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)/.exec(at);
  if (!match) return null;
  const [, year, month, day, hour, minute] = match;
  const start = `DTSTART;TZID=${zone}:${year}${month}${day}T${hour}${minute}00`;
  return repeat === 'once' ? start : `${start}\nRRULE:${RULES[repeat]}`;
}
