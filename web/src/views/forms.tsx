// What the forms of announcements, rules, templates and groups share.

import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { clock, when } from '../format';
import type { Template } from '../events';
import type { Said, SaidKind } from '../said';
import { placeholders } from '../said';
import { useApp } from '../session';
import { CloseIcon, PlusIcon } from './icons';

/** Runs one thing at a time, and keeps what went wrong for the user to read. */
export function useWork() {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const run = async (work: () => Promise<void>) => {
    setBusy(true);
    setError(null);
    try {
      await work();
    } catch (problem) {
      setError(problem instanceof Error ? problem.message : 'That did not work.');
    }
    setBusy(false);
  };
  return { busy, error, run };
}

/** A form that was opened: its first field that can be filled is where one goes on. */
export function useFirstField() {
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    form.current?.querySelector<HTMLElement>('input:not(:disabled), select, textarea')?.focus();
  }, []);
  return form;
}

export function Problem({ id, children }: { id: string; children: ComponentChildren }) {
  return <p role="alert" class="error-text small" data-testid={id}>{children}</p>;
}

interface FieldProps {
  label: string;
  testid: string;
  value: string;
  change(value: string): void;
  /** What is wrong with it; shown once something was written. */
  problem?: string | null;
  hint?: string;
  placeholder?: string;
  maxLength?: number;
  disabled?: boolean;
  /** Whether it is a word of programs and not of people. */
  word?: boolean;
}

/** A field, and beneath it what is wrong with what it holds. */
export function TextField({ label, testid, value, change, problem, hint, placeholder, maxLength, disabled, word }: FieldProps) {
  const id = useId();
  const wrong = value !== '' && problem ? problem : null;
  const under = wrong ?? hint;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input id={id} value={value} placeholder={placeholder} maxLength={maxLength} disabled={disabled} data-testid={testid}
        autocapitalize={word ? 'none' : undefined} spellcheck={word ? false : undefined}
        aria-invalid={wrong ? 'true' : undefined} aria-describedby={under ? `${id}-under` : undefined}
        onInput={(event) => change(event.currentTarget.value)} />
      {under && <p id={`${id}-under`} class={wrong ? 'error-text small' : 'quiet small'} data-testid={`${testid}-under`}>{under}</p>}
    </div>
  );
}

/** A button that asks once more before it does what can't be undone. */
export function SureButton({ label, name, testid, disabled, act }: {
  label: string; name: string; testid: string; disabled?: boolean; act(): void;
}) {
  const [sure, setSure] = useState(false);
  useEffect(() => {
    if (!sure) return undefined;
    const timer = setTimeout(() => setSure(false), 4000);
    return () => clearTimeout(timer);
  }, [sure]);
  return (
    <button type="button" class={`button ghost${sure ? ' is-sure' : ''}`} disabled={disabled} data-testid={testid}
      aria-label={sure ? `Really ${label.toLowerCase()} ${name}` : `${label} ${name}`}
      onClick={() => {
        if (sure) act();
        setSure(!sure);
      }}>{sure ? 'Really?' : label}</button>
  );
}

export interface Person {
  word: string;
  name: string;
}

interface PickerProps {
  legend: string;
  prefix: string;
  people: readonly Person[];
  chosen: readonly string[];
  change(chosen: string[]): void;
  /** What may be typed beside the list; nothing where this is absent. */
  typed?: { label: string; placeholder: string };
}

/** People to choose from, and others who are typed. */
export function RecipientPicker({ legend, prefix, people, chosen, change, typed }: PickerProps) {
  const [text, setText] = useState('');
  const others = chosen.filter((word) => !people.some((p) => p.word === word));
  const toggle = (word: string) => change(chosen.includes(word) ? chosen.filter((w) => w !== word) : [...chosen, word]);
  const add = () => {
    const words = text.split(/[,;\s]+/).filter((word) => word !== '' && !chosen.includes(word));
    change([...chosen, ...new Set(words)]);
    setText('');
  };
  return (
    <fieldset class="event-people">
      <legend class="small quiet">{legend}</legend>
      {people.map((p) => (
        <label key={p.word} class={`person-chip${chosen.includes(p.word) ? ' is-on' : ''}`}>
          <input type="checkbox" class="visually-hidden" checked={chosen.includes(p.word)} onChange={() => toggle(p.word)} />
          <span data-testid={`${prefix}-to-${p.word}`}>{p.name}</span>
        </label>
      ))}
      {others.map((word) => (
        <button key={word} type="button" class="person-chip is-on" data-testid={`${prefix}-to-${word}`}
          aria-label={`Remove ${word}`} onClick={() => toggle(word)}>{word} ×</button>
      ))}
      {typed && (
        <div class="typed-more">
          <label class="field">
            <span>{typed.label}</span>
            <input value={text} placeholder={typed.placeholder} maxLength={256} autocapitalize="none" spellcheck={false}
              data-testid={`${prefix}-typed`} onInput={(event) => setText(event.currentTarget.value)}
              onKeyDown={(event) => {
                if (event.key !== 'Enter') return;
                event.preventDefault();
                add();
              }} />
          </label>
          <button type="button" class="button ghost" data-testid={`${prefix}-add`} disabled={text.trim() === ''} onClick={add}>Add</button>
        </div>
      )}
    </fieldset>
  );
}

const KINDS: Record<SaidKind, string> = {
  text: 'these words', template: 'a template', prompt: 'a recorded prompt', recording: 'a message of mine',
};

