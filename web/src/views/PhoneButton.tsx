// Has Hark ring a telephone of one's own. With several of them, the one is chosen first.

import { useState } from 'preact/hooks';
import { isOver } from '../state';
import { useApp } from '../session';
import type { Device } from '../types';
import { PhoneIcon } from './icons';

interface Props {
  what: string;
  testid: string;
  disabled?: boolean;
  order(device: string): void;
}

const NOBODY: Device[] = [];

export function PhoneButton({ what, testid, disabled = false, order }: Props) {
  const devices = useApp((s) => s.me?.profile.devices ?? NOBODY);
  const busy = useApp((s) => s.call !== null && !isOver(s.call));
  const phones = devices.filter(rings);
  const [chosen, choose] = useState('');
  const first = phones[0];
  if (!first) return null;
  const device = phones.some((phone) => phone.name === chosen) ? chosen : first.name;
  return (
    <span class="phone-choice">
      <button type="button" class="button ghost" data-testid={testid} disabled={disabled || busy} onClick={() => order(device)}>
        <PhoneIcon /> {what}
      </button>
      {phones.length > 1 && (
        <select class="small" aria-label={`${what}: which telephone`} data-testid={`${testid}-device`} value={device}
          onChange={(event) => choose(event.currentTarget.value)}>
          {phones.map((phone) => <option key={phone.name} value={phone.name}>{phone.name}</option>)}
        </select>
      )}
    </span>
  );
}

/** What Hark can call: telephones, and of numbers and addresses those that were shown to be one's own. */
function rings(device: Device): boolean {
  if (device.kind === 'registered-phone') return true;
  return (device.kind === 'sip-address' || device.kind === 'number') && device.verified === true;
}
