// Editing a profile: pure steps, and what the server would refuse.

import type { Act, Device, Profile, Ring, Rule } from './types';

export const RING_DEFAULTS: Omit<Ring, 'device'> = { attempts: 3, retry_secs: 60, ring_secs: 30 };

export type ActKind = 'pop-up' | 'ring' | 'stop';

export function actKind(act: Act): ActKind {
  return typeof act === 'string' ? act : 'ring';
}

/** Devices that can ring. */
export function phones(devices: readonly Device[]): Device[] {
  return devices.filter((d) => d.kind !== 'browser');
}

export function makeAct(kind: ActKind, devices: readonly Device[]): Act {
  if (kind !== 'ring') return kind;
  return { ring: { device: phones(devices)[0]?.name ?? '', ...RING_DEFAULTS } };
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

/** A device under a new name: the rules that ring it follow. */
export function renamed(profile: Profile, at: number, name: string): Profile {
  const old = profile.devices[at]?.name;
  return {
    devices: profile.devices.map((d, i) => (i === at ? { ...d, name } : d)),
    rules: profile.rules.map((rule) => follow(rule, old, name)),
  };
}

function follow(rule: Rule, old: string | undefined, name: string): Rule {
  if (typeof rule.do === 'string' || old === undefined || old === '' || rule.do.ring.device !== old) return rule;
  return { ...rule, do: { ring: { ...rule.do.ring, device: name } } };
}

/** A name that no device has yet. */
export function freeName(devices: readonly Device[], wish: string): string {
  const taken = new Set(devices.map((d) => d.name));
  if (!taken.has(wish)) return wish;
  for (let n = 2; ; n += 1) if (!taken.has(`${wish}${n}`)) return `${wish}${n}`;
}

/** What stands against saving it, each in a sentence; empty when nothing does. */
export function problems(profile: Profile): string[] {
  const found: string[] = [];
  const seen = new Set<string>();
  for (const device of profile.devices) {
    const length = [...device.name].length;
    if (length < 1 || length > 32) found.push('Each device needs a name of 1 to 32 characters.');
    else if (seen.has(device.name)) found.push(`Two devices are called “${device.name}”.`);
    seen.add(device.name);
    if (device.kind === 'sip-address' && !isSipUri(device.uri)) {
      found.push(`“${device.name}” needs an address like sip:bob@192.0.2.7.`);
    }
  }
  const ringable = new Set(phones(profile.devices).map((d) => d.name));
  profile.rules.forEach((rule, i) => {
    if (typeof rule.do === 'string') return;
    const { device, attempts, retry_secs, ring_secs } = rule.do.ring;
    if (!ringable.has(device)) found.push(`Rule ${i + 1} rings a phone that is not in the list.`);
    if (!within(attempts, 1, 10)) found.push(`Rule ${i + 1}: try 1 to 10 times.`);
    if (!within(ring_secs, 5, 120)) found.push(`Rule ${i + 1}: let it ring 5 to 120 seconds.`);
    if (!within(retry_secs, 1, 86_400)) found.push(`Rule ${i + 1}: wait 1 second to 1 day between two tries.`);
  });
  return [...new Set(found)];
}

/** What the server takes for an address: printable, and nothing that ends it early. */
function isSipUri(uri: string): boolean {
  return uri.length <= 256 && /^sips?:[!#-;=?-~]+$/.test(uri);
}

function within(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}
