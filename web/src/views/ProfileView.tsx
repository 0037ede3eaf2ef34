// Where messages find their recipient: devices, and rules from the first to the last.

import { useEffect, useState } from 'preact/hooks';
import { askNotificationPermission, notificationPermission } from '../notify';
import { problems } from '../profile';
import { useApp, useSession } from '../session';
import type { Group, Profile } from '../types';
import { DeviceList } from './DeviceList';
import { DryRun } from './DryRun';
import { BellIcon, CloseIcon, PlusIcon } from './icons';
import { OutwardSettings } from './OutwardSettings';
import { ListField, RuleList } from './RuleList';
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
          <p class="quiet small">Tried from the first to the last, until one reaches you: a pop-up was seen, a call was confirmed by key, or a device was told. Present means that Hark is open in a browser. A message waits in the inbox in any case.</p>
          <RuleList profile={draft} edit={edit} />
        </div>
        <div class="card block">
          <h3>Devices</h3>
          <p class="quiet small">A number, an address or a mailbox is used once you have shown by a code that it is yours.</p>
          <DeviceList profile={draft} saved={me.profile} edit={edit} />
        </div>
        <div class="card block">
          <h3>Quiet hours and limits</h3>
          <p class="quiet small">In quiet hours nothing rings, and push and text messages wait; mail and pop-ups on an open page do not.</p>
          <QuietHours profile={draft} edit={edit} />
        </div>
        <div class="card block">
          <h3>Groups of senders</h3>
          <Groups profile={draft} edit={edit} />
        </div>
        <div class="card block">
          <h3>Try it</h3>
          <p class="quiet small">Nothing rings and nothing is sent: these are the steps that Hark would take.</p>
          <DryRun profile={draft} />
        </div>
        <OutwardSettings />
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

interface PartProps {
  profile: Profile;
  edit(profile: Profile): void;
}

function QuietHours({ profile, edit }: PartProps) {
  const quiet = profile.quiet_hours;
  const put = (hours: string[], urgent_passes: boolean) => {
    const { quiet_hours: _, ...rest } = profile;
    edit(hours.length === 0 ? rest : { ...rest, quiet_hours: { hours, urgent_passes } });
  };
  return (
    <div class="quiet-hours">
      <ListField label="Quiet hours" aria="Quiet hours" placeholder="22:00-7:00; sat,sun 0:00-9:00" separator=";" value={quiet?.hours}
        change={(hours) => put(hours, quiet?.urgent_passes === true)} />
      <label class="field"><span>Time zone</span>
        <input value={profile.zone} placeholder="Europe/Berlin" spellcheck={false} aria-label="Time zone"
          onInput={(event) => edit({ ...profile, zone: event.currentTarget.value.trim() })} /></label>
      <label class="field"><span>Calls an hour, at most</span>
        <input type="number" min={1} max={60} value={profile.calls_per_hour} aria-label="Calls an hour"
          onInput={(event) => edit({ ...profile, calls_per_hour: event.currentTarget.valueAsNumber || 0 })} /></label>
      {quiet && (
        <label class="check">
          <input type="checkbox" checked={quiet.urgent_passes === true}
            onChange={(event) => put(quiet.hours, event.currentTarget.checked)} />
          <span>What is urgent rings all the same</span>
        </label>
      )}
    </div>
  );
}

function Groups({ profile, edit }: PartProps) {
  const groups = profile.groups ?? [];
  const put = (next: Group[]) => {
    const { groups: _, ...rest } = profile;
    edit(next.length === 0 ? rest : { ...rest, groups: next });
  };
  return (
    <>
      <ul class="devices">
        {groups.map((group, i) => (
          <li key={i} class="device">
            <label class="field field-name"><span>Name; rules call it @{group.name}</span>
              <input value={group.name} maxLength={32} aria-label="Name of the group" autocapitalize="none"
                onInput={(event) => put(groups.map((g, j) => (j === i ? { ...g, name: event.currentTarget.value.trim() } : g)))} /></label>
            <div class="field-uri">
              <ListField label="Members" aria={`Members of ${group.name}`} placeholder="alice, +493012345" separator="," value={group.members}
                change={(members) => put(groups.map((g, j) => (j === i ? { ...g, members } : g)))} />
            </div>
            <button type="button" class="icon-button" aria-label={`Remove ${group.name}`}
              onClick={() => put(groups.filter((_, j) => j !== i))}><CloseIcon /></button>
          </li>
        ))}
      </ul>
      <div class="actions">
        <button type="button" class="button ghost small" onClick={() => put([...groups, { name: `group${groups.length + 1}`, members: [] }])}>
          <PlusIcon /> Group
        </button>
      </div>
    </>
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
