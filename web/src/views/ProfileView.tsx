// Where messages find their recipient: devices, and rules from the first to the last.

import { useEffect, useState } from 'preact/hooks';
import { askNotificationPermission, notificationPermission } from '../notify';
import { freeName, problems, renamed } from '../profile';
import { useApp, useSession } from '../session';
import type { Device, Profile } from '../types';
import { BellIcon, CloseIcon, PhoneIcon, PlusIcon, InboxIcon } from './icons';
import { RuleList } from './RuleList';
import { Storage } from './Storage';

export function ProfileView() {
  const session = useSession();
  const me = useApp((s) => s.me);
  const saved = me?.profile;
  const [draft, setDraft] = useState<Profile | null>(saved ?? null);
  const [status, setStatus] = useState<{ good: boolean; text: string } | null>(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => setDraft(saved ?? null), [saved]);
  if (!me || !draft) return null;

  const wrong = problems(draft);
  const dirty = JSON.stringify(draft) !== JSON.stringify(saved);
  const edit = (next: Profile) => {
    setStatus(null);
    setDraft(next);
  };
  const save = async () => {
    setBusy(true);
    try {
      await session.saveProfile(draft);
      setStatus({ good: true, text: 'Saved.' });
    } catch (error) {
      setStatus({ good: false, text: error instanceof Error ? error.message : 'It could not be saved.' });
    }
    setBusy(false);
  };

  return (
    <section class="pane pane-profile" aria-labelledby="profile-title" data-testid="profile">
      <header class="pane-head">
        <h2 id="profile-title">Profile</h2>
        <a class="icon-button" href="#/inbox" aria-label="Close the profile"><CloseIcon /></a>
      </header>
      <div class="profile">
        <div class="card block">
          <h3>{me.user.display_name}</h3>
          <p class="quiet">
            Your number is <strong>{me.user.extension}</strong>; by SIP, <strong>{me.user.name}@{me.domain}</strong>.
            From your phone, *97 plays your messages and *98 says who is online.
          </p>
          <Notifications />
          <label class="check">
            <input type="checkbox" data-testid="do-not-disturb" checked={me.do_not_disturb}
              onChange={(event) => void session.doNotDisturb(event.currentTarget.checked)} />
            <span>Do not disturb: nothing rings or pops up, messages wait.</span>
          </label>
        </div>
        <Storage />
        <div class="card block">
          <h3>When a message comes</h3>
          <p class="quiet small">Tried from the first to the last, until one reaches you. Present means that Hark is open in a browser. A message waits in the inbox in any case.</p>
          <RuleList profile={draft} edit={edit} />
        </div>
        <div class="card block">
          <h3>Devices</h3>
          <ul class="devices">
            {draft.devices.map((device, i) => (
              <DeviceRow key={i} device={device}
                rename={(name) => edit(renamed(draft, i, name))}
                change={(next) => edit({ ...draft, devices: draft.devices.map((d, j) => (j === i ? next : d)) })}
                remove={() => edit({ ...draft, devices: draft.devices.filter((_, j) => j !== i) })} />
            ))}
          </ul>
          <div class="actions">
            <button type="button" class="button ghost" data-testid="add-sip" onClick={() => edit({
              ...draft,
              devices: [...draft.devices, { name: freeName(draft.devices, 'mobile'), kind: 'sip-address', uri: 'sip:' }],
            })}><PlusIcon /> SIP address</button>
            {!draft.devices.some((d) => d.kind === 'registered-phone') && (
              <button type="button" class="button ghost" onClick={() => edit({
                ...draft,
                devices: [...draft.devices, { name: freeName(draft.devices, 'phone'), kind: 'registered-phone' }],
              })}><PlusIcon /> Registered phone</button>
            )}
            {!draft.devices.some((d) => d.kind === 'browser') && (
              <button type="button" class="button ghost" onClick={() => edit({
                ...draft,
                devices: [...draft.devices, { name: freeName(draft.devices, 'browser'), kind: 'browser' }],
              })}><PlusIcon /> Browser</button>
            )}
          </div>
        </div>
        <div class={`save-bar card${dirty ? ' is-dirty' : ''}`} role="group" aria-label="Save the profile">
          <p role="status" data-testid="profile-status" class={wrong.length > 0 || status?.good === false ? 'error-text' : 'quiet'}>
            {wrong[0] ?? status?.text ?? (dirty ? 'Not saved yet.' : 'Everything is saved.')}
          </p>
          <button type="button" class="button ghost" disabled={!dirty || busy} onClick={() => edit(me.profile)}>Undo</button>
          <button type="button" class="button primary" data-testid="profile-save" disabled={!dirty || busy || wrong.length > 0}
            onClick={() => void save()}>Save</button>
        </div>
      </div>
    </section>
  );
}

interface DeviceRowProps {
  device: Device;
  rename(name: string): void;
  change(device: Device): void;
  remove(): void;
}

function DeviceRow({ device, rename, change, remove }: DeviceRowProps) {
  return (
    <li class="device">
      <span class="device-icon">{device.kind === 'browser' ? <InboxIcon /> : <PhoneIcon />}</span>
      <label class="field field-name">
        <span>{kindWord(device)}</span>
        <input value={device.name} maxLength={32} aria-label={`Name of the ${kindWord(device).toLowerCase()}`}
          onInput={(event) => rename(event.currentTarget.value)} />
      </label>
      {device.kind === 'sip-address' && (
        <label class="field field-uri">
          <span>Address</span>
          <input value={device.uri} inputMode="email" spellcheck={false} autocapitalize="none" data-testid={`uri-${device.name}`}
            placeholder="sip:bob@192.0.2.7" onInput={(event) => change({ ...device, uri: event.currentTarget.value.trim() })} />
        </label>
      )}
      <button type="button" class="icon-button" aria-label={`Remove ${device.name}`} onClick={remove}><CloseIcon /></button>
    </li>
  );
}

function Notifications() {
  const [permission, setPermission] = useState(notificationPermission());
  switch (permission) {
    case 'granted':
      return <p class="quiet small">Desktop notifications are on while this tab is hidden.</p>;
    case 'denied':
      return <p class="quiet small">Desktop notifications are blocked in the browser’s settings for this site.</p>;
    case 'unsupported':
      return null;
    case 'default':
      return (
        <div class="actions">
          <button type="button" class="button ghost" onClick={() => void askNotificationPermission().then(setPermission)}>
            <BellIcon /> Notify me while the tab is hidden
          </button>
        </div>
      );
  }
}

function kindWord(device: Device): string {
  switch (device.kind) {
    case 'browser': return 'Browser';
    case 'registered-phone': return 'Registered phone';
    case 'sip-address': return 'SIP address';
  }
}
