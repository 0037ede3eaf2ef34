// A chat as the server says it.

import type { User, UserId } from '../types';

/** Grows with time. */
export type ChatId = number;

export interface ChatText {
  id: ChatId;
  sender: UserId;
  recipient: UserId;
  at: number;
  text: string;
  /** When it first reached a device of its recipient. */
  delivered: number | null;
  read: number | null;
}

export interface ThreadSummary {
  with: User;
  last: ChatText;
  unread: number;
}

export interface Page {
  /** The latest first. */
  messages: ChatText[];
  /** What to ask for next; null on the last page. */
  next: ChatId | null;
}

export type ChatFrame =
  | { chat: 'text'; message: ChatText; key: string | null }
  | { chat: 'failed'; key: string; error: string }
  | { chat: 'marked'; sender: UserId; recipient: UserId; delivered: ChatId[]; read: ChatId[]; at: number }
  | { chat: 'typing'; from: UserId; on: boolean };

export type ChatClientFrame =
  | { chat: 'send'; key: string; to: UserId; text: string }
  | { chat: 'delivered'; with: UserId; up_to: ChatId }
  | { chat: 'read'; with: UserId; up_to: ChatId }
  | { chat: 'typing'; to: UserId; on: boolean };
