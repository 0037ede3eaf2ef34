// The HTTP API. Every failure is an ApiError whose message can be shown to the user.

import { readContact, readMessage } from './protocol';
import type { Contact, Me, Message, MessageId, OutboxEntry, Profile, User, UserId } from './types';

export class ApiError extends Error {
  override readonly name = 'ApiError';
  constructor(
    /** The HTTP status; 0 when the server could not be reached. */
    readonly status: number,
    readonly code: string,
    message: string,
    /** Seconds after which another try makes sense, where the server said so. */
    readonly retryAfter: number | null = null,
  ) {
    super(message);
  }
}

export type Folder = 'inbox' | 'saved';

export const api = {
  session: () => call<unknown>('GET', '/api/v1/session'),
  signIn: (name: string, password: string) =>
    call<{ user: User }>('POST', '/api/v1/session', { name, password }),
  signOut: () => call<void>('DELETE', '/api/v1/session'),
  me: () => call<Me>('GET', '/api/v1/me'),
  doNotDisturb: (on: boolean) => call<unknown>('PUT', '/api/v1/me/do-not-disturb', { on }),
  saveProfile: (profile: Profile) => call<unknown>('PUT', '/api/v1/me/profile', profile),

  async contacts(): Promise<Contact[]> {
    const list = await call<unknown[]>('GET', '/api/v1/contacts');
    return list.map(readContact).filter((c) => c !== null);
  },
  async messages(folder: Folder): Promise<Message[]> {
    const list = await call<unknown[]>('GET', `/api/v1/messages?folder=${folder}`);
    return list.map(readMessage).filter((m) => m !== null);
  },
  recordByPhone: (to: UserId[], device: string) =>
    call<unknown>('POST', '/api/v1/calls', { kind: 'record', to, device }),
  playByPhone: (message: MessageId, device: string) =>
    call<unknown>('POST', '/api/v1/calls', { kind: 'play', message, device }),
  calls: () => call<unknown[]>('GET', '/api/v1/calls'),
  cancelCall: (id: string) => call<unknown>('DELETE', `/api/v1/calls/${encodeURIComponent(id)}`),
  outbox: () => call<OutboxEntry[]>('GET', '/api/v1/outbox'),

  heard: (id: MessageId, heard_ms: number) => call<unknown>('POST', at(id, '/heard'), { heard_ms }),
  save: (id: MessageId) => call<unknown>('POST', at(id, '/save')),
  remove: (id: MessageId) => call<unknown>('DELETE', at(id)),
  share: (id: MessageId) => call<{ url: string }>('POST', at(id, '/link')),
  revoke: (id: MessageId) => call<unknown>('DELETE', at(id, '/link')),
};

function at(id: MessageId, what = ''): string {
  return `/api/v1/messages/${encodeURIComponent(id)}${what}`;
}

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      credentials: 'same-origin',
      cache: 'no-store',
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
    });
  } catch {
    throw new ApiError(0, 'unreachable', 'The server can’t be reached. Check the network and try again.');
  }
  const text = await response.text();
  const value = parse(text);
  if (response.ok) return value as T;
  const error = (value as { error?: { code?: string; message?: string } } | null)?.error;
  const retry = Number.parseInt(response.headers.get('retry-after') ?? '', 10);
  throw new ApiError(
    response.status,
    error?.code ?? `http-${response.status}`,
    error?.message ?? explain(response.status),
    Number.isFinite(retry) ? retry : null,
  );
}

function parse(text: string): unknown {
  try {
    return text === '' ? null : JSON.parse(text);
  } catch {
    return null;
  }
}

function explain(status: number): string {
  switch (status) {
    case 401: return 'You are signed out. Sign in again.';
    case 403: return 'The server refused this.';
    case 404: return 'That is no longer there.';
    case 410: return 'That has expired.';
    case 429: return 'Too many tries. Wait a little.';
    case 503: return 'The server is busy or its storage can’t be reached. Try again shortly.';
    case 507: return 'The server’s disk is full. Nothing was kept.';
    default: return `The server answered ${status}.`;
  }
}
