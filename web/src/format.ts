// Times, lengths and names as people read them.

import type { Presence, Step } from './types';

/** `0:07`, `1:05`, `61:00`: a length, to the nearest second but never zero for a sound. */
export function clock(ms: number): string {
  const seconds = ms > 0 ? Math.max(1, Math.round(ms / 1000)) : 0;
  return minutes(seconds);
}

/** `0:00`, `0:07`: a position, which counts a second once it has passed. */
export function position(ms: number): string {
  return minutes(Math.max(0, Math.floor(ms / 1000)));
}

function minutes(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** `7 seconds`, `1 minute 5 seconds`: a length for a screen reader. */
export function spokenLength(ms: number): string {
  const total = Math.max(0, Math.round(ms / 1000));
  const parts = [];
  if (total >= 60) parts.push(count(Math.floor(total / 60), 'minute'));
  if (total % 60 > 0 || total < 60) parts.push(count(total % 60, 'second'));
  return parts.join(' ');
}

function count(n: number, word: string): string {
  return `${n} ${word}${n === 1 ? '' : 's'}`;
}

/** `14:05` today, `Yesterday 14:05`, `Mon 14:05` within a week, else `3 Nov 14:05`. */
export function when(at: number, now: number, locale?: string): string {
  const then = new Date(at);
  const time = then.toLocaleTimeString(locale, { hour: '2-digit', minute: '2-digit' });
  const days = dayNumber(now) - dayNumber(at);
  if (days === 0) return time;
  if (days === 1) return `Yesterday ${time}`;
  if (days > 1 && days < 7) return `${then.toLocaleDateString(locale, { weekday: 'short' })} ${time}`;
  const year = then.getFullYear() === new Date(now).getFullYear() ? {} : { year: 'numeric' as const };
  return `${then.toLocaleDateString(locale, { day: 'numeric', month: 'short', ...year })} ${time}`;
}

/** `14:05:09`: the moment of a receipt, the same length everywhere. */
export function moment(at: number): string {
  const date = new Date(at);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((n) => String(n).padStart(2, '0')).join(':');
}

function dayNumber(at: number): number {
  const date = new Date(at);
  return Math.round(Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / 86_400_000);
}

/** One or two letters that stand for a name. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter((word) => /\p{L}|\p{N}/u.test(word));
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : [words[0]];
  return letters.map((word) => [...(word ?? '?')].find((c) => /\p{L}|\p{N}/u.test(c)) ?? '?').join('').toUpperCase();
}

/** One of `shades` colours, always the same for the same name. */
export function shade(name: string, shades: number): number {
  let sum = 7;
  for (const char of name) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) >>> 0;
  return sum % shades;
}

export function presenceWord(presence: Presence): string {
  switch (presence) {
    case 'online': return 'Online';
    case 'away': return 'Away';
    case 'phone': return 'By phone';
    case 'offline': return 'Offline';
    case 'busy': return 'On the phone';
    case 'do-not-disturb': return 'Do not disturb';
  }
}

/** How somebody can be reached at this moment. */
export function reachWords(by: { by_browser: boolean; by_phone: boolean }): string {
  if (by.by_browser && by.by_phone) return 'in the browser and by phone';
  if (by.by_browser) return 'in the browser';
  return by.by_phone ? 'by phone' : 'mailbox only';
}

export function stepWord(step: Step): string {
  switch (step) {
    case 'accepted': return 'Accepted';
    case 'notified': return 'Notified';
    case 'delivered': return 'Delivered';
    case 'heard': return 'Heard';
  }
}

/** `phone:desk` → `phone · desk`; the server’s own name stays as it is. */
export function deviceWord(device: string): string {
  return device.replace(/:/g, ' · ');
}

/** `Bob`, `Bob and Carol`, `Bob, Carol and 2 more`. */
export function names(list: readonly string[]): string {
  if (list.length <= 1) return list[0] ?? '';
  if (list.length === 2) return `${list[0]} and ${list[1]}`;
  if (list.length === 3) return `${list[0]}, ${list[1]} and ${list[2]}`;
  return `${list[0]}, ${list[1]} and ${list.length - 2} more`;
}
