import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ServerFrame } from '../src/protocol';
import { parseServerFrame } from '../src/protocol';
import { Resume } from '../src/resume';
import { HarkSocket } from '../src/socket';

const hello = (last: number, resumed: boolean) =>
  ({ type: 'hello', user: { id: 1, name: 'alice' }, contacts: [], counts: { new: 0, saved: 0 }, last_event_id: last, resumed });
const receipt = (event: number) =>
  ({ type: 'receipt', message: 'm', recipient: 2, recipient_name: 'Bob', step: 'heard', device: 'desk', at: 5, event_id: event });
const own = (event: number) => ({ type: 'message_state', message: 'm', step: 'heard', event_id: event });

function read(frame: unknown): ServerFrame {
  const parsed = parseServerFrame(JSON.stringify(frame));
  if (!parsed) throw new Error('not read');
  return parsed;
}

describe('the event log', () => {
  it('is taken up after the last event that was told', () => {
    const resume = new Resume();
    expect(resume.query).toBe('');
    resume.take(read(hello(7, false)));
    expect(resume.query).toBe('?last_event_id=7');
    resume.take(read(receipt(9)));
    expect(resume.query).toBe('?last_event_id=9');
  });

  it('is not believed to be told when only the greeting came', () => {
    const resume = new Resume();
    resume.take(read(hello(7, false)));
    // The connection may break before the events 8 to 20 come.
    resume.take(read(hello(20, true)));
    expect(resume.query).toBe('?last_event_id=7');
  });

  it('is told once, whatever the server tells again', () => {
    const resume = new Resume();
    resume.take(read(hello(7, false)));
    expect(resume.take(read(receipt(8)))).toBe(true);
    resume.take(read(hello(9, true)));
    expect(resume.take(read(receipt(8)))).toBe(false);
    expect(resume.take(read(receipt(9)))).toBe(true);
    // A message to oneself: both ends of one event.
    expect(resume.take(read(own(9)))).toBe(true);
    expect(resume.take(read(own(9)))).toBe(false);
    expect(resume.query).toBe('?last_event_id=9');
  });

  it('begins anew with another life of the server, and with another user', () => {
    const resume = new Resume();
    resume.take(read(receipt(50)));
    resume.take(read(hello(3, false)));
    expect(resume.query).toBe('?last_event_id=3');
    expect(resume.take(read(receipt(50)))).toBe(true);
    resume.reset();
    expect(resume.query).toBe('');
  });

  it('lets frames pass that are not of the log', () => {
    const resume = new Resume();
    for (const frame of [{ type: 'ping' }, { type: 'notice', text: 'x' }, { type: 'message_state', message: 'm', saved: true }]) {
      expect(resume.take(read(frame))).toBe(true);
      expect(resume.take(read(frame))).toBe(true);
    }
  });
});

class FakeSocket {
  static readonly OPEN = 1;
  static readonly opened: FakeSocket[] = [];
  readyState = 1;
  bufferedAmount = 0;
  binaryType = '';
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  constructor(readonly url: string) {
    FakeSocket.opened.push(this);
  }
  send(): void { /* the server does not answer here */ }
  close(): void { /* told by the test */ }
  tell(frame: unknown): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }
}

describe('a socket that is lost', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    FakeSocket.opened.length = 0;
    vi.stubGlobal('WebSocket', FakeSocket);
    vi.stubGlobal('addEventListener', () => undefined);
    vi.stubGlobal('removeEventListener', () => undefined);
    vi.stubGlobal('document', { addEventListener: () => undefined, removeEventListener: () => undefined, visibilityState: 'visible' });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it('comes back for what it missed, and shows each event once', async () => {
    const seen: ServerFrame[] = [];
    const socket = new HarkSocket({
      frame: (frame) => seen.push(frame), connection: () => undefined, mayRetry: () => Promise.resolve(true),
    }, 'ws://hark/ws');
    socket.open();
    const [first] = FakeSocket.opened;
    expect(first?.url).toBe('ws://hark/ws');
    first?.onopen?.();
    first?.tell(hello(4, false));
    first?.tell(receipt(5));
    first?.onclose?.();
    await vi.advanceTimersByTimeAsync(2_000);
    const second = FakeSocket.opened[1];
    expect(second?.url).toBe('ws://hark/ws?last_event_id=5');
    second?.onopen?.();
    second?.tell(hello(6, true));
    second?.tell(receipt(5));
    second?.tell(receipt(6));
    expect(seen.map((frame) => (frame.type === 'receipt' ? frame.eventId : frame.type))).toEqual(['hello', 5, 'hello', 6]);
    socket.close();
    socket.open();
    expect(FakeSocket.opened[2]?.url).toBe('ws://hark/ws');
    socket.close();
  });
});
