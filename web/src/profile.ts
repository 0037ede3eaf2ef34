// Editing a profile: pure steps, and what the server would refuse.

import type { Act, Device, DeviceKind, Profile, Reached, Ring, Rule, When } from './types';

export const RING_DEFAULTS: Omit<Ring, 'device'> = { attempts: 3, retry_secs: 60, ring_secs: 30 };

export type ActKind = 'pop-up' | 'ring' | 'notify' | 'wait' | 'escalate' | 'stop' | 'all';

export const PRESENCES: readonly [Reached, string][] = [
  ['present', 'present'], ['absent', 'absent'], ['away', 'away'], ['busy', 'in a call'],
  ['do-not-disturb', 'do not disturb'],
];

// ---- reading ----

/** A profile as the server gives it, with every list a list; older ones have single items. */
export function readProfile(value: unknown): Profile {
  const raw = (value ?? {}) as Record<string, unknown>;
  const profile: Profile = {
    devices: list<Device>(raw.devices),
    zone: typeof raw.zone === 'string' ? raw.zone : 'UTC',
    calls_per_hour: typeof raw.calls_per_hour === 'number' ? raw.calls_per_hour : 12,
    rules: list<Record<string, unknown>>(raw.rules).map(readRule),
  };
  if (Array.isArray(raw.groups)) profile.groups = raw.groups as NonNullable<Profile['groups']>;
  if (raw.quiet_hours) profile.quiet_hours = raw.quiet_hours as NonNullable<Profile['quiet_hours']>;
  return profile;
}

function readRule(raw: Record<string, unknown>): Rule {
  const rule: Rule = { when: readWhen(raw.when), do: list(raw.do).map(readAct) };
  return raw.go_on === true ? { ...rule, go_on: true } : rule;
}

function readWhen(raw: unknown): When {
  if (typeof raw === 'string') return raw === 'always' ? {} : { presence: [raw as Reached] };
  return (raw ?? {}) as When;
}

function readAct(raw: unknown): Act {
  if (typeof raw !== 'object' || raw === null) return raw as Act;
  const act = raw as Record<string, Record<string, unknown>>;
  if (act.ring) return { ring: { ...RING_DEFAULTS, ...act.ring, device: list<string>(act.ring.device) } };
  if (act.notify) return { notify: { device: list<string>(act.notify.device) } };
  if (act.all) return { all: list(act.all).map(readAct) };
  return raw as Act;
}

function list<T>(value: unknown): T[] {
  if (value === undefined || value === null) return [];
  return (Array.isArray(value) ? value : [value]) as T[];
}

// ---- devices ----

export const RINGS: readonly DeviceKind[] = ['registered-phone', 'sip-address', 'number'];
export const TOLD: readonly DeviceKind[] = ['email', 'web-push', 'sip-message', 'webhook'];

/** Devices that can ring. */
export function phones(devices: readonly Device[]): Device[] {
  return devices.filter((d) => RINGS.includes(d.kind));
}

/** Devices that are told of a message without ringing. */
export function told(devices: readonly Device[]): Device[] {
  return devices.filter((d) => TOLD.includes(d.kind));
}

/** Whether its owner has to show that it is theirs. */
export function needsVerifying(device: Device): boolean {
  switch (device.kind) {
    case 'sip-address': case 'number': case 'email': return true;
    case 'sip-message': return device.uri !== undefined;
    case 'browser': case 'registered-phone': case 'web-push': case 'webhook': return false;
  }
}

export function makeDevice(kind: DeviceKind, devices: readonly Device[]): Device {
  const name = (wish: string) => freeName(devices, wish);
  switch (kind) {
    case 'browser': return { name: name('browser'), kind };
    case 'registered-phone': return { name: name('phone'), kind };
    case 'sip-address': return { name: name('desk'), kind, uri: 'sip:' };
    case 'number': return { name: name('mobile'), kind, number: '+' };
    case 'sip-message': return { name: name('chat'), kind };
    case 'email': return { name: name('mail'), kind, address: '' };
    case 'web-push': return { name: name('push'), kind };
    case 'webhook': return { name: name('hook'), kind, url: 'https://' };
  }
}

