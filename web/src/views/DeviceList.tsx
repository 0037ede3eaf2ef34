// The devices: what they are, where they are, and the code that shows that they are the user's own.

import { useState } from 'preact/hooks';
import { api } from '../api';
import { kindWord, makeDevice, needsVerifying, renamed } from '../profile';
import { useSession } from '../session';
import type { Device, DeviceKind, Profile } from '../types';
import { BellIcon, CheckIcon, CloseIcon, InboxIcon, LinkIcon, PhoneIcon, PlusIcon } from './icons';

interface Props {
  profile: Profile;
  saved: Profile;
  edit(profile: Profile): void;
}

/** What can be added; of some there is only one. */
const KINDS: readonly { kind: DeviceKind; once: boolean }[] = [
  { kind: 'number', once: false }, { kind: 'sip-address', once: false }, { kind: 'email', once: false },
  { kind: 'web-push', once: true }, { kind: 'sip-message', once: false }, { kind: 'webhook', once: false },
  { kind: 'registered-phone', once: true }, { kind: 'browser', once: true },
];

export function DeviceList({ profile, saved, edit }: Props) {
  const { devices } = profile;
  const kinds = KINDS.filter(({ kind, once }) => !once || !devices.some((d) => d.kind === kind));
  return (
    <>
      <ul class="devices">
        {devices.map((device, i) => (
          <DeviceRow key={i} device={device} isSaved={isSaved(device, saved)}
            rename={(name) => edit(renamed(profile, i, name))}
            change={(next) => edit({ ...profile, devices: devices.map((d, j) => (j === i ? next : d)) })}
            remove={() => edit({ ...profile, devices: devices.filter((_, j) => j !== i) })} />
        ))}
      </ul>
      <div class="actions">
        {kinds.map(({ kind }) => (
          <button key={kind} type="button" class="button ghost small" data-testid={`add-${kind}`}
            onClick={() => edit({ ...profile, devices: [...devices, makeDevice(kind, devices)] })}>
            <PlusIcon /> {kindWord(kind)}
          </button>
        ))}
      </div>
    </>
  );
}

/** A code goes to what the server knows, not to what is still being typed. */
function isSaved(device: Device, saved: Profile): boolean {
  const { verified: _, ...here } = device;
  return saved.devices.some(({ verified: __, ...there }) => JSON.stringify(there) === JSON.stringify(here));
}

interface RowProps {
  device: Device;
  isSaved: boolean;
  rename(name: string): void;
  change(device: Device): void;
  remove(): void;
}

function DeviceRow({ device, isSaved, rename, change, remove }: RowProps) {
  return (
    <li class="device" data-testid={`device-${device.name}`} data-verified={device.verified === true}>
      <span class="device-icon">{deviceIcon(device.kind)}</span>
      <label class="field field-name">
        <span>{kindWord(device.kind)}</span>
        <input value={device.name} maxLength={32} aria-label={`Name of the ${kindWord(device.kind).toLowerCase()}`}
          onInput={(event) => rename(event.currentTarget.value)} />
      </label>
      <Where device={device} change={change} />
      <button type="button" class="icon-button" aria-label={`Remove ${device.name}`} onClick={remove}><CloseIcon /></button>
      {needsVerifying(device) && <Verify device={device} isSaved={isSaved} />}
    </li>
  );
}

function Where({ device, change }: { device: Device; change(device: Device): void }) {
  const field = (label: string, value: string, placeholder: string, put: (text: string) => Device) => (
    <label class="field field-uri">
      <span>{label}</span>
      <input value={value} spellcheck={false} autocapitalize="none" data-testid={`uri-${device.name}`} placeholder={placeholder}
        onInput={(event) => change({ ...put(event.currentTarget.value.trim()), verified: false })} />
    </label>
  );
  switch (device.kind) {
    case 'sip-address':
      return field('Address', device.uri, 'sip:bob@192.0.2.7', (uri) => ({ ...device, uri }));
    case 'number':
      return field('Number', device.number, '+493012345', (number) => ({ ...device, number }));
    case 'sip-message':
      return field('Address; empty for your own phones', device.uri ?? '', 'sip:bob@192.0.2.7', (uri) => {
        const { uri: _, ...rest } = device;
        return uri === '' ? rest : { ...rest, uri };
      });
    case 'webhook':
      return field('URL', device.url, 'https://example.org/hook', (url) => ({ ...device, url }));
    case 'email':
      return (
        <>
          {field('Address', device.address, 'bob@example.org', (address) => ({ ...device, address }))}
          <label class="check small">
            <input type="checkbox" checked={device.attach === true}
              onChange={(event) => change({ ...device, attach: event.currentTarget.checked })} />
            <span>with the sound</span>
          </label>
        </>
      );
    case 'browser': case 'registered-phone': case 'web-push':
      return null;
  }
}

function Verify({ device, isSaved }: { device: Device; isSaved: boolean }) {
  const session = useSession();
  const [sent, setSent] = useState<string | null>(null);
  const [code, setCode] = useState('');
  const [wrong, setWrong] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const attempt = async (work: () => Promise<void>) => {
    setBusy(true);
    setWrong(null);
    try {
      await work();
    } catch (error) {
      setWrong(error instanceof Error ? error.message : 'That did not work.');
    }
    setBusy(false);
  };
  if (device.verified) return <p class="verify good small"><CheckIcon /> Shown to be yours</p>;
  if (!isSaved) return <p class="verify quiet small">Save the profile, then verify it. Hark does not use it before.</p>;
  return (
    <div class="verify">
      {sent === null ? (
        <button type="button" class="button ghost small" disabled={busy} data-testid={`verify-${device.name}`}
          onClick={() => void attempt(async () => setSent((await api.sendCode(device.name)).sent))}>
          {device.kind === 'number' || device.kind === 'sip-address' ? 'Call me with a code' : 'Send me a code'}
        </button>
      ) : (
        <form class="verify-code" onSubmit={(event) => {
          event.preventDefault();
          void attempt(() => session.giveCode(device.name, code));
        }}>
          <label class="field">
            <span>{sent === 'call' ? 'The phone rings: press 1 and write down the code' : 'The code that was sent'}</span>
            <input inputMode="numeric" autocomplete="one-time-code" maxLength={12} value={code} data-testid={`code-${device.name}`}
              onInput={(event) => setCode(event.currentTarget.value)} />
          </label>
          <button type="submit" class="button primary small" disabled={busy || code.trim() === ''} data-testid={`confirm-${device.name}`}>Confirm</button>
          <button type="button" class="text-button small" disabled={busy} onClick={() => setSent(null)}>Another code</button>
        </form>
      )}
      <p class={wrong ? 'error-text small' : 'quiet small'} role="status">{wrong ?? (sent === null ? 'Not verified yet: no rule uses it.' : '')}</p>
    </div>
  );
}

function deviceIcon(kind: DeviceKind) {
  switch (kind) {
    case 'browser': case 'email': case 'sip-message': return <InboxIcon />;
    case 'registered-phone': case 'sip-address': case 'number': return <PhoneIcon />;
    case 'web-push': return <BellIcon />;
    case 'webhook': return <LinkIcon />;
  }
}
