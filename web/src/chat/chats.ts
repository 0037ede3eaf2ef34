// Chats: ties the API and the socket to their state.

import { api } from '../api';
import { notifyHiddenText } from '../notify';
import { Store } from '../store';
import type { UserId } from '../types';
import type { ChatAction, ChatState } from './state';
import { noChats, reduceChat, TYPING_MS } from './state';
import type { ChatClientFrame, ChatFrame, ChatId } from './types';

/** Told again so often while somebody goes on typing. */
const TYPING_AGAIN_MS = 3000;

/** What chats need of the session around them. */
export interface ChatHost {
  me(): UserId | null;
  /** False when there is no connection. */
  send(frame: ChatClientFrame): boolean;
  /** Whether the chat view is the one that is shown. */
  isShown(): boolean;
  /** Whether the user does not want to be disturbed. */
  isQuiet(): boolean;
  show(): void;
  nameOf(user: UserId): string;
  attempt(work: () => Promise<void>): Promise<void>;
}

export class Chats {
  readonly state = new Store<ChatState>(noChats);
  private typed = { to: 0, at: 0 };
  private typingEnds: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly host: ChatHost) {
    document.addEventListener('visibilitychange', () => this.looked());
    addEventListener('focus', () => this.looked());
  }

  reset(): void {
    this.state.set(noChats);
  }

  /** Reads the list afresh, and the open thread: what was missed is in it. */
  async reload(): Promise<void> {
    this.dispatch({ type: 'listed', threads: await api.chats() });
    for (const { with: peer, texts, unread } of this.state.get().threads) {
      const last = texts[texts.length - 1];
      if (unread > 0 && last && last.sender === peer) this.host.send({ chat: 'delivered', with: peer, up_to: last.id });
    }
    for (const { key, to, text, error } of this.state.get().pending) {
      // The key makes sure that it is kept once.
      if (error === null) this.host.send({ chat: 'send', key, to, text });
    }
    const { open } = this.state.get();
    if (open !== null) await this.load(open, null);
    this.looked();
  }

  open(peer: UserId): void {
    this.dispatch({ type: 'open', with: peer });
    this.host.show();
    void this.host.attempt(() => this.load(peer, null));
    this.looked();
    setTimeout(() => document.getElementById('chat-text')?.focus());
  }

  close(): void {
    this.dispatch({ type: 'open', with: null });
  }

  older(peer: UserId): void {
    const thread = this.state.get().threads.find((t) => t.with === peer);
    if (thread?.older != null) void this.host.attempt(() => this.load(peer, thread.older));
  }

  send(to: UserId, text: string): void {
    const key = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
    this.dispatch({ type: 'sending', pending: { key, to, text, at: Date.now(), error: null } });
    this.typed = { to: 0, at: 0 };
    // Without a connection it waits: the next one sends it.
    this.host.send({ chat: 'send', key, to, text });
  }

  again(key: string): void {
    const pending = this.state.get().pending.find((p) => p.key === key);
    if (!pending) return;
    this.dispatch({ type: 'again', key });
    this.host.send({ chat: 'send', key, to: pending.to, text: pending.text });
  }

  forget(key: string): void {
    this.dispatch({ type: 'forget', key });
  }

  dismiss(id: ChatId): void {
    this.dispatch({ type: 'dismiss', id });
  }

  /** The user changed what they write. */
  typing(to: UserId, text: string): void {
    const now = Date.now();
    const on = text !== '';
    const isNews = on ? this.typed.to !== to || now - this.typed.at > TYPING_AGAIN_MS : this.typed.to === to;
    if (!isNews) return;
    this.typed = on ? { to, at: now } : { to: 0, at: 0 };
    this.host.send({ chat: 'typing', to, on });
  }

  frame(frame: ChatFrame): void {
    const me = this.host.me();
    if (me === null) return;
    const before = this.state.get();
    const shown = frame.chat === 'text' && this.isBefore(frame.message.sender);
    const quiet = this.host.isQuiet();
    this.dispatch({ type: 'frame', frame, me, now: Date.now(), shown, quiet });
    if (frame.chat === 'typing' && frame.on) {
      clearTimeout(this.typingEnds);
      this.typingEnds = setTimeout(() => this.dispatch({ type: 'expire', now: Date.now() }), TYPING_MS + 50);
    }
    if (frame.chat !== 'text' || frame.message.recipient !== me) return;
    const { message } = frame;
    if (shown) {
      this.host.send({ chat: 'read', with: message.sender, up_to: message.id });
      return;
    }
    this.host.send({ chat: 'delivered', with: message.sender, up_to: message.id });
    if (!quiet) notifyHiddenText(this.host.nameOf(message.sender), message, () => this.open(message.sender));
    const known = before.threads.some((t) => t.with === message.sender);
    if (!known) void this.host.attempt(async () => this.dispatch({ type: 'listed', threads: await api.chats() }));
  }

  /** The user looks at the page, or came to the chats: what stands there is read. */
  looked(): void {
    const { open, threads } = this.state.get();
    if (open === null || !this.isBefore(open)) return;
    const thread = threads.find((t) => t.with === open);
    const last = thread?.texts.filter((m) => m.sender === open).pop();
    if (!thread || !last || (thread.unread === 0 && last.read !== null)) return;
    this.host.send({ chat: 'read', with: open, up_to: last.id });
    this.dispatch({ type: 'read', with: open });
  }

  private isBefore(peer: UserId): boolean {
    return this.state.get().open === peer && this.host.isShown() && document.visibilityState === 'visible';
  }

  private async load(peer: UserId, before: ChatId | null): Promise<void> {
    const page = await api.chat(peer, before);
    this.dispatch({ type: 'page', with: peer, page, first: before === null });
    this.looked();
  }

  private dispatch(action: ChatAction): void {
    this.state.set(reduceChat(this.state.get(), action));
  }
}
