// What of Hark's own events is announced: the user's rules, and the form for one of them.

import { useState } from 'preact/hooks';
import { api } from '../api';
import { words } from '../events';
import type { Group, Template } from '../events';
import { when } from '../format';
import {
  afterWords, bodyOf, CONDITIONS, draftOf, exampleSaid, KNOWN_VALUES, newDraft, OWNER, recipientName, SUBJECT, withEnabled,
} from '../rules';
import type { Condition, EventRule, RuleDraft } from '../rules';
import { askedFor, saidProblem } from '../said';
import { useApp } from '../session';
import { Problem, RecipientPicker, SaidFields, SureButton, TextField, useFirstField, useWork } from './forms';
import type { Person } from './forms';
import { PlusIcon } from './icons';

interface Props {
  rules: EventRule[] | null;
  templates: Template[];
  groups: Group[];
  language: string;
  changed(): Promise<void>;
}

export function EventRules({ rules, templates, groups, language, changed }: Props) {
  const contacts = useApp((s) => s.contacts);
  const [draft, setDraft] = useState<RuleDraft | null>(null);
  const people: Person[] = [
    { word: OWNER, name: 'Me' },
    { word: SUBJECT, name: 'Whom it concerns' },
    ...groups.map((g) => ({ word: `group:${g.name}`, name: `${g.display_name} (group)` })),
    ...contacts.map((c) => ({ word: c.name, name: c.display_name })),
  ];
  return (
    <div class="card block" data-testid="event-rules">
      <h3>Rules on what happens here</h3>
      <p class="quiet small">
        Hark watches, and announces it by itself.
        {rules?.[0]?.everybody ? ' Your rules see what concerns everybody.' : ' Your rules see what concerns you: your messages, your mailbox, your telephones.'}
      </p>
      {rules?.length === 0 && draft === null && <p class="quiet" data-testid="event-rules-none">No rules yet.</p>}
      <ul class="rows">
        {(rules ?? []).map((rule) => (draft?.id === rule.id
          ? (
            <li key={rule.id} class="row">
              <RuleForm draft={draft} edit={setDraft} people={people} templates={templates} language={language} changed={changed} />
            </li>
          )
          : <RuleRow key={rule.id} rule={rule} people={people} changed={changed} edit={() => setDraft(draftOf(rule, language))} />))}
      </ul>
      {draft === null && (
        <div class="actions">
          <button type="button" class="button ghost" data-testid="event-rule-new" onClick={() => setDraft(newDraft(language))}>
            <PlusIcon /> New rule
          </button>
        </div>
      )}
      {draft !== null && draft.id === null && (
        <RuleForm draft={draft} edit={setDraft} people={people} templates={templates} language={language} changed={changed} />
      )}
    </div>
  );
}

function RuleRow({ rule, people, changed, edit }: { rule: EventRule; people: Person[]; changed(): Promise<void>; edit(): void }) {
  const { busy, error, run } = useWork();
  const { announce } = rule;
  const says = announce.template !== undefined ? `the template “${announce.template}”` : announce.content ? `“${words(announce.content)}”` : '';
  return (
    <li class="row rule-row" data-testid={`event-rule-${rule.id}`} data-enabled={rule.enabled}>
      <div>
        <strong class={rule.enabled ? undefined : 'quiet'}>{rule.name}</strong>
        <p class="small">
          When {CONDITIONS[rule.condition]?.label ?? rule.condition}{afterWords(rule)}: tell {announce.recipients.map((r) => recipientName(r, people)).join(', ')}: {says}
        </p>
        <p class="quiet small" data-testid={`event-rule-${rule.id}-state`}>
          {rule.enabled ? '' : 'Switched off. '}
          {rule.last_fired === null ? 'It has told nothing so far.' : `It last told something: ${when(rule.last_fired, Date.now())}.`}
        </p>
        {rule.note !== undefined && rule.note !== null && <p class="error-text small">The last time nothing came of it: {rule.note}</p>}
        {error && <Problem id={`event-rule-${rule.id}-error`}>{error}</Problem>}
      </div>
      <div class="row-buttons">
        <label class="check">
          <input type="checkbox" role="switch" checked={rule.enabled} disabled={busy} data-testid={`event-rule-${rule.id}-enabled`}
            aria-label={`${rule.name} is switched on`}
            onChange={(event) => {
              const enabled = event.currentTarget.checked;
              void run(async () => {
                try {
                  await api.saveEventRule(rule.id, withEnabled(rule, enabled));
                } finally {
                  await changed();
                }
              });
            }} />
          <span>On</span>
        </label>
        <button type="button" class="button ghost" disabled={busy} data-testid={`event-rule-${rule.id}-edit`} aria-label={`Change ${rule.name}`} onClick={edit}>Change</button>
        <SureButton label="Delete" name={rule.name} testid={`event-rule-${rule.id}-delete`} disabled={busy}
          act={() => void run(async () => { await api.deleteEventRule(rule.id); await changed(); })} />
      </div>
    </li>
  );
}

