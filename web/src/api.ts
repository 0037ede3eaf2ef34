// The HTTP API. Every failure is an ApiError whose message can be shown to the user.

import type { Content, EventReport, EventRequest, Group, Retention, Schedule, Template } from './events';
import { readChatText } from './chat/read';
import type { ChatId, Page, ThreadSummary } from './chat/types';
import { readProfile } from './profile';
import { readContact, readMessage, readUser } from './protocol';
import type { EventRule, RuleBody } from './rules';
import type {
  About, Assumed, Contact, ExplainedLine, GivenUp, Me, Message, MessageId, OutboxEntry, Profile, ReceiptMail, User, UserId, Webhook,
} from './types';

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
  async me(): Promise<Me> {
    const me = await call<Me>('GET', '/api/v1/me');
    return { ...me, profile: readProfile(me.profile) };
  },
  doNotDisturb: (on: boolean) => call<unknown>('PUT', '/api/v1/me/do-not-disturb', { on }),
  async saveProfile(profile: Profile): Promise<Profile> {
    return readProfile(await call<unknown>('PUT', '/api/v1/me/profile', profile));
  },
  explainProfile: (assumed: Assumed) =>
    call<{ lines: ExplainedLine[] }>('POST', '/api/v1/me/profile/explain', assumed),
  sendCode: (device: string) =>
    call<{ sent: string; expires_seconds: number }>('POST', verifyPath(device)),
  async giveCode(device: string, code: string): Promise<Profile> {
    return readProfile(await call<unknown>('PUT', verifyPath(device), { code }));
  },
  explainMessage: (id: MessageId) => call<{ lines: ExplainedLine[] }>('GET', at(id, '/explain')),

  async contacts(): Promise<Contact[]> {
    const list = await call<unknown[]>('GET', '/api/v1/contacts');
    return list.map(readContact).filter((c) => c !== null);
  },
  async messages(folder: Folder): Promise<Message[]> {
    const list = await call<unknown[]>('GET', `/api/v1/messages?folder=${folder}`);
    return list.map(readMessage).filter((m) => m !== null);
  },
  events: () => call<EventReport[]>('GET', '/api/v1/events?limit=20'),
  announce: (event: EventRequest) =>
    call<{ id: string }>('POST', '/api/v1/events', event, { 'idempotency-key': crypto.randomUUID() }),
  schedules: () => call<Schedule[]>('GET', '/api/v1/schedules'),
  plan: (schedule: { name: string; recurrence: string; event: EventRequest }) =>
    call<unknown>('POST', '/api/v1/schedules', schedule),
  unplan: (id: number) => call<unknown>('DELETE', `/api/v1/schedules/${id}`),
  cancelEvent: (id: string) => call<void>('DELETE', `/api/v1/events/${encodeURIComponent(id)}`),
  groups: () => call<Group[]>('GET', '/api/v1/groups'),
  saveGroup: (name: string, group: { display_name: string; members: string[] }) =>
    call<void>('PUT', `/api/v1/groups/${encodeURIComponent(name)}`, group),
  deleteGroup: (name: string) => call<void>('DELETE', `/api/v1/groups/${encodeURIComponent(name)}`),
  templates: () => call<Template[]>('GET', '/api/v1/templates'),
  saveTemplate: (name: string, template: { content: Content; site: boolean }) =>
    call<void>('PUT', `/api/v1/templates/${encodeURIComponent(name)}`, template),
  deleteTemplate: (name: string, site: boolean) =>
    call<void>('DELETE', `/api/v1/templates/${encodeURIComponent(name)}?site=${site}`),
  eventRules: () => call<EventRule[]>('GET', '/api/v1/event-rules'),
  saveEventRule: (id: number | null, rule: RuleBody) => (id === null
    ? call<EventRule>('POST', '/api/v1/event-rules', rule)
    : call<EventRule>('PUT', `/api/v1/event-rules/${id}`, rule)),
  deleteEventRule: (id: number) => call<void>('DELETE', `/api/v1/event-rules/${id}`),
  retention: () => call<Retention>('GET', '/api/v1/me/retention'),
  confirm: (id: MessageId) => call<unknown>('POST', at(id, '/confirm')),

  async chats(): Promise<ThreadSummary[]> {
    const list = await call<{ with: unknown; last: unknown; unread?: number }[]>('GET', '/api/v1/chats');
    return list.flatMap((thread) => {
      const user = readUser(thread.with);
      const last = readChatText(thread.last);
      return user && last ? [{ with: user, last, unread: thread.unread ?? 0 }] : [];
    });
  },
  /** A page of a conversation; before a text, or the latest. */
  async chat(user: UserId, before: ChatId | null): Promise<Page> {
    const query = before === null ? '' : `?before=${before}`;
    const page = await call<{ messages: unknown[]; next?: number | null }>('GET', `/api/v1/chats/${user}${query}`);
    return { messages: page.messages.map(readChatText).filter((m) => m !== null), next: page.next ?? null };
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

  pushKey: () => call<{ key: string }>('GET', '/api/v1/push/key'),
  subscribe: (subscription: PushSubscriptionJSON & { device: string }) =>
    call<{ id: number }>('POST', '/api/v1/push/subscriptions', subscription),
  unsubscribe: (endpoint: string) => call<void>('DELETE', '/api/v1/push/subscriptions', { endpoint }),
  receiptMail: () => call<ReceiptMail>('GET', '/api/v1/me/receipt-mail'),
  setReceiptMail: (wish: { address: string; heard: boolean; failed: boolean }) =>
    call<{ confirmed: boolean }>('PUT', '/api/v1/me/receipt-mail', wish),
  confirmReceiptMail: (code: string) => call<void>('POST', '/api/v1/me/receipt-mail/confirm', { code }),
  deleteReceiptMail: () => call<void>('DELETE', '/api/v1/me/receipt-mail'),
  webhooks: () => call<Webhook[]>('GET', '/api/v1/webhooks'),
  addWebhook: (url: string, about: About) =>
    call<{ id: number; secret: string }>('POST', '/api/v1/webhooks', { url, about }),
  deleteWebhook: (id: number) => call<void>('DELETE', `/api/v1/webhooks/${id}`),
  pingWebhook: (id: number) => call<{ ok: boolean; error: string | null }>('POST', `/api/v1/webhooks/${id}/ping`),
  profileWebhookSecret: () => call<{ secret: string }>('POST', '/api/v1/webhooks/profile-secret'),
  givenUp: (id: number) => call<GivenUp[]>('GET', `/api/v1/webhooks/${id}/given-up`),
  retryWebhook: (id: number) => call<{ events: number }>('POST', `/api/v1/webhooks/${id}/retry`),
};

