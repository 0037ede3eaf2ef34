import { describe, expect, it } from 'vitest';
import type { Template } from '../src/events';
import type { EventRule } from '../src/rules';
import { afterWords, bodyOf, draftOf, KNOWN_VALUES, newDraft, recipientName, withEnabled } from '../src/rules';
import { askedFor, contentOf, placeholders, requestPart, saidOf, saidProblem, wordProblem } from '../src/said';
import type { Said } from '../src/said';
import type { Webhook } from '../src/types';
import { canRetry, webhookCounts, webhookState } from '../src/webhooks';

const text = (...texts: [string, string][]): Said =>
  ({ kind: 'text', texts: texts.map(([language, words]) => ({ language, text: words })) });

describe('what is said', () => {
  it('asks for the values that stand in braces, each once', () => {
    expect(placeholders('{who} waits in {room}. {{who}} {who} {no name} {größe}')).toEqual(['who', 'room', 'größe']);
    const templates: Template[] = [
      { name: 'door', site: true, content: { text: { en: 'Door {old}' } } },
      { name: 'door', site: false, content: { text: { en: 'Door {room}', de: 'Tür {room} {user}' } } },
    ];
    // One's own before the site's.
    expect(askedFor({ kind: 'template', template: 'door' }, templates, KNOWN_VALUES)).toEqual(['room']);
    expect(askedFor(text(['en', '{a}'], ['de', '{b}']), [], [])).toEqual(['a', 'b']);
    expect(askedFor({ kind: 'prompt', prompt: '{a}' }, [], [])).toEqual([]);
  });

  it('is sent as the server takes it', () => {
    expect(contentOf(text(['en', ' Fire '], ['de', 'Feuer']))).toEqual({ text: { en: 'Fire', de: 'Feuer' } });
    expect(requestPart({ kind: 'template', template: 'door' }, { room: '12', other: 'x' }, ['room']))
      .toEqual({ template: 'door', values: { room: '12' } });
    expect(requestPart(text(['en', 'Fire']), {}, [])).toEqual({ content: { text: { en: 'Fire' } } });
    expect(saidOf({ content: { recording: 'm' } }, 'en')).toEqual({ kind: 'recording', message: 'm' });
  });

  it('says what is missing', () => {
    expect(saidProblem(text(['en', ' ']))).toContain('Write');
    expect(saidProblem(text(['en', 'a'], ['en', 'b']))).toContain('once');
    expect(saidProblem(text(['en', 'a'], ['', 'b']))).toContain('en or de-AT');
    expect(saidProblem(text(['en', 'a'], ['de-AT', 'b']))).toBeNull();
    expect(saidProblem({ kind: 'prompt', prompt: 'a b' })).not.toBeNull();
    expect(wordProblem('door-open.1')).toBeNull();
    expect(wordProblem('door open')).not.toBeNull();
  });
});

describe('rules', () => {
  const rule: EventRule = {
    id: 3, name: 'Quiet', enabled: true, everybody: false, last_fired: 5, note: 'x', condition: 'message-unheard',
    after_seconds: 5400, clear_seconds: 7, window_seconds: 60,
    announce: {
      template: 'late', values: { room: '1' }, recipients: ['@owner', 'group:ops'], urgent: true, confirm: false,
      escalation: [{ recipients: ['carol'], wait_seconds: 30 }],
    },
  };

  it('keep through the form what it does not show', () => {
    const body = bodyOf(draftOf(rule, 'en'), ['room']);
    expect(body).toEqual({
      name: 'Quiet', enabled: true, condition: 'message-unheard', after_seconds: 5400, clear_seconds: 7, window_seconds: 60,
      announce: rule.announce,
    });
    expect(withEnabled(rule, false)).toEqual({ ...body, enabled: false });
  });

  it('wait only for what lasts', () => {
    const draft = { ...newDraft('en'), condition: 'delivery-failed' as const, afterMinutes: 10 };
    expect(bodyOf(draft, []).after_seconds).toBe(0);
    expect(afterWords(rule)).toBe(' for 90 minutes');
    expect(afterWords({ condition: 'message-unheard', after_seconds: 3600 })).toBe(' for 1 hour');
    expect(afterWords({ condition: 'message-unheard', after_seconds: 45 })).toBe(' for 45 seconds');
    expect(afterWords({ condition: 'message-unheard', after_seconds: 0 })).toBe(', at once');
    expect(afterWords({ condition: 'delivery-failed', after_seconds: 60 })).toBe('');
  });

  it('name whom they tell', () => {
    const people = [{ word: 'bob', name: 'Bob' }];
    expect(['@owner', '@subject', 'bob', 'group:gone', '+4930'].map((word) => recipientName(word, people)))
      .toEqual(['me', 'whom it concerns', 'Bob', 'gone', '+4930']);
  });
});

describe('a web service', () => {
  const hook: Webhook = {
    id: 1, url: 'https://x', about: 'sent', created: 1, waiting: 0, given_up: 0, missed: 0, last_ok: null, error: null, failing_since: null,
  };
  it('is told in words how it stands', () => {
    expect(webhookState(hook)).toBe('new');
    expect(webhookState({ ...hook, last_ok: 2 })).toBe('working');
    expect(webhookState({ ...hook, waiting: 1 })).toBe('waiting');
    expect(webhookState({ ...hook, waiting: 1, error: '500' })).toBe('failing');
    expect(webhookState({ ...hook, last_ok: 2, given_up: 1 })).toBe('given-up');
    expect(webhookCounts({ ...hook, waiting: 1, given_up: 2 })).toBe('1 event waits · 2 were given up');
    expect(webhookCounts(hook)).toBe('');
  });
  it('can be tried again when it was not told something', () => {
    expect(canRetry(hook)).toBe(false);
    expect(canRetry({ ...hook, waiting: 2 })).toBe(false);
    expect(canRetry({ ...hook, waiting: 2, error: '500' })).toBe(true);
    expect(canRetry({ ...hook, given_up: 1 })).toBe(true);
  });
});
