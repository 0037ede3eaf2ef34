import type { ActKind } from '../profile';
import { actKind, makeAct, moved, phones } from '../profile';
import type { Condition, Profile, Ring, Rule } from '../types';
import { CloseIcon, DownIcon, PlusIcon, UpIcon } from './icons';

interface Props {
  profile: Profile;
  edit(profile: Profile): void;
}

/** The rules in their order, each a sentence with gaps to fill. */
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
            <div class="rule-sentence">
              <select aria-label={`Rule ${i + 1}: when`} value={rule.when}
                onChange={(event) => replace(i, { ...rule, when: event.currentTarget.value as Condition })}>
                <option value="present">When I’m present</option>
                <option value="absent">When I’m absent</option>
                <option value="always">Always</option>
              </select>
              <select aria-label={`Rule ${i + 1}: do`} value={actKind(rule.do)}
                onChange={(event) => replace(i, { ...rule, do: makeAct(event.currentTarget.value as ActKind, profile.devices) })}>
                <option value="pop-up">show a pop-up</option>
                <option value="ring" disabled={!ringable}>ring a phone</option>
                <option value="stop">try nothing further</option>
              </select>
              {typeof rule.do !== 'string' && (
                <RingFields number={i + 1} ring={rule.do.ring} profile={profile}
                  change={(ring) => replace(i, { ...rule, do: { ring } })} />
              )}
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
            ? { when: 'absent', do: makeAct('ring', profile.devices) }
            : { when: 'present', do: 'pop-up' }])}>
          <PlusIcon /> Rule
        </button>
      </div>
    </>
  );
}

interface RingProps {
  number: number;
  ring: Ring;
  profile: Profile;
  change(ring: Ring): void;
}

function RingFields({ number, ring, profile, change }: RingProps) {
  const gap = (key: 'attempts' | 'retry_secs' | 'ring_secs', label: string, least: number, most: number) => (
    <input type="number" aria-label={`Rule ${number}: ${label}`} min={least} max={most} value={ring[key]}
      onInput={(event) => change({ ...ring, [key]: event.currentTarget.valueAsNumber || 0 })} />
  );
  return (
    <span class="ring-fields">
      <select aria-label={`Rule ${number}: phone`} value={ring.device}
        onChange={(event) => change({ ...ring, device: event.currentTarget.value })}>
        {!phones(profile.devices).some((d) => d.name === ring.device) && <option value={ring.device}>choose…</option>}
        {phones(profile.devices).map((d) => <option key={d.name} value={d.name}>{d.name}</option>)}
      </select>
      <span class="ring-part">for {gap('ring_secs', 'seconds to ring', 5, 120)} s,</span>
      <span class="ring-part">at most {gap('attempts', 'tries', 1, 10)} times,</span>
      <span class="ring-part">{gap('retry_secs', 'seconds between two tries', 1, 86400)} s apart</span>
    </span>
  );
}
