// Chat as JSON, checked field by field.

import type { ChatFrame, ChatId, ChatText } from './types';

type Fields = Record<string, unknown>;

/** Reads a chat frame; null when it is none that this client understands. */
export function readChatFrame(value: Fields): ChatFrame | null {
  switch (value.chat) {
    case 'text': {
      const message = readChatText(value.message);
      return message && { chat: 'text', message, key: str(value.key) };
    }
    case 'failed': {
      const key = str(value.key);
      return key === null ? null : { chat: 'failed', key, error: str(value.error) ?? 'It was not sent.' };
    }
    case 'marked': {
      const sender = num(value.sender);
      const recipient = num(value.recipient);
      if (sender === null || recipient === null) return null;
      return {
        chat: 'marked', sender, recipient,
        delivered: ids(value.delivered), read: ids(value.read), at: num(value.at) ?? 0,
      };
    }
    case 'typing': {
      const from = num(value.from);
      return from === null ? null : { chat: 'typing', from, on: value.on === true };
    }
    default:
      return null;
  }
}

/** Reads a text; null when it lacks what it needs. */
export function readChatText(value: unknown): ChatText | null {
  if (typeof value !== 'object' || value === null) return null;
  const fields = value as Fields;
  const id = num(fields.id);
  const sender = num(fields.sender);
  const recipient = num(fields.recipient);
  const text = str(fields.text);
  if (id === null || sender === null || recipient === null || text === null) return null;
  return {
    id, sender, recipient, text, at: num(fields.at) ?? 0,
    delivered: num(fields.delivered), read: num(fields.read),
  };
}

function ids(value: unknown): ChatId[] {
  return Array.isArray(value) ? value.map(num).filter((id) => id !== null) : [];
}
function str(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
function num(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}
