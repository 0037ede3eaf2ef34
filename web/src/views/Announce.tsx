// The form by which somebody announces something, now or at a time.

import { useState } from 'preact/hooks';
import { api } from '../api';
import { recurrence } from '../events';
import type { Group, Repeat, Template } from '../events';
import { askedFor, contentOf, nothingSaid, requestPart, saidProblem } from '../said';
import { useApp } from '../session';
import { RecipientPicker, SaidFields } from './forms';
import { BellIcon } from './icons';

const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';

export function Announce({ groups, templates, language, made }: {
  groups: Group[]; templates: Template[]; language: string; made(): void;
}) {
  const contacts = useApp((s) => s.contacts);
  const [said, setSaid] = useState(nothingSaid(language));
  const [values, setValues] = useState<Record<string, string>>({});
  const [to, setTo] = useState<string[]>([]);
  const [urgent, setUrgent] = useState(false);
  const [confirm, setConfirm] = useState(false);
  const [then, setThen] = useState('');
  const [at, setAt] = useState('');
  const [repeat, setRepeat] = useState<Repeat>('once');
  const [status, setStatus] = useState<{ good: boolean; text: string } | null>(null);
  const [busy, setBusy] = useState(false);
  const people = [
    ...groups.map((g) => ({ word: `group:${g.name}`, name: `${g.display_name} (group)` })),
    ...contacts.map((c) => ({ word: c.name, name: c.display_name })),
  ];
  const asked = askedFor(said, templates, []);
  const unready = saidProblem(said) !== null || asked.some((name) => (values[name] ?? '').trim() === '') || to.length === 0;
  const send = async () => {
    setBusy(true);
    const event = {
      ...requestPart(said, values, asked), recipients: to, urgent, confirm: confirm || then !== '',
      ...(then === '' ? {} : { escalation: [{ recipients: [then], wait_seconds: 300 }] }),
    };
    try {
      const lines = at === '' ? null : recurrence(at, repeat, ZONE);
      if (lines === null) await api.announce(event);
      else await api.plan({ name: title(), recurrence: lines, event });
      setSaid(said.kind === 'text' ? nothingSaid(language) : said);
      setValues({});
      setAt('');
      setStatus({ good: true, text: lines === null ? 'On its way.' : 'Planned.' });
      made();
    } catch (error) {
      setStatus({ good: false, text: error instanceof Error ? error.message : 'That did not work.' });
    }
    setBusy(false);
  };
  const title = () => {
    const content = contentOf(said);
    if (content && 'text' in content) return (Object.values(content.text)[0] ?? '').slice(0, 60);
    return said.kind === 'template' ? said.template : said.kind === 'prompt' ? said.prompt : 'A recording';
  };
  return (
    <form class="card block" data-testid="event-form" onSubmit={(e) => { e.preventDefault(); void send(); }}>
      <h3>Announce something</h3>
      <SaidFields prefix="event" label="Say" said={said} change={setSaid} language={language} templates={templates}
        asked={asked} values={values} give={setValues} />
      <RecipientPicker legend="To whom" prefix="event" people={people} chosen={to} change={setTo}
        typed={{ label: 'Or a number or address', placeholder: '+493012345 or bob@example.org' }} />
      <div class="event-checks">
        <label class="check"><input type="checkbox" checked={urgent} onChange={(e) => setUrgent(e.currentTarget.checked)} /><span>Urgent</span></label>
        <label class="check"><input type="checkbox" checked={confirm || then !== ''} disabled={then !== ''} data-testid="event-confirm"
          onChange={(e) => setConfirm(e.currentTarget.checked)} /><span>Somebody has to confirm it</span></label>
      </div>
      <div class="event-options">
        <label class="field"><span>If nobody does within 5 minutes, tell</span>
          <select value={then} onChange={(e) => setThen(e.currentTarget.value)}>
            <option value="">nobody else</option>
            {people.filter((p) => !to.includes(p.word)).map((p) => <option key={p.word} value={p.word}>{p.name}</option>)}
          </select>
        </label>
        <label class="field"><span>When ({ZONE})</span>
          <input type="datetime-local" value={at} data-testid="event-at" onInput={(e) => setAt(e.currentTarget.value)} /></label>
        {at !== '' && (
          <label class="field"><span>Again</span>
            <select value={repeat} data-testid="event-repeat" onChange={(e) => setRepeat(e.currentTarget.value as Repeat)}>
              <option value="once">never</option>
              <option value="daily">every day</option>
              <option value="weekdays">from Monday to Friday</option>
              <option value="weekly">every week</option>
              <option value="monthly">every month</option>
            </select>
          </label>
        )}
      </div>
      <div class="actions">
        <button type="submit" class="button primary" data-testid="event-send" disabled={busy || unready}>
          <BellIcon /> {at === '' ? 'Announce now' : 'Plan it'}
        </button>
        <p role="status" data-testid="event-status" class={`form-missing ${status?.good === false ? 'error-text' : 'quiet'}`}>{status?.text}</p>
      </div>
    </form>
  );
}
