// How a web service stands, in words. Pure.

import type { About, Webhook } from './types';

export const ABOUT: Record<About, string> = {
  sent: 'what I send',
  received: 'what I receive',
  all: 'what I send and receive',
};

/** `failing`: it took nothing at its last try; `given-up`: it works again, but was not told everything. */
export type WebhookState = 'new' | 'working' | 'waiting' | 'failing' | 'given-up';

export function webhookState(hook: Webhook): WebhookState {
  if (hook.error !== null) return 'failing';
  if (hook.given_up > 0) return 'given-up';
  if (hook.waiting > 0) return 'waiting';
  return hook.last_ok === null ? 'new' : 'working';
}

export const STATE_WORDS: Record<WebhookState, string> = {
  new: 'Nothing sent yet',
  working: 'Everything was taken',
  waiting: 'Being told',
  failing: 'It fails',
  'given-up': 'Something was given up',
};

/** `3 events wait · 1 was given up`; empty when there is nothing to say. */
export function webhookCounts(hook: Webhook): string {
  const parts = [];
  if (hook.waiting > 0) parts.push(hook.waiting === 1 ? '1 event waits' : `${hook.waiting} events wait`);
  if (hook.given_up > 0) parts.push(hook.given_up === 1 ? '1 was given up' : `${hook.given_up} were given up`);
  if (hook.missed > 0) parts.push(`${hook.missed} never queued, because too many waited`);
  return parts.join(' · ');
}

/** Whether trying again now can change anything. */
export function canRetry(hook: Webhook): boolean {
  return hook.given_up > 0 || (hook.waiting > 0 && hook.error !== null);
}
