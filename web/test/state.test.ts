import { describe, expect, it } from 'vitest';
import type { ServerFrame } from '../src/protocol';
import type { State } from '../src/state';
import { addStep, furthest, inboxOrder, initialState, reduce, stepDetail, unheard } from '../src/state';
import type { Message, OutboxEntry, ReceiptStep } from '../src/types';

function message(id: string, part: Partial<Message> = {}): Message {
  return {
    id, sender: { user: 1, name: 'Alice', address: '' }, at: 1, length_ms: 1000, urgent: false, private: false, reply_to: null,
    step: 'accepted', peaks: [], audio: `/a/${id}`, ...part,
  };
}

const frame = (state: State, f: ServerFrame) => reduce(state, { type: 'frame', frame: f });
const popup = (m: Message): ServerFrame => ({ type: 'popup', message: m, link: '/m/t', committedAt: null });
const listed = (inbox: Message[], saved: Message[] = []) => reduce(initialState, { type: 'mailbox', inbox, saved });
const step = (s: ReceiptStep['step'], device: string, at: number, heard_ms?: number): ReceiptStep =>
  ({ step: s, device, at, ...(heard_ms === undefined ? {} : { heard_ms }) });

describe('pop-ups', () => {
  it('show a message once, and put it into the inbox once', () => {
    let state = frame(listed([]), popup(message('a')));
    state = frame(state, popup(message('a')));
    expect(state.popups).toHaveLength(1);
    expect(state.messages).toHaveLength(1);
    expect(unheard(state)).toBe(1);
  });

  it('do not come back for a message that was heard', () => {
    const state = frame(listed([message('a', { step: 'heard' })]), popup(message('a')));
    expect(state.popups).toHaveLength(0);
  });

  it('go when the message is heard on another device, or deleted', () => {
    const shown = frame(frame(listed([]), popup(message('a'))), popup(message('b')));
    const heard = frame(shown, { type: 'message_state', message: 'a', change: { step: 'heard' } });
    expect(heard.popups.map((p) => p.message.id)).toEqual(['b']);
    expect(unheard(heard)).toBe(1);
    const gone = frame(heard, { type: 'message_state', message: 'b', change: 'deleted' });
    expect(gone.popups).toEqual([]);
    expect(gone.messages.map((m) => m.id)).toEqual(['a']);
  });

  it('go when a fresh list says that the message was heard meanwhile', () => {
    const shown = frame(listed([]), popup(message('a')));
    expect(reduce(shown, { type: 'mailbox', inbox: [message('a', { step: 'heard' })], saved: [] }).popups).toEqual([]);
  });
});

describe('what the server says to its user', () => {
  it('is shown as a notice', () => {
    expect(frame(initialState, { type: 'notice', text: 'Lunch' }).notice).toEqual({ kind: 'info', text: 'Lunch' });
  });

  it('is, of a restored message, a reason to read the mailbox afresh and no more', () => {
    const state = listed([message('a')]);
    expect(frame(state, { type: 'message_state', message: 'b', change: 'restored' })).toEqual(state);
  });
});

describe('the inbox', () => {
  it('lists new before heard, urgent before others, late before early', () => {
    const state = listed([
      message('old', { at: 9, step: 'heard' }), message('first', { at: 1 }),
      message('late', { at: 3 }), message('urgent', { at: 2, urgent: true }),
    ]);
    expect(inboxOrder(state.messages, null).map((m) => m.id)).toEqual(['urgent', 'late', 'first', 'old']);
  });

  it('does not move the message that is being heard', () => {
    let state = reduce(listed([message('a', { at: 2 }), message('b', { at: 3 })]), { type: 'select', id: 'a' });
    state = reduce(state, { type: 'heard', id: 'a' });
    expect(unheard(state)).toBe(1);
    expect(inboxOrder(state.messages, state.selected).map((m) => m.id)).toEqual(['b', 'a']);
    const later = frame(state, popup(message('c', { at: 1 })));
    expect(inboxOrder(later.messages, later.selected).map((m) => m.id)).toEqual(['b', 'a', 'c']);
  });

  it('never takes a step back', () => {
    const state = frame(listed([message('a', { step: 'heard' })]), { type: 'message_state', message: 'a', change: { step: 'delivered' } });
    expect(state.messages[0]?.step).toBe('heard');
  });
});

describe('receipts', () => {
  const entry: OutboxEntry = {
    id: 'm', at: 1, length_ms: 1000,
    recipients: [{ user: 2, name: 'bob', steps: [step('accepted', 'server', 1)] }],
  };
  const sent = reduce(initialState, { type: 'outbox', entries: [entry] });
  const receipt = (s: ReceiptStep): ServerFrame =>
    ({ type: 'receipt', message: 'm', recipient: 2, recipientName: 'bob', step: s });

  it('go the whole way, live', () => {
    let state = sent;
    for (const s of [step('notified', 'browser', 2), step('delivered', 'browser', 3), step('heard', 'browser', 4, 500)]) {
      state = frame(state, receipt(s));
      expect(furthest(state.outbox[0]?.recipients[0]?.steps ?? [])).toBe(s.step);
    }
  });

  it('are not lost when an older list arrives after them', () => {
    const state = frame(sent, receipt(step('notified', 'browser', 2)));
    const reloaded = reduce(state, { type: 'outbox', entries: [entry] });
    expect(furthest(reloaded.outbox[0]?.recipients[0]?.steps ?? [])).toBe('notified');
  });

  it('tell of an attempt that failed, also after the list was read again', () => {
    const trouble = { device: 'phone', reason: 'busy', at: 3, final: false };
    let state = frame(sent, { type: 'trouble', message: 'm', recipient: 2, recipientName: 'bob', trouble });
    state = reduce(state, { type: 'outbox', entries: [entry] });
    expect(state.outbox[0]?.recipients[0]?.trouble).toEqual(trouble);
  });

  it('keep a step once a device: its first time, the furthest position', () => {
    let steps = addStep([], step('heard', 'browser', 9, 400));
    steps = addStep(steps, step('heard', 'browser', 12, 900));
    steps = addStep(steps, step('heard', 'phone:desk', 5, 100));
    expect(steps).toHaveLength(2);
    expect(stepDetail(steps, 'heard')).toEqual(step('heard', 'phone:desk', 5, 900));
    expect(stepDetail(steps, 'notified')).toBeNull();
  });
});

describe('contacts', () => {
  it('follow presence, and are chosen and let go', () => {
    const contacts = [2, 1].map((id) => ({ id, name: `u${id}`, display_name: `U${id}`, extension: '', presence: 'offline' as const, by_browser: false, by_phone: false }));
    let state = reduce(initialState, { type: 'contacts', contacts });
    state = frame(state, { type: 'presence', user: 2, presence: 'online', by_browser: true, by_phone: false });
    expect(state.contacts.map((c) => [c.id, c.presence])).toEqual([[1, 'offline'], [2, 'online']]);
    state = reduce(reduce(state, { type: 'choose', user: 1 }), { type: 'choose', user: 2 });
    expect(state.chosen).toEqual([1, 2]);
    expect(reduce(state, { type: 'choose', user: 1 }).chosen).toEqual([2]);
    expect(reduce(state, { type: 'choose', user: 2, only: true }).chosen).toEqual([2]);
  });
});