export function kindWord(kind: DeviceKind): string {
  switch (kind) {
    case 'browser': return 'Browser';
    case 'registered-phone': return 'Registered phone';
    case 'sip-address': return 'Phone at a SIP address';
    case 'number': return 'Phone number';
    case 'sip-message': return 'SIP text client';
    case 'email': return 'E-mail';
    case 'web-push': return 'Push';
    case 'webhook': return 'Webhook';
  }
}

/** A device under a new name: the rules that use it follow. */
export function renamed(profile: Profile, at: number, name: string): Profile {
  const old = profile.devices[at]?.name;
  const names = (device: string[]) => device.map((d) => (d === old && old !== '' ? name : d));
  const follow = (act: Act): Act => {
    if (typeof act === 'string') return act;
    if ('ring' in act) return { ring: { ...act.ring, device: names(act.ring.device) } };
    if ('notify' in act) return { notify: { device: names(act.notify.device) } };
    if ('all' in act) return { all: act.all.map(follow) };
    return act;
  };
  return {
    ...profile,
    devices: profile.devices.map((d, i) => (i === at ? { ...d, name } : d)),
    rules: profile.rules.map((rule) => ({ ...rule, do: rule.do.map(follow) })),
  };
}

/** A name that no device has yet. */
export function freeName(devices: readonly Device[], wish: string): string {
  const taken = new Set(devices.map((d) => d.name));
  if (!taken.has(wish)) return wish;
  for (let n = 2; ; n += 1) if (!taken.has(`${wish}${n}`)) return `${wish}${n}`;
}

// ---- rules ----

export function actKind(act: Act): ActKind {
  if (typeof act === 'string') return act;
  if ('ring' in act) return 'ring';
  if ('notify' in act) return 'notify';
  if ('wait' in act) return 'wait';
  if ('escalate' in act) return 'escalate';
  return 'all';
}

export function makeAct(kind: ActKind, devices: readonly Device[]): Act {
  switch (kind) {
    case 'pop-up': case 'stop': return kind;
    case 'ring': return { ring: { device: names(phones(devices)), ...RING_DEFAULTS } };
    case 'notify': return { notify: { device: names(told(devices)) } };
    case 'wait': return { wait: { secs: 300 } };
    case 'escalate': return { escalate: { to: '' } };
    case 'all': return { all: ['pop-up'] };
  }
}

function names(devices: readonly Device[]): string[] {
  return devices.slice(0, 1).map((d) => d.name);
}

/** The list with the item at `from` moved by `by` places; unchanged at its ends. */
export function moved<T>(list: readonly T[], from: number, by: number): T[] {
  const to = from + by;
  const next = [...list];
  const item = next[from];
  if (item === undefined || to < 0 || to >= next.length) return next;
  next.splice(from, 1);
  next.splice(to, 0, item);
  return next;
}

/** A condition with one part changed; what is empty is left out. */
export function withPart(when: When, part: Partial<{ [K in keyof When]: When[K] | undefined }>): When {
  const next: Record<string, unknown> = { ...when, ...part };
  for (const [key, value] of Object.entries(next)) {
    if (value === undefined || (Array.isArray(value) && value.length === 0)) delete next[key];
  }
  return next as When;
}

/** `a, b ,c` as a list. */
export function splitList(text: string): string[] {
  return text.split(/[,;]/).map((part) => part.trim()).filter((part) => part !== '');
}

// ---- what stands against it ----

const HOURS = /^((mon|tue|wed|thu|fri|sat|sun)[a-z]*([,-](mon|tue|wed|thu|fri|sat|sun)[a-z]*)*)?\s*(\d{1,2}(:\d\d)?-\d{1,2}(:\d\d)?)?$/i;

