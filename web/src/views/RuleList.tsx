import type { ActKind } from '../profile';
import { actKind, makeAct, moved, phones, PRESENCES, splitList, told, withPart } from '../profile';
import type { Act, Device, Profile, Ring, Rule, When } from '../types';
import { CloseIcon, DownIcon, PlusIcon, UpIcon } from './icons';

interface Props {
  profile: Profile;
  edit(profile: Profile): void;
}

/** The rules in their order: when each applies, and what is done then. */
export function RuleList({ profile, edit }: Props) {
  const put = (rules: Rule[]) => edit({ ...profile, rules });
  const replace = (at: number, rule: Rule) => put(profile.rules.map((r, i) => (i === at ? rule : r)));
  const ringable = phones(profile.devices).length > 0;
  return (
    <>
      <ol class="rules">
        {profile.rules.map((rule, i) => (
          <li key={i} class="rule" data-testid={`rule-${i}`}>
            <span class="rule-number" aria-hidden="true">{i + 1}</span>
            <div class="rule-body">
              <Conditions number={i + 1} when={rule.when} change={(when) => replace(i, { ...rule, when })} />
              <ActList number={i + 1} rule={rule} profile={profile} change={(acts) => replace(i, { ...rule, do: acts })} />
              <label class="check small">
                <input type="checkbox" checked={rule.go_on === true}
                  onChange={(event) => replace(i, { ...rule, go_on: event.currentTarget.checked })} />
                <span>Go on with the next rule even if this one reached me</span>
              </label>
            </div>
            <div class="rule-buttons">
              <button type="button" class="icon-button" aria-label={`Move rule ${i + 1} up`} disabled={i === 0}
                onClick={() => put(moved(profile.rules, i, -1))}><UpIcon /></button>
              <button type="button" class="icon-button" aria-label={`Move rule ${i + 1} down`} disabled={i === profile.rules.length - 1}
                onClick={() => put(moved(profile.rules, i, 1))}><DownIcon /></button>
              <button type="button" class="icon-button" aria-label={`Remove rule ${i + 1}`}
                onClick={() => put(profile.rules.filter((_, j) => j !== i))}><CloseIcon /></button>
            </div>
          </li>
        ))}
        {profile.rules.length === 0 && <li class="quiet">No rule: messages wait in the inbox, and nothing pops up or rings.</li>}
      </ol>
      <div class="actions">
        <button type="button" class="button ghost" data-testid="add-rule"
          onClick={() => put([...profile.rules, ringable
            ? { when: { presence: ['absent'] }, do: [makeAct('ring', profile.devices)] }
            : { when: { presence: ['present'] }, do: ['pop-up'] }])}>
          <PlusIcon /> Rule
        </button>
      </div>
    </>
  );
}

function Conditions({ number, when, change }: { number: number; when: When; change(when: When): void }) {
  const presence = when.presence ?? [];
  const further = when.hours || when.from || when.urgent !== undefined || when.unheard_secs !== undefined;
  return (
    <div class="rule-when">
      <div class="chips" role="group" aria-label={`Rule ${number}: when I am`}>
        <span class="quiet small">{presence.length === 0 ? 'Always, or only when I am' : 'When I am'}</span>
        {PRESENCES.map(([word, shown]) => (
          <button key={word} type="button" class="chip" aria-pressed={presence.includes(word)}
            data-testid={`rule-${number - 1}-${word}`}
            onClick={() => change(withPart(when, {
              presence: presence.includes(word) ? presence.filter((p) => p !== word) : [...presence, word],
            }))}>{shown}</button>
        ))}
      </div>
      <details open={Boolean(further)}>
        <summary class="small">Time, sender, urgency</summary>
        <div class="rule-further">
          <ListField label="Hours" aria={`Rule ${number}: hours`} placeholder="mon-fri 9:00-18:00" value={when.hours}
            separator=";" change={(hours) => change(withPart(when, { hours }))} />
          <ListField label="From" aria={`Rule ${number}: senders`} placeholder="alice, @family, contacts, outsiders" value={when.from}
            separator="," change={(from) => change(withPart(when, { from }))} />
          <label class="field">
            <span>Urgency</span>
            <select aria-label={`Rule ${number}: urgency`} value={when.urgent === undefined ? '' : String(when.urgent)}
              onChange={(event) => {
                const value = event.currentTarget.value;
                change(withPart(when, { urgent: value === '' ? undefined : value === 'true' }));
              }}>
              <option value="">any</option>
              <option value="true">urgent only</option>
              <option value="false">not urgent only</option>
            </select>
          </label>
          <label class="field">
            <span>Unheard for, minutes</span>
            <input type="number" min={0} step="any" aria-label={`Rule ${number}: unheard for so many minutes`}
              value={when.unheard_secs === undefined ? '' : when.unheard_secs / 60}
              onInput={(event) => {
                const minutes = event.currentTarget.valueAsNumber;
                change(withPart(when, { unheard_secs: minutes > 0 ? Math.round(minutes * 60) : undefined }));
              }} />
          </label>
        </div>
      </details>
    </div>
  );
}

interface ListFieldProps {
  label: string;
  aria: string;
  placeholder: string;
  value: string[] | undefined;
  separator: ',' | ';';
  change(value: string[]): void;
}

/** A list as text; taken when the field is left, so that commas can be typed. */
export function ListField({ label, aria, placeholder, value, separator, change }: ListFieldProps) {
  const split = (text: string) => (separator === ','
    ? splitList(text)
    : text.split(';').map((part) => part.trim()).filter((part) => part !== ''));
  return (
    <label class="field">
      <span>{label}</span>
      <input aria-label={aria} placeholder={placeholder} spellcheck={false} autocapitalize="none"
        value={(value ?? []).join(`${separator} `)}
        onChange={(event) => change(split(event.currentTarget.value))} />
    </label>
  );
}