interface FormProps {
  draft: RuleDraft;
  edit(draft: RuleDraft | null): void;
  people: Person[];
  templates: Template[];
  language: string;
  changed(): Promise<void>;
}

function RuleForm({ draft, edit, people, templates, language, changed }: FormProps) {
  const form = useFirstField();
  const { busy, error, run } = useWork();
  const put = (part: Partial<RuleDraft>) => edit({ ...draft, ...part });
  const asked = askedFor(draft.said, templates, KNOWN_VALUES);
  const { lasts } = CONDITIONS[draft.condition];
  const missing = draft.name.trim() === '' ? 'Give the rule a name.'
    : saidProblem(draft.said) ?? (draft.recipients.length === 0 ? 'Choose who is told.' : null);
  const choose = (condition: Condition) => {
    const isExample = JSON.stringify(draft.said) === JSON.stringify(exampleSaid(draft.condition, language));
    put({ condition, ...(isExample ? { said: exampleSaid(condition, language) } : {}) });
  };
  const save = () => run(async () => {
    await api.saveEventRule(draft.id, bodyOf(draft, asked));
    edit(null);
    await changed();
  });
  return (
    <form ref={form} class="sub-form" data-testid="event-rule-form" aria-label={draft.id === null ? 'New rule' : `Change ${draft.name}`}
      onSubmit={(event) => { event.preventDefault(); void save(); }}>
      <TextField label="Name" testid="event-rule-name" value={draft.name} maxLength={64} placeholder="Nobody hears the hotline"
        change={(name) => put({ name })} />
      <div class="event-options">
        <label class="field is-whole"><span>When</span>
          <select value={draft.condition} data-testid="event-rule-condition" onChange={(event) => choose(event.currentTarget.value as Condition)}>
            {(Object.keys(CONDITIONS) as Condition[]).map((c) => <option key={c} value={c}>{CONDITIONS[c].label}</option>)}
          </select>
        </label>
        {lasts && (
          <label class="field"><span>For so many minutes</span>
            <input type="number" min={0} max={43200} step="any" value={draft.afterMinutes} data-testid="event-rule-after"
              onInput={(event) => put({ afterMinutes: event.currentTarget.valueAsNumber || 0 })} /></label>
        )}
        <label class="field"><span>Told again after, minutes</span>
          <input type="number" min={0} max={43200} step="any" value={draft.windowMinutes} data-testid="event-rule-window"
            onInput={(event) => put({ windowMinutes: event.currentTarget.valueAsNumber || 0 })} /></label>
      </div>
      <SaidFields prefix="event-rule" label="Say" said={draft.said} change={(said) => put({ said })} language={language}
        templates={templates} asked={asked} values={draft.values} give={(values) => put({ values })} />
      <p class="quiet small">Hark knows {KNOWN_VALUES.map((name) => `{${name}}`).join(', ')}.</p>
      <RecipientPicker legend="Tell" prefix="event-rule" people={people} chosen={draft.recipients}
        change={(recipients) => put({ recipients })} typed={{ label: 'Or a number or address', placeholder: '+493012345' }} />
      <div class="event-checks">
        <label class="check"><input type="checkbox" checked={draft.urgent} onChange={(event) => put({ urgent: event.currentTarget.checked })} /><span>Urgent</span></label>
        <label class="check"><input type="checkbox" checked={draft.confirm} onChange={(event) => put({ confirm: event.currentTarget.checked })} /><span>Somebody has to confirm it</span></label>
      </div>
      {error && <Problem id="event-rule-error">{error}</Problem>}
      <div class="actions">
        <button type="submit" class="button primary" data-testid="event-rule-save" disabled={busy || missing !== null}>
          {draft.id === null ? 'Make the rule' : 'Save'}
        </button>
        <button type="button" class="button ghost" data-testid="event-rule-cancel" onClick={() => edit(null)}>Cancel</button>
        {missing !== null && <p class="quiet small form-missing" role="status">{missing}</p>}
      </div>
    </form>
  );
}