/** What stands against saving it, each in a sentence; empty when nothing does. */
export function problems(profile: Profile): string[] {
  const found: string[] = [];
  const seen = new Set<string>();
  for (const device of profile.devices) {
    const length = [...device.name].length;
    if (length < 1 || length > 32) found.push('Each device needs a name of 1 to 32 characters.');
    else if (seen.has(device.name)) found.push(`Two devices are called “${device.name}”.`);
    seen.add(device.name);
    const wrong = deviceProblem(device);
    if (wrong) found.push(`“${device.name}” needs ${wrong}.`);
  }
  const quiet = profile.quiet_hours;
  if (quiet && (quiet.hours.length === 0 || !quiet.hours.every(isHours))) {
    found.push('Write quiet hours like 22:00-6:00 or sat,sun 0:00-9:00.');
  }
  if (!within(profile.calls_per_hour, 1, 60)) found.push('Allow 1 to 60 calls an hour.');
  profile.rules.forEach((rule, i) => {
    const say = (text: string) => found.push(`Rule ${i + 1}: ${text}`);
    if (rule.when.hours && !rule.when.hours.every(isHours)) say('write hours like mon-fri 9:00-18:00.');
    if (rule.when.unheard_secs !== undefined && !within(rule.when.unheard_secs, 1, 604_800)) say('unheard for 1 second to 7 days.');
    if (rule.do.length === 0) say('say what to do.');
    rule.do.forEach((act) => actProblems(act, profile, say));
  });
  return [...new Set(found)];
}

function actProblems(act: Act, profile: Profile, say: (text: string) => void): void {
  if (typeof act === 'string') return;
  if ('ring' in act) {
    const { device, attempts, retry_secs, ring_secs } = act.ring;
    const ringable = new Set(phones(profile.devices).map((d) => d.name));
    if (device.length === 0) say('choose a phone to ring.');
    else if (!device.every((d) => ringable.has(d))) say('it rings a phone that is not in the list.');
    if (!within(attempts, 1, 10)) say('try 1 to 10 times.');
    if (!within(ring_secs, 5, 120)) say('let it ring 5 to 120 seconds.');
    if (!within(retry_secs, 1, 86_400)) say('wait 1 second to 1 day between two tries.');
  } else if ('notify' in act) {
    const known = new Set(told(profile.devices).map((d) => d.name));
    if (act.notify.device.length === 0) say('choose what to tell.');
    else if (!act.notify.device.every((d) => known.has(d))) say('it tells a device that is not in the list.');
  } else if ('wait' in act) {
    if (!within(act.wait.secs, 1, 604_800)) say('wait 1 second to 7 days.');
  } else if ('escalate' in act) {
    if (act.escalate.to.trim() === '') say('name a user to pass it on to.');
  } else {
    act.all.forEach((one) => actProblems(one, profile, say));
  }
}

function deviceProblem(device: Device): string | null {
  switch (device.kind) {
    case 'sip-address': return isSipUri(device.uri) ? null : 'an address like sip:bob@192.0.2.7';
    case 'sip-message':
      return device.uri === undefined || isSipUri(device.uri) ? null : 'an address like sip:bob@192.0.2.7';
    case 'number':
      return /^\+?[0-9*#]{2,31}$/.test(device.number.replace(/[ \-./()]/g, '')) ? null : 'a number like +493012345';
    case 'email': return /^[^@\s<>"]+@[^@\s<>"]+$/.test(device.address) ? null : 'an address like bob@example.org';
    case 'webhook': return /^https?:\/\/[^/\s]+/.test(device.url) ? null : 'an address like https://example.org/hook';
    case 'browser': case 'registered-phone': case 'web-push': return null;
  }
}

function isHours(text: string): boolean {
  return text.trim() !== '' && HOURS.test(text.trim());
}

/** What the server takes for an address: printable, and nothing that ends it early. */
function isSipUri(uri: string): boolean {
  return uri.length <= 256 && /^sips?:[!#-;=?-~]+$/.test(uri);
}

function within(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}