interface SaidProps {
  prefix: string;
  label: string;
  said: Said;
  change(said: Said): void;
  language: string;
  /** The templates to choose from; none where a template itself is made. */
  templates: readonly Template[] | null;
  /** The values that are asked for, and what was given for them. */
  asked: readonly string[];
  values: Record<string, string>;
  give(values: Record<string, string>): void;
}

/** What is said: words in one or more languages, or something that exists already. */
export function SaidFields({ prefix, label, said, change, language, templates, asked, values, give }: SaidProps) {
  const messages = useApp((s) => s.messages);
  const kinds = (Object.keys(KINDS) as SaidKind[]).filter((kind) =>
    (kind !== 'template' || (templates !== null && templates.length > 0)) && (kind !== 'recording' || messages.length > 0)
    || kind === said.kind);
  const turn = (kind: SaidKind) => {
    switch (kind) {
      case 'text': return change({ kind, texts: [{ language, text: '' }] });
      case 'prompt': return change({ kind, prompt: '' });
      case 'recording': return change({ kind, message: messages[0]?.id ?? '' });
      case 'template': return change({ kind, template: templates?.[0]?.name ?? '' });
    }
  };
  const names = [...new Set((templates ?? []).map((t) => t.name))];
  return (
    <div class="said">
      {kinds.length > 1 && (
        <label class="field">
          <span>{label}</span>
          <select value={said.kind} data-testid={`${prefix}-kind`} onChange={(event) => turn(event.currentTarget.value as SaidKind)}>
            {kinds.map((kind) => <option key={kind} value={kind}>{KINDS[kind]}</option>)}
          </select>
        </label>
      )}
      {said.kind === 'text' && <Texts prefix={prefix} texts={said.texts} change={(texts) => change({ kind: 'text', texts })} />}
      {said.kind === 'template' && (
        <label class="field">
          <span>Template</span>
          <select value={said.template} data-testid={`${prefix}-template`}
            onChange={(event) => change({ kind: 'template', template: event.currentTarget.value })}>
            {[...names, ...(names.includes(said.template) ? [] : [said.template])].map((name) => <option key={name} value={name}>{name}</option>)}
          </select>
        </label>
      )}
      {said.kind === 'prompt' && (
        <TextField label="Name of the prompt" testid={`${prefix}-prompt`} value={said.prompt} maxLength={64} word
          hint="A prompt that the operator recorded in every language." change={(prompt) => change({ kind: 'prompt', prompt })} />
      )}
      {said.kind === 'recording' && (
        <label class="field">
          <span>Message</span>
          <select value={said.message} data-testid={`${prefix}-recording`}
            onChange={(event) => change({ kind: 'recording', message: event.currentTarget.value })}>
            {!messages.some((m) => m.id === said.message) && <option value={said.message}>the one that was chosen</option>}
            {messages.map((m) => (
              <option key={m.id} value={m.id}>{m.sender.name}, {when(m.at, Date.now())}, {clock(m.length_ms)}</option>
            ))}
          </select>
        </label>
      )}
      {asked.length > 0 && (
        <div class="event-options" role="group" aria-label="Values that are put in">
          {asked.map((name) => (
            <label key={name} class="field">
              <span>{`{${name}}`}</span>
              <input value={values[name] ?? ''} maxLength={500} data-testid={`${prefix}-value-${name}`}
                onInput={(event) => give({ ...values, [name]: event.currentTarget.value })} />
            </label>
          ))}
        </div>
      )}
    </div>
  );
}

function Texts({ prefix, texts, change }: {
  prefix: string; texts: Extract<Said, { kind: 'text' }>['texts']; change(texts: Extract<Said, { kind: 'text' }>['texts']): void;
}) {
  const put = (at: number, part: { language?: string; text?: string }) =>
    change(texts.map((t, i) => (i === at ? { ...t, ...part } : t)));
  const several = texts.length > 1;
  return (
    <>
      {texts.map((t, i) => {
        const suffix = i === 0 ? '' : `-${i}`;
        return (
          <div key={i} class="said-text">
            <label class="field said-words">
              <span>{several ? `What is said (${t.language || '?'})` : 'What is said'}</span>
              <textarea rows={3} maxLength={2000} value={t.text} data-testid={`${prefix}-text${suffix}`}
                onInput={(event) => put(i, { text: event.currentTarget.value })} />
            </label>
            {several && (
              <>
                <label class="field said-language">
                  <span>Language</span>
                  <input value={t.language} maxLength={16} placeholder="de" autocapitalize="none" spellcheck={false}
                    aria-label={`Language of text ${i + 1}`} data-testid={`${prefix}-language${suffix}`}
                    onInput={(event) => put(i, { language: event.currentTarget.value.trim() })} />
                </label>
                <button type="button" class="icon-button" aria-label={`Remove text ${i + 1}`}
                  onClick={() => change(texts.filter((_, j) => j !== i))}><CloseIcon /></button>
              </>
            )}
          </div>
        );
      })}
      <div class="said-more">
        <button type="button" class="text-button small" data-testid={`${prefix}-more-language`}
          onClick={() => change([...texts, { language: texts.some((t) => t.language === 'de') ? '' : 'de', text: '' }])}>
          <PlusIcon /> In another language
        </button>
        {texts.some((t) => placeholders(t.text).length > 0) && (
          <span class="quiet small">What stands in {'{braces}'} is put in when it is said.</span>
        )}
      </div>
    </>
  );
}
