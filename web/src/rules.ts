// Rules on Hark's own events: what the server says of them, and the texts made of them. Pure.

import type { EventRequest } from './events';
import type { Said } from './said';
import { nothingSaid, requestPart, saidOf } from './said';

export type Condition =
  | 'device-unregistered' | 'message-unheard' | 'delivery-failed' | 'mailbox-nearly-full' | 'trunk-refused';

export interface RuleSpec {
  condition: Condition;
  after_seconds: number;
  clear_seconds: number;
  window_seconds: number;
  announce: EventRequest;
}

export interface EventRule extends RuleSpec {
  id: number;
  name: string;
  enabled: boolean;
  /** It sees what concerns anybody, and not only its owner. */
  everybody: boolean;
  last_fired: number | null;
  note?: string;
}

export type RuleBody = RuleSpec & { name: string; enabled: boolean };

/** Whom a rule's event concerns, and whose rule it is. */
export const SUBJECT = '@subject';
export const OWNER = '@owner';

/** Values that every rule's text may ask for. */
export const KNOWN_VALUES: readonly string[] = ['condition', 'user', 'sender', 'trunk', 'minutes'];

interface ConditionWords {
  label: string;
  /** Whether it goes on for a while, so that a rule can wait whether it does. */
  lasts: boolean;
  example: string;
}

export const CONDITIONS: Record<Condition, ConditionWords> = {
  'message-unheard': {
    label: 'a message was not heard', lasts: true,
    example: 'A message from {sender} for {user} has not been heard for {minutes} minutes.',
  },
  'device-unregistered': {
    label: 'a telephone is no longer registered', lasts: true, example: 'The telephone of {user} can no longer be reached.',
  },
  'delivery-failed': {
    label: 'a message reached nobody', lasts: false, example: 'A message for {user} could not be delivered.',
  },
  'mailbox-nearly-full': {
    label: 'a mailbox is nearly full', lasts: true, example: 'The mailbox of {user} is nearly full.',
  },
  'trunk-refused': {
    label: 'a trunk takes no calls', lasts: false, example: 'The trunk {trunk} refuses calls.',
  },
};

/** A rule as the form holds it. */
export interface RuleDraft {
  id: number | null;
  name: string;
  enabled: boolean;
  condition: Condition;
  afterMinutes: number;
  windowMinutes: number;
  clearSeconds: number;
  said: Said;
  values: Record<string, string>;
  recipients: string[];
  urgent: boolean;
  confirm: boolean;
  /** What else its announcement holds, which the form does not show: it stays as it is. */
  rest: Partial<EventRequest>;
}

export function newDraft(language: string): RuleDraft {
  const condition: Condition = 'message-unheard';
  return {
    id: null, name: '', enabled: true, condition, afterMinutes: 60, windowMinutes: 60, clearSeconds: 0,
    said: exampleSaid(condition, language), values: {}, recipients: [OWNER], urgent: false, confirm: false, rest: {},
  };
}

export function exampleSaid(condition: Condition, language: string): Said {
  const said = nothingSaid(language);
  return said.kind === 'text' ? { kind: 'text', texts: [{ language, text: CONDITIONS[condition].example }] } : said;
}

export function draftOf(rule: EventRule, language: string): RuleDraft {
  const { content: _c, template: _t, values, recipients, urgent, confirm, ...rest } = rule.announce;
  return {
    id: rule.id, name: rule.name, enabled: rule.enabled, condition: rule.condition,
    afterMinutes: rule.after_seconds / 60, windowMinutes: rule.window_seconds / 60, clearSeconds: rule.clear_seconds,
    said: saidOf(rule.announce, language), values: values ?? {}, recipients, urgent, confirm, rest,
  };
}

/** What is sent; `asked` are the values that the text asks for beside the known ones. */
export function bodyOf(draft: RuleDraft, asked: readonly string[]): RuleBody {
  return {
    name: draft.name.trim(), enabled: draft.enabled, condition: draft.condition,
    after_seconds: CONDITIONS[draft.condition].lasts ? Math.round(draft.afterMinutes * 60) : 0,
    clear_seconds: draft.clearSeconds,
    window_seconds: Math.round(draft.windowMinutes * 60),
    announce: {
      ...draft.rest, ...requestPart(draft.said, draft.values, asked),
      recipients: draft.recipients, urgent: draft.urgent, confirm: draft.confirm,
    },
  };
}

/** The same rule, at rest or no longer. */
export function withEnabled(rule: EventRule, enabled: boolean): RuleBody {
  const { name, condition, after_seconds, clear_seconds, window_seconds, announce } = rule;
  return { name, enabled, condition, after_seconds, clear_seconds, window_seconds, announce };
}

/** `for 60 minutes`, `at once`. */
export function afterWords(rule: Pick<RuleSpec, 'condition' | 'after_seconds'>): string {
  if (!CONDITIONS[rule.condition]?.lasts) return '';
  if (rule.after_seconds === 0) return ', at once';
  const [n, unit] = rule.after_seconds % 3600 === 0
    ? [rule.after_seconds / 3600, 'hour']
    : rule.after_seconds % 60 === 0 ? [rule.after_seconds / 60, 'minute'] : [rule.after_seconds, 'second'];
  return ` for ${n} ${unit}${n === 1 ? '' : 's'}`;
}

/** Whom a word among the recipients stands for. */
export function recipientName(word: string, people: readonly { word: string; name: string }[]): string {
  if (word === SUBJECT) return 'whom it concerns';
  if (word === OWNER) return 'me';
  return people.find((p) => p.word === word)?.name ?? word.replace(/^group:/, '');
}