interface ActListProps {
  number: number;
  rule: Rule;
  profile: Profile;
  change(acts: Act[]): void;
}

function ActList({ number, rule, profile, change }: ActListProps) {
  return (
    <ol class="acts" aria-label={`Rule ${number}: what is done, one after the other`}>
      {rule.do.map((act, n) => (
        <li key={n} class="act">
          <span class="quiet small act-word">{n === 0 ? 'do' : 'then'}</span>
          <ActFields number={number} act={act} profile={profile} nested={false}
            change={(next) => change(rule.do.map((a, i) => (i === n ? next : a)))} />
          {rule.do.length > 1 && (
            <button type="button" class="icon-button" aria-label={`Rule ${number}: remove step ${n + 1}`}
              onClick={() => change(rule.do.filter((_, i) => i !== n))}><CloseIcon /></button>
          )}
        </li>
      ))}
      <li>
        <button type="button" class="text-button small" data-testid={`rule-${number - 1}-then`}
          onClick={() => change([...rule.do, makeAct(told(profile.devices).length > 0 ? 'notify' : 'wait', profile.devices)])}>
          then…
        </button>
      </li>
    </ol>
  );
}

interface ActProps {
  number: number;
  act: Act;
  profile: Profile;
  nested: boolean;
  change(act: Act): void;
}

function ActFields({ number, act, profile, nested, change }: ActProps) {
  const { devices } = profile;
  const kind = actKind(act);
  return (
    <div class="act-fields">
      <select aria-label={`Rule ${number}: do`} value={kind} data-testid={nested ? undefined : `rule-${number - 1}-do`}
        onChange={(event) => change(makeAct(event.currentTarget.value as ActKind, devices))}>
        <option value="pop-up">show a pop-up</option>
        <option value="ring" disabled={phones(devices).length === 0}>ring</option>
        <option value="notify" disabled={told(devices).length === 0}>tell</option>
        <option value="wait">wait</option>
        <option value="escalate">pass it on to</option>
        {!nested && <option value="all">all at once…</option>}
        {!nested && <option value="stop">try nothing further</option>}
      </select>
      {typeof act !== 'string' && 'ring' in act && (
        <RingFields number={number} ring={act.ring} devices={phones(devices)} change={(ring) => change({ ring })} />
      )}
      {typeof act !== 'string' && 'notify' in act && (
        <Names label={`Rule ${number}: tell`} chosen={act.notify.device} devices={told(devices)}
          change={(device) => change({ notify: { device } })} />
      )}
      {typeof act !== 'string' && 'wait' in act && (
        <span class="ring-part">
          <input type="number" min={0} step="any" aria-label={`Rule ${number}: minutes to wait`} value={act.wait.secs / 60}
            onInput={(event) => change({ wait: { secs: Math.round((event.currentTarget.valueAsNumber || 0) * 60) } })} /> minutes
        </span>
      )}
      {typeof act !== 'string' && 'escalate' in act && (
        <input class="short" aria-label={`Rule ${number}: to which user`} placeholder="carol" autocapitalize="none" spellcheck={false}
          value={act.escalate.to} onInput={(event) => change({ escalate: { to: event.currentTarget.value.trim() } })} />
      )}
      {typeof act !== 'string' && 'all' in act && (
        <ul class="at-once">
          {act.all.map((one, n) => (
            <li key={n} class="act">
              <ActFields number={number} act={one} profile={profile} nested
                change={(next) => change({ all: act.all.map((a, i) => (i === n ? next : a)) })} />
              {act.all.length > 1 && (
                <button type="button" class="icon-button" aria-label={`Rule ${number}: take this out`}
                  onClick={() => change({ all: act.all.filter((_, i) => i !== n) })}><CloseIcon /></button>
              )}
            </li>
          ))}
          <li><button type="button" class="text-button small" onClick={() => change({ all: [...act.all, 'pop-up'] })}>and at the same time…</button></li>
        </ul>
      )}
    </div>
  );
}

interface NamesProps {
  label: string;
  chosen: string[];
  devices: Device[];
  change(names: string[]): void;
}

/** Devices to choose from, one or several. */
function Names({ label, chosen, devices, change }: NamesProps) {
  const missing = chosen.filter((name) => !devices.some((d) => d.name === name));
  return (
    <span class="chips" role="group" aria-label={label}>
      {[...devices.map((d) => d.name), ...missing].map((name) => (
        <button key={name} type="button" class="chip" aria-pressed={chosen.includes(name)}
          onClick={() => change(chosen.includes(name) ? chosen.filter((c) => c !== name) : [...chosen, name])}>{name}</button>
      ))}
    </span>
  );
}

interface RingProps {
  number: number;
  ring: Ring;
  devices: Device[];
  change(ring: Ring): void;
}

function RingFields({ number, ring, devices, change }: RingProps) {
  const gap = (key: 'attempts' | 'retry_secs' | 'ring_secs', label: string, least: number, most: number) => (
    <input type="number" aria-label={`Rule ${number}: ${label}`} min={least} max={most} value={ring[key]}
      onInput={(event) => change({ ...ring, [key]: event.currentTarget.valueAsNumber || 0 })} />
  );
  return (
    <span class="ring-fields">
      <Names label={`Rule ${number}: ring`} chosen={ring.device} devices={devices} change={(device) => change({ ...ring, device })} />
      <span class="ring-part">for {gap('ring_secs', 'seconds to ring', 5, 120)} s,</span>
      <span class="ring-part">at most {gap('attempts', 'tries', 1, 10)} times,</span>
      <span class="ring-part">{gap('retry_secs', 'seconds between two tries', 1, 86400)} s apart</span>
    </span>
  );
}
