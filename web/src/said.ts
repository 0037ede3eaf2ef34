// What is announced, as the page edits it: words in one or more languages, a prompt, a message or a
// template, and the values that are put in. Pure.

import type { Content, EventRequest, Template } from './events';
import type { MessageId } from './types';

export interface Text {
  language: string;
  text: string;
}

export type Said =
  | { kind: 'text'; texts: Text[] }
  | { kind: 'prompt'; prompt: string }
  | { kind: 'recording'; message: MessageId }
  | { kind: 'template'; template: string };

export type SaidKind = Said['kind'];

export function nothingSaid(language: string): Said {
  return { kind: 'text', texts: [{ language, text: '' }] };
}

export function saidOfContent(content: Content): Said {
  if ('text' in content) {
    return { kind: 'text', texts: Object.entries(content.text).map(([language, text]) => ({ language, text })) };
  }
  if ('prompt' in content) return { kind: 'prompt', prompt: content.prompt };
  return { kind: 'recording', message: content.recording };
}

export function saidOf(request: Pick<EventRequest, 'content' | 'template'>, language: string): Said {
  if (request.template !== undefined) return { kind: 'template', template: request.template };
  return request.content ? saidOfContent(request.content) : nothingSaid(language);
}

/** What a request says; null for a template, which is named instead. */
export function contentOf(said: Said): Content | null {
  switch (said.kind) {
    case 'text':
      return { text: Object.fromEntries(said.texts.map((t) => [t.language.trim(), t.text.trim()])) };
    case 'prompt':
      return { prompt: said.prompt.trim() };
    case 'recording':
      return { recording: said.message };
    case 'template':
      return null;
  }
}

/** The part of a request that says what is announced; of the values, those that are asked for. */
export function requestPart(
  said: Said, values: Record<string, string>, asked: readonly string[],
): Pick<EventRequest, 'content' | 'template' | 'values'> {
  const given = Object.fromEntries(asked.map((name) => [name, values[name] ?? '']));
  const part = asked.length === 0 ? {} : { values: given };
  const content = contentOf(said);
  if (content) return { content, ...part };
  return { template: said.kind === 'template' ? said.template : '', ...part };
}

/** The names of the values that a text asks for, each once: `{room}`, but not `{{room}}`. */
export function placeholders(text: string): string[] {
  const names = text.replace(/\{\{|\}\}/g, '').match(/\{[\p{L}\p{N}_.-]{1,64}\}/gu) ?? [];
  return [...new Set(names.map((name) => name.slice(1, -1)))];
}

/** The values that have to be given, beside those that are known anyway. */
export function askedFor(said: Said, templates: readonly Template[], known: readonly string[]): string[] {
  const texts = (content: Content | undefined) => (content && 'text' in content ? Object.values(content.text) : []);
  const all = said.kind === 'template'
    ? texts(inForce(templates, said.template)?.content)
    : said.kind === 'text' ? said.texts.map((t) => t.text) : [];
  return [...new Set(all.flatMap(placeholders))].filter((name) => !known.includes(name));
}

/** The template that a name stands for: one's own before the site's. */
export function inForce(templates: readonly Template[], name: string): Template | undefined {
  return templates.find((t) => t.name === name && !t.site) ?? templates.find((t) => t.name === name);
}

/** What is missing still; null when it can be sent. */
export function saidProblem(said: Said): string | null {
  switch (said.kind) {
    case 'text': {
      const tags = said.texts.map((t) => t.language.trim());
      if (tags.some((tag) => !/^[A-Za-z][A-Za-z0-9-]{0,15}$/.test(tag))) return 'A language is written like en or de-AT.';
      if (new Set(tags).size < tags.length) return 'Each language once.';
      return said.texts.some((t) => t.text.trim() === '') ? 'Write what is said.' : null;
    }
    case 'prompt':
      return /^[A-Za-z0-9_-]{1,64}$/.test(said.prompt.trim()) ? null : 'A prompt’s name has letters, digits, - and _.';
    case 'recording':
      return said.message === '' ? 'Choose a message.' : null;
    case 'template':
      return said.template === '' ? 'Choose a template.' : null;
  }
}

/** What is wrong with a name that stands in addresses; null when nothing is. */
export function wordProblem(name: string): string | null {
  return /^[A-Za-z0-9._-]{1,64}$/.test(name) ? null : 'Use letters from a-z, digits, dots, - and _; no spaces.';
}
