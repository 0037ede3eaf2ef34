import { describe, expect, it } from 'vitest';
import { parseServerFrame } from '../src/protocol';

const parse = (value: unknown) => parseServerFrame(JSON.stringify(value));

const message = {
  id: 'm1', sender: { user: 1, name: 'Alice', address: 'sip:alice@localhost' }, at: 5, length_ms: 1200,
  urgent: false, step: 'accepted', peaks: [0, 255, 300, -1, 'x'], audio: '/api/v1/messages/m1/audio',
};

describe('frames of the server', () => {
  it('leaves out what is no frame', () => {
    for (const text of ['', 'nonsense', '[]', 'null', '{}', '{"type":"unheard-of"}']) {
      expect(parseServerFrame(text)).toBeNull();
    }
  });

  it('leaves out frames that lack what they need', () => {
    expect(parse({ type: 'presence', user: 'bob', presence: 'online' })).toBeNull();
    expect(parse({ type: 'presence', user: 1, presence: 'asleep' })).toBeNull();
    expect(parse({ type: 'popup', message: { sender: null } })).toBeNull();
    expect(parse({ type: 'receipt', message: 'm1', step: 'eaten' })).toBeNull();
    expect(parse({ type: 'recording', id: 'r', state: 'maybe' })).toBeNull();
  });

  it('reads a pop-up, and only peaks that can be drawn', () => {
    const frame = parse({ type: 'popup', message, link: '/m/token', committed_at: 9 });
    expect(frame).toMatchObject({ type: 'popup', link: '/m/token', message: { id: 'm1', peaks: [0, 255] } });
  });

  it('reads whether a message is private, and what it answers', () => {
    expect(parse({ type: 'popup', message })).toMatchObject({ message: { private: false, reply_to: null } });
    expect(parse({ type: 'popup', message: { ...message, private: true, reply_to: 'm0' } }))
      .toMatchObject({ message: { private: true, reply_to: 'm0' } });
  });

  it('never takes an address on another server', () => {
    const link = (value: string) => {
      const frame = parse({ type: 'popup', message, link: value });
      return frame?.type === 'popup' ? frame.link : undefined;
    };
    expect(link('//evil.example/m/x')).toBeNull();
    expect(link('javascript:alert(1)')).toBeNull();
    expect(link('https://hark.example/m/token')).toBe('/m/token');
  });

  it('names a caller who has no name by the address', () => {
    const frame = parse({ type: 'popup', message: { ...message, sender: { user: null, name: '', address: '+1555' } } });
    expect(frame).toMatchObject({ message: { sender: { user: null, name: '+1555' } } });
  });

  it('reads each form of a change in the mailbox', () => {
    const change = (part: object) => {
      const frame = parse({ type: 'message_state', message: 'm1', ...part });
      return frame?.type === 'message_state' ? frame.change : null;
    };
    expect(change({ step: 'heard' })).toEqual({ step: 'heard' });
    expect(change({ step: 'deleted' })).toBe('deleted');
    expect(change({ deleted: true })).toBe('deleted');
    expect(change({ saved: true })).toBe('saved');
    expect(change({ restored: true })).toBe('restored');
    expect(change({})).toBeNull();
  });

  it('reads an attempt that failed', () => {
    expect(parse({ type: 'receipt', message: 'm1', recipient: 2, recipient_name: 'bob', step: 'attempt-failed', device: 'phone', at: 7, reason: 'busy' }))
      .toMatchObject({ type: 'trouble', recipient: 2, trouble: { device: 'phone', reason: 'busy', final: false } });
    expect(parse({ type: 'receipt', message: 'm1', recipient: 2, recipient_name: 'bob', step: 'failed', device: null, at: 7, reason: 'no answer' }))
      .toMatchObject({ type: 'trouble', trouble: { device: '', final: true } });
  });

  it('reads a notice as plain text, as long as can be shown', () => {
    expect(parse({ type: 'notice', text: '<b>Lunch</b>' })).toEqual({ type: 'notice', text: '<b>Lunch</b>' });
    expect(parse({ type: 'notice', text: 'x'.repeat(900) })).toEqual({ type: 'notice', text: 'x'.repeat(500) });
    expect(parse({ type: 'notice', text: '' })).toBeNull();
  });

  it('reads that somebody is in a call or not to be disturbed', () => {
    for (const presence of ['busy', 'do-not-disturb']) {
      expect(parse({ type: 'presence', user: 2, presence })).toMatchObject({ type: 'presence', user: 2, presence });
    }
  });

  it('reads a receipt and the outcome of a recording', () => {
    expect(parse({ type: 'receipt', message: 'm1', recipient: 2, recipient_name: 'bob', step: 'heard', device: 'browser', at: 7, heard_ms: 900 }))
      .toEqual({ type: 'receipt', message: 'm1', recipient: 2, recipientName: 'bob', step: { step: 'heard', device: 'browser', at: 7, heard_ms: 900 } });
    expect(parse({ type: 'recording', id: 'r', state: 'failed', error: { code: 'full', message: 'The disk is full.' } }))
      .toMatchObject({ state: 'failed', error: 'The disk is full.', message: null, bytes: 0 });
  });
});
