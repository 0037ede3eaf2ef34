// Texts that are announced again and again: the user's own, and the site's.

import { useState } from 'preact/hooks';
import { api } from '../api';
import type { Content, Template } from '../events';
import { contentOf, nothingSaid, placeholders, saidOfContent, saidProblem, wordProblem } from '../said';
import type { Said } from '../said';
import { useApp } from '../session';
import { Problem, SaidFields, SureButton, TextField, useFirstField, useWork } from './forms';
import { PlusIcon } from './icons';

interface Draft {
  /** Of the one that is changed. */
  old: { name: string; site: boolean } | null;
  name: string;
  site: boolean;
  said: Said;
}

interface Props {
  templates: Template[] | null;
  language: string;
  changed(): Promise<void>;
}

const key = (t: { name: string; site: boolean }) => `${t.site ? 'site' : 'own'}-${t.name}`;

export function Templates({ templates, language, changed }: Props) {
  const manager = useApp((s) => s.me?.events_manager === true);
  const [draft, setDraft] = useState<Draft | null>(null);
  const form = draft && <TemplateForm draft={draft} edit={setDraft} manager={manager} language={language} changed={changed}
    taken={(templates ?? []).map(key)} />;
  return (
    <div class="card block" data-testid="templates">
      <h3>Templates</h3>
      <p class="quiet small">
        Words for announcements, rules and applications. What stands in {'{braces}'} is put in when it is said.
        {manager ? '' : ' The site’s templates are changed by its managers.'}
      </p>
      {templates?.length === 0 && draft === null && <p class="quiet" data-testid="templates-none">No templates yet.</p>}
      <ul class="rows">
        {(templates ?? []).map((template) => (draft?.old && key(draft.old) === key(template)
          ? <li key={key(template)} class="row">{form}</li>
          : <TemplateRow key={key(template)} template={template} may={!template.site || manager} changed={changed}
            edit={() => setDraft({ old: template, name: template.name, site: template.site, said: saidOfContent(template.content) })} />))}
      </ul>
      {draft === null && (
        <div class="actions">
          <button type="button" class="button ghost" data-testid="template-new"
            onClick={() => setDraft({ old: null, name: '', site: false, said: nothingSaid(language) })}>
            <PlusIcon /> New template
          </button>
        </div>
      )}
      {draft?.old === null && form}
    </div>
  );
}

function TemplateRow({ template, may, changed, edit }: { template: Template; may: boolean; changed(): Promise<void>; edit(): void }) {
  const { busy, error, run } = useWork();
  const id = `template-${key(template)}`;
  return (
    <li class="row rule-row" data-testid={id}>
      <div>
        <strong>{template.name}</strong> {template.site && <span class="tag">of the site</span>}
        <Words content={template.content} />
        {error && <Problem id={`${id}-error`}>{error}</Problem>}
      </div>
      {may && (
        <div class="row-buttons">
          <button type="button" class="button ghost" disabled={busy} data-testid={`${id}-edit`} aria-label={`Change ${template.name}`} onClick={edit}>Change</button>
          <SureButton label="Delete" name={template.name} testid={`${id}-delete`} disabled={busy}
            act={() => void run(async () => { await api.deleteTemplate(template.name, template.site); await changed(); })} />
        </div>
      )}
    </li>
  );
}

function Words({ content }: { content: Content }) {
  if ('prompt' in content) return <p class="small">The prompt “{content.prompt}”.</p>;
  if ('recording' in content) return <p class="small">A message that was recorded.</p>;
  const texts = Object.entries(content.text);
  return (
    <>
      {texts.map(([language, text]) => (
        <p key={language} class="small" lang={language}>{texts.length > 1 && <span class="quiet">{language}: </span>}{text}</p>
      ))}
    </>
  );
}

function TemplateForm({ draft, edit, manager, language, changed, taken }: {
  draft: Draft; edit(draft: Draft | null): void; manager: boolean; language: string; changed(): Promise<void>; taken: string[];
}) {
  const form = useFirstField();
  const { busy, error, run } = useWork();
  const put = (part: Partial<Draft>) => edit({ ...draft, ...part });
  const fresh = draft.old === null;
  const nameWrong = wordProblem(draft.name) ?? (fresh && taken.includes(key(draft)) ? 'There is a template of this name: change that one.' : null);
  const missing = draft.name === '' ? 'Give it a name.' : nameWrong ?? saidProblem(draft.said);
  const values = draft.said.kind === 'text' ? [...new Set(draft.said.texts.flatMap((t) => placeholders(t.text)))] : [];
  const save = () => run(async () => {
    const content = contentOf(draft.said);
    if (!content) return;
    await api.saveTemplate(draft.name, { content, site: draft.site });
    edit(null);
    await changed();
  });
  return (
    <form ref={form} class="sub-form" data-testid="template-form" aria-label={fresh ? 'New template' : `Change ${draft.name}`}
      onSubmit={(event) => { event.preventDefault(); void save(); }}>
      <TextField label="Name" testid="template-name" value={draft.name} maxLength={64} disabled={!fresh} word placeholder="door-open"
        problem={nameWrong} hint={fresh ? 'Applications and rules call it by this name.' : 'The name stays: others may call it by it.'}
        change={(name) => put({ name: name.trim() })} />
      {manager && fresh && (
        <label class="check"><input type="checkbox" checked={draft.site} data-testid="template-site"
          onChange={(event) => put({ site: event.currentTarget.checked })} /><span>For everybody on this site</span></label>
      )}
      <SaidFields prefix="template" label="It says" said={draft.said} change={(said) => put({ said })} language={language} templates={null}
        asked={[]} values={{}} give={() => undefined} />
      {values.length > 0 && <p class="quiet small" data-testid="template-values">Whoever uses it gives {values.map((v) => `{${v}}`).join(', ')}.</p>}
      {error && <Problem id="template-error">{error}</Problem>}
      <div class="actions">
        <button type="submit" class="button primary" data-testid="template-save" disabled={busy || missing !== null}>
          {fresh ? 'Make the template' : 'Save'}
        </button>
        <button type="button" class="button ghost" onClick={() => edit(null)}>Cancel</button>
        {missing !== null && missing !== nameWrong && <p class="quiet small form-missing" role="status">{missing}</p>}
      </div>
    </form>
  );
}
