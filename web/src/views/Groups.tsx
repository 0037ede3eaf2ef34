// Groups of people who are told together. Everybody sees them; managers change them.

import { useState } from 'preact/hooks';
import { api } from '../api';
import type { Group } from '../events';
import { wordProblem } from '../said';
import { useApp } from '../session';
import { Problem, RecipientPicker, SureButton, TextField, useFirstField, useWork } from './forms';
import { PlusIcon } from './icons';

interface Draft {
  old: string | null;
  name: string;
  display_name: string;
  members: string[];
}

interface Props {
  groups: Group[] | null;
  changed(): Promise<void>;
}

export function Groups({ groups, changed }: Props) {
  const manager = useApp((s) => s.me?.events_manager === true);
  const [draft, setDraft] = useState<Draft | null>(null);
  const form = draft && <GroupForm draft={draft} edit={setDraft} changed={changed} taken={(groups ?? []).map((g) => g.name)} />;
  return (
    <div class="card block" data-testid="groups">
      <h3>Groups</h3>
      <p class="quiet small" data-testid="groups-who">
        An announcement to a group reaches each of its members.
        {manager ? '' : ' Groups are changed by those whom the operator names as managers of events.'}
      </p>
      {groups?.length === 0 && draft === null && <p class="quiet" data-testid="groups-none">No groups yet.</p>}
      <ul class="rows">
        {(groups ?? []).map((group) => (draft?.old === group.name
          ? <li key={group.name} class="row">{form}</li>
          : <GroupRow key={group.name} group={group} may={manager} changed={changed}
            edit={() => setDraft({ old: group.name, name: group.name, display_name: group.display_name, members: group.members.map((m) => m.name) })} />))}
      </ul>
      {manager && draft === null && (
        <div class="actions">
          <button type="button" class="button ghost" data-testid="group-new"
            onClick={() => setDraft({ old: null, name: '', display_name: '', members: [] })}>
            <PlusIcon /> New group
          </button>
        </div>
      )}
      {draft?.old === null && form}
    </div>
  );
}

function GroupRow({ group, may, changed, edit }: { group: Group; may: boolean; changed(): Promise<void>; edit(): void }) {
  const { busy, error, run } = useWork();
  const id = `group-${group.name}`;
  return (
    <li class="row rule-row" data-testid={id}>
      <div>
        <strong>{group.display_name}</strong> <span class="quiet small">{group.name}</span>
        <p class="small" data-testid={`${id}-members`}>
          {group.members.length === 0 ? 'Nobody is in it.' : group.members.map((m) => m.display_name).join(', ')}
        </p>
        {error && <Problem id={`${id}-error`}>{error}</Problem>}
      </div>
      {may && (
        <div class="row-buttons">
          <button type="button" class="button ghost" disabled={busy} data-testid={`${id}-edit`} aria-label={`Change ${group.display_name}`} onClick={edit}>Change</button>
          <SureButton label="Delete" name={group.display_name} testid={`${id}-delete`} disabled={busy}
            act={() => void run(async () => { await api.deleteGroup(group.name); await changed(); })} />
        </div>
      )}
    </li>
  );
}

function GroupForm({ draft, edit, changed, taken }: {
  draft: Draft; edit(draft: Draft | null): void; changed(): Promise<void>; taken: string[];
}) {
  const me = useApp((s) => s.me);
  const contacts = useApp((s) => s.contacts);
  const form = useFirstField();
  const { busy, error, run } = useWork();
  const put = (part: Partial<Draft>) => edit({ ...draft, ...part });
  const fresh = draft.old === null;
  const nameWrong = wordProblem(draft.name) ?? (fresh && taken.includes(draft.name) ? 'There is a group of this name: change that one.' : null);
  const people = [
    ...(me ? [{ word: me.user.name, name: `${me.user.display_name} (me)` }] : []),
    ...contacts.map((c) => ({ word: c.name, name: c.display_name })),
  ];
  const save = () => run(async () => {
    await api.saveGroup(draft.name, { display_name: draft.display_name.trim(), members: draft.members });
    edit(null);
    await changed();
  });
  return (
    <form ref={form} class="sub-form" data-testid="group-form" aria-label={fresh ? 'New group' : `Change ${draft.name}`}
      onSubmit={(event) => { event.preventDefault(); void save(); }}>
      <div class="event-options is-top">
        <TextField label="Name" testid="group-name" value={draft.name} maxLength={64} disabled={!fresh} word placeholder="ops"
          problem={nameWrong} hint={fresh ? 'For programs: group:NAME.' : 'The name stays.'} change={(name) => put({ name: name.trim() })} />
        <TextField label="What people call it" testid="group-display-name" value={draft.display_name} maxLength={64} placeholder="Operators"
          change={(display_name) => put({ display_name })} />
      </div>
      <RecipientPicker legend="Members" prefix="group" people={people} chosen={draft.members} change={(members) => put({ members })}
        typed={{ label: 'Others, by their sign-in name', placeholder: 'dave' }} />
      {error && <Problem id="group-error">{error}</Problem>}
      <div class="actions">
        <button type="submit" class="button primary" data-testid="group-save" disabled={busy || draft.name === '' || nameWrong !== null}>
          {fresh ? 'Make the group' : 'Save'}
        </button>
        <button type="button" class="button ghost" onClick={() => edit(null)}>Cancel</button>
      </div>
    </form>
  );
}
