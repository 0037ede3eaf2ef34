// Notifications while Hark is not open: this browser's subscription to Web Push.

import { api, ApiError } from './api';

export type PushState = 'on' | 'off' | 'blocked' | 'unsupported' | 'insecure';

/** Why notifications can't be turned on, in words for the user. */
export class PushError extends Error {
  override readonly name = 'PushError';
}

function supported(): boolean {
  return 'serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window;
}

/** How long the browser's push service has: where it can't be reached, some browsers wait for ever. */
const SUBSCRIBE_WITHIN_MS = 15_000;

/** How it stands in this browser. */
export async function pushState(): Promise<PushState> {
  if (!isSecureContext) return 'insecure';
  if (!supported()) return 'unsupported';
  if (Notification.permission === 'denied') return 'blocked';
  return (await subscription()) ? 'on' : 'off';
}

/** Asks for permission, subscribes, and tells the server. */
export async function turnPushOn(): Promise<void> {
  const { key } = await api.pushKey();
  if ((await Notification.requestPermission()) !== 'granted') {
    throw new PushError('The browser was not allowed to show notifications.');
  }
  const registration = await navigator.serviceWorker.register('/sw.js');
  await navigator.serviceWorker.ready;
  const fresh = await subscribe(registration, fromBase64Url(key));
  try {
    await api.subscribe({ ...fresh.toJSON(), device: browserName(navigator.userAgent) });
  } catch (error) {
    // A subscription that the server does not know would look as if it were on.
    await fresh.unsubscribe();
    throw error;
  }
}

/** Nothing is shown in this browser any more, unless Hark is open. */
export async function turnPushOff(): Promise<void> {
  const old = await subscription();
  if (!old) return;
  await api.unsubscribe(old.endpoint);
  await old.unsubscribe();
}

/** Whoever signs out is not notified here any more. That nothing was on is fine. */
export async function forgetPush(): Promise<void> {
  try {
    if (supported()) await turnPushOff();
  } catch (error) {
    // Signing out goes before; a browser that is gone is forgotten at the next push.
    if (!(error instanceof ApiError)) console.warn('notifications stay on', error);
  }
}

/** A message that was heard or deleted is notified no more. */
export async function withdrawNotification(id: string): Promise<void> {
  if (!supported()) return;
  const registration = await navigator.serviceWorker.getRegistration('/');
  const shown = (await registration?.getNotifications({ tag: id })) ?? [];
  for (const one of shown) one.close();
}

async function subscription(): Promise<PushSubscription | null> {
  const registration = await navigator.serviceWorker.getRegistration('/');
  return (await registration?.pushManager.getSubscription()) ?? null;
}

async function subscribe(registration: ServiceWorkerRegistration, key: Uint8Array<ArrayBuffer>): Promise<PushSubscription> {
  const options = { userVisibleOnly: true, applicationServerKey: key };
  try {
    // One for another key can't be used, and stands in the way.
    const old = await registration.pushManager.getSubscription();
    if (old && !sameKey(old.options.applicationServerKey, key)) await old.unsubscribe();
    return await within(SUBSCRIBE_WITHIN_MS, registration.pushManager.subscribe(options));
  } catch (error) {
    if (error instanceof DOMException && error.name === 'NotAllowedError') {
      throw new PushError('The browser was not allowed to show notifications.');
    }
    throw new PushError('The browser’s own push service can’t be reached: notifications can’t be turned on now.');
  }
}

function within(ms: number, asked: Promise<PushSubscription>): Promise<PushSubscription> {
  return new Promise((resolve, reject) => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      reject(new Error('too late'));
    }, ms);
    asked.then((subscription) => {
      clearTimeout(timer);
      // The user was told that it is off.
      if (late) void subscription.unsubscribe();
      else resolve(subscription);
    }, reject);
  });
}

function sameKey(old: ArrayBuffer | null, key: Uint8Array): boolean {
  if (!old || old.byteLength !== key.length) return false;
  return new Uint8Array(old).every((byte, i) => byte === key[i]);
}

export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(binary, (c) => c.charCodeAt(0));
}

/** What people call this browser, as far as it tells. */
export function browserName(agent: string): string {
  const browser = [['Edg/', 'Edge'], ['OPR/', 'Opera'], ['Firefox/', 'Firefox'], ['Chrome/', 'Chrome'], ['Safari/', 'Safari']]
    .find(([mark]) => agent.includes(mark ?? ''))?.[1] ?? 'Browser';
  const system = [['Android', 'Android'], ['iPhone', 'iPhone'], ['iPad', 'iPad'], ['Windows', 'Windows'], ['Mac OS', 'macOS'], ['Linux', 'Linux']]
    .find(([mark]) => agent.includes(mark ?? ''))?.[1];
  return system ? `${browser} on ${system}` : browser;
}
