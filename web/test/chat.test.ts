import { describe, expect, it } from 'vitest';
import { readChatFrame, readChatText } from '../src/chat/read';
import type { ChatState } from '../src/chat/state';
import { noChats, receiptWord, reduceChat, TYPING_MS, unreadTexts } from '../src/chat/state';
import type { ChatFrame, ChatText } from '../src/chat/types';
import { reachWords } from '../src/format';

const ME = 1;
const BOB = 2;
const text = (id: number, sender: number, part: Partial<ChatText> = {}): ChatText => ({
  id, sender, recipient: sender === ME ? BOB : ME, at: id, text: `text ${id}`, delivered: null, read: null, ...part,
});
const frame = (state: ChatState, f: ChatFrame, shown = false, now = 0, quiet = false) =>
  reduceChat(state, { type: 'frame', frame: f, me: ME, now, shown, quiet });
const arrives = (state: ChatState, m: ChatText, shown = false) =>
  frame(state, { chat: 'text', message: m, key: null }, shown);

describe('a text that arrives', () => {
  it('pops up and counts once, and not when its thread stands open', () => {
    let state = arrives(arrives(noChats, text(1, BOB)), text(1, BOB));
    expect(state.popups.map((p) => p.id)).toEqual([1]);
    expect(unreadTexts(state)).toBe(1);
    state = arrives(reduceChat(noChats, { type: 'open', with: BOB }), text(1, BOB), true);
    expect([state.popups.length, unreadTexts(state)]).toEqual([0, 0]);
    expect(state.threads[0]?.texts).toHaveLength(1);
  });

  it('waits quietly for who does not want to be disturbed', () => {
    const state = frame(noChats, { chat: 'text', message: text(1, BOB), key: null }, false, 0, true);
    expect([state.popups.length, unreadTexts(state)]).toEqual([0, 1]);
  });

  it('is cleared here when it was read elsewhere', () => {
    let state = arrives(arrives(noChats, text(1, BOB)), text(2, BOB));
    state = frame(state, { chat: 'marked', sender: BOB, recipient: ME, delivered: [1], read: [1], at: 9 });
    expect(state.popups.map((p) => p.id)).toEqual([2]);
    expect(unreadTexts(state)).toBe(1);
  });

  it('ends the sign that its sender is typing', () => {
    let state = frame(noChats, { chat: 'typing', from: BOB, on: true }, false, 100);
    expect(state.typing).toEqual([{ from: BOB, until: 100 + TYPING_MS }]);
    expect(reduceChat(state, { type: 'expire', now: 100 + TYPING_MS }).typing).toEqual([]);
    state = arrives(state, text(1, BOB));
    expect(state.typing).toEqual([]);
  });
});

describe('a text of one’s own', () => {
  const pending = { key: 'k', to: BOB, text: 'hi', at: 1, error: null };

  it('waits until the server has kept it, and shows its marks', () => {
    let state = reduceChat(noChats, { type: 'sending', pending });
    expect(state.pending).toHaveLength(1);
    state = frame(state, { chat: 'text', message: text(5, ME), key: 'k' });
    expect(state.pending).toEqual([]);
    const mine = () => state.threads[0]!.texts[0]!;
    expect(receiptWord(mine())).toBe('Sent');
    state = frame(state, { chat: 'marked', sender: ME, recipient: BOB, delivered: [5], read: [], at: 7 });
    expect(receiptWord(mine())).toBe('Delivered');
    state = frame(state, { chat: 'marked', sender: ME, recipient: BOB, delivered: [], read: [5], at: 8 });
    expect(receiptWord(mine())).toBe('Read');
    // A page that was asked for before does not take the marks back.
    state = reduceChat(state, { type: 'page', with: BOB, page: { messages: [text(5, ME)], next: null }, first: true });
    expect(receiptWord(mine())).toBe('Read');
  });

  it('says why it was refused, and can be sent again', () => {
    let state = reduceChat(noChats, { type: 'sending', pending });
    state = frame(state, { chat: 'failed', key: 'k', error: 'too many texts' });
    expect(state.pending[0]?.error).toBe('too many texts');
    state = reduceChat(state, { type: 'again', key: 'k' });
    expect(state.pending[0]?.error).toBeNull();
    expect(reduceChat(state, { type: 'forget', key: 'k' }).pending).toEqual([]);
  });
});

describe('threads', () => {
  const bob = { id: BOB, name: 'bob', display_name: 'Bob', extension: '1002' };

  it('are listed with the latest first, and pages join what is known', () => {
    let state = reduceChat(noChats, {
      type: 'listed',
      threads: [{ with: bob, last: text(9, BOB), unread: 3 }],
    });
    expect([state.threads[0]?.name, unreadTexts(state)]).toEqual(['Bob', 3]);
    state = reduceChat(state, { type: 'page', with: BOB, page: { messages: [text(9, BOB), text(8, ME)], next: 8 }, first: true });
    state = reduceChat(state, { type: 'page', with: BOB, page: { messages: [text(7, BOB)], next: null }, first: false });
    expect(state.threads[0]?.texts.map((t) => t.id)).toEqual([7, 8, 9]);
    expect(state.threads[0]?.older).toBeNull();
    state = reduceChat(state, { type: 'read', with: BOB });
    expect(unreadTexts(state)).toBe(0);
  });
});

describe('chat frames', () => {
  it('are left out where they lack what they need', () => {
    expect(readChatFrame({ chat: 'text', message: { id: 1 } })).toBeNull();
    expect(readChatFrame({ chat: 'failed' })).toBeNull();
    expect(readChatFrame({ chat: 'song' })).toBeNull();
    expect(readChatText({ id: 1, sender: 1, recipient: 2 })).toBeNull();
    expect(readChatFrame({ chat: 'typing', from: 2, on: true })).toEqual({ chat: 'typing', from: 2, on: true });
    expect(readChatFrame({ chat: 'marked', sender: 1, recipient: 2, delivered: [1, 'x'], read: null, at: 3 }))
      .toEqual({ chat: 'marked', sender: 1, recipient: 2, delivered: [1], read: [], at: 3 });
  });
});

describe('how somebody is reached', () => {
  it('is told in words', () => {
    expect(reachWords({ by_browser: true, by_phone: true })).toBe('in the browser and by phone');
    expect(reachWords({ by_browser: false, by_phone: true })).toBe('by phone');
    expect(reachWords({ by_browser: false, by_phone: false })).toBe('mailbox only');
  });
});