function at(id: MessageId, what = ''): string {
  return `/api/v1/messages/${encodeURIComponent(id)}${what}`;
}

function verifyPath(device: string): string {
  return `/api/v1/me/devices/${encodeURIComponent(device)}/verify`;
}

async function call<T>(method: string, path: string, body?: unknown, more: Record<string, string> = {}): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      credentials: 'same-origin',
      cache: 'no-store',
      headers: body === undefined ? more : { 'content-type': 'application/json', ...more },
      body: body === undefined ? null : JSON.stringify(body),
    });
  } catch {
    throw unreachable();
  }
  const text = await response.text();
  if (response.ok) return parse(text) as T;
  throw refusal(response.status, text, response.headers.get('retry-after'));
}

/** The error that an answer tells of (RFC 9457). */
export function refusal(status: number, text: string, retryAfter: string | null): ApiError {
  const problem = parse(text) as { code?: unknown; detail?: unknown; mend?: unknown } | null;
  const detail = typeof problem?.detail === 'string' ? sentence(problem.detail) : explain(status);
  const code = typeof problem?.code === 'string' ? problem.code : `http-${status}`;
  // Of a malformed request the detail says what is wrong; its mend speaks to programmers.
  const mends = typeof problem?.mend === 'string' && status !== 401 && code !== 'malformed';
  const mend = mends ? ` ${sentence(problem?.mend as string)}` : '';
  const retry = Number.parseInt(retryAfter ?? '', 10);
  return new ApiError(status, code, detail + mend, Number.isFinite(retry) ? retry : null);
}

function sentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

/** Sends a recording in a file up; `to` are names, nobody where the file itself says to whom. */
export function upload(
  file: Blob, to: readonly string[], key: string, progress: (part: number) => void,
): { done: Promise<void>; abort: () => void } {
  const query = to.map((name) => `to=${encodeURIComponent(name)}`).join('&');
  // fetch() tells nothing of how much was sent.
  const request = new XMLHttpRequest();
  const done = new Promise<void>((resolve, reject) => {
    request.upload.onprogress = (event) => {
      if (event.lengthComputable && event.total > 0) progress(event.loaded / event.total);
    };
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve();
      else reject(refusal(request.status, request.responseText, request.getResponseHeader('retry-after')));
    };
    request.onerror = () => reject(unreachable());
    request.onabort = () => reject(new ApiError(0, 'aborted', 'The file was not sent.'));
    request.open('POST', `/api/v1/messages${query ? `?${query}` : ''}`);
    request.setRequestHeader('content-type', 'application/octet-stream');
    request.setRequestHeader('idempotency-key', key);
    request.send(file);
  });
  return { done, abort: () => request.abort() };
}

function unreachable(): ApiError {
  return new ApiError(0, 'unreachable', 'The server can’t be reached. Check the network and try again.');
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
