import { describe, expect, it } from 'vitest';
import { Bars, loudness } from '../src/recorder/level';
import { Outgoing } from '../src/recorder/outgoing';

function line(part: { open?: boolean; takes?: number } = {}) {
  const sent: number[] = [];
  return {
    sent,
    isOpen: part.open ?? true,
    buffered: 0,
    sendBytes(bytes: Uint8Array) {
      if (!this.isOpen) return false;
      sent.push(bytes.length);
      this.buffered += bytes.length;
      return true;
    },
  };
}

describe('bytes on their way', () => {
  it('leave at once while the line is free', () => {
    const free = line();
    const out = new Outgoing(free);
    expect(out.push(new Uint8Array(400))).toBe('ok');
    expect(free.sent).toEqual([400]);
    expect(out.sent).toBe(400);
  });

  it('wait while the socket is full, in their order, and are bounded', () => {
    const slow = line();
    slow.buffered = 64 * 1024;
    const out = new Outgoing(slow);
    expect(out.push(new Uint8Array(1))).toBe('ok');
    expect(out.push(new Uint8Array(2))).toBe('ok');
    expect(slow.sent).toEqual([]);
    slow.buffered = 0;
    expect(out.pump()).toBe('ok');
    expect(slow.sent).toEqual([1, 2]);
    expect(out.push(new Uint8Array(600 * 1024))).toBe('full');
  });

  it('say when the connection is gone', async () => {
    const broken = line();
    const out = new Outgoing(broken);
    broken.isOpen = false;
    expect(out.push(new Uint8Array(1))).toBe('closed');
    expect(await out.drain(async () => undefined)).toBe('closed');
  });

  it('are drained before the recording is ended', async () => {
    const slow = line();
    slow.buffered = 64 * 1024;
    const out = new Outgoing(slow);
    out.push(new Uint8Array(7));
    let pauses = 0;
    expect(await out.drain(async () => {
      pauses += 1;
      if (pauses === 3) slow.buffered = 0;
    })).toBe('ok');
    expect([pauses, slow.sent]).toEqual([3, [7]]);
  });
});

describe('loudness', () => {
  it('runs from silence to a shout', () => {
    const tone = (amplitude: number) => Float32Array.from({ length: 960 }, (_, i) => amplitude * Math.sin(i / 5));
    expect(loudness(new Float32Array(960))).toBe(0);
    expect(loudness(new Float32Array(0))).toBe(0);
    expect(loudness(tone(1))).toBe(1);
    expect(loudness(tone(0.1))).toBeGreaterThan(0.5);
    expect(loudness(tone(0.001))).toBeLessThan(0.01);
  });

  it('is drawn one bar for every four frames, as loud as the loudest', () => {
    const bars = new Bars();
    expect([0.1, 1, 0.2, 0.3, 0].map((l) => bars.add(l))).toEqual([null, null, null, 255, null]);
  });
});
