import { describe, expect, it } from 'vitest';
import { clock, initials, moment, names, position, shade, spokenLength, when } from '../src/format';
import { heardMs } from '../src/player';
import { backoff } from '../src/socket';
import { resample } from '../src/views/Waveform';

describe('lengths', () => {
  it('round to the second, but a sound is never nothing', () => {
    expect([0, 1, 1400, 1500, 59_600, 61_000].map(clock)).toEqual(['0:00', '0:01', '0:01', '0:02', '1:00', '1:01']);
    expect([0, 999, 1000, 61_999].map(position)).toEqual(['0:00', '0:00', '0:01', '1:01']);
  });
  it('are spoken in words', () => {
    expect([0, 1000, 60_000, 65_000, 121_000].map(spokenLength))
      .toEqual(['0 seconds', '1 second', '1 minute', '1 minute 5 seconds', '2 minutes 1 second']);
  });
});

describe('times', () => {
  const now = new Date(2026, 10, 23, 14, 5, 9).getTime();
  it('are as short as they can be', () => {
    const ago = (days: number) => when(new Date(2026, 10, 23 - days, 9, 30).getTime(), now, 'en-GB');
    expect([0, 1, 3, 20].map(ago)).toEqual(['09:30', 'Yesterday 09:30', 'Fri 09:30', '3 Nov 09:30']);
    expect(when(new Date(2025, 0, 2, 9, 30).getTime(), now, 'en-GB')).toBe('2 Jan 2025 09:30');
    expect(moment(now)).toBe('14:05:09');
  });
});

describe('names', () => {
  it('become initials, and always the same colour', () => {
    expect(['Alice Lindqvist', 'bob', '+46 8 555', '', '!'].map(initials)).toEqual(['AL', 'B', '45', '?', '?']);
    expect(shade('Alice', 6)).toBe(shade('Alice', 6));
  });
  it('become a list', () => {
    expect([[], ['A'], ['A', 'B'], ['A', 'B', 'C'], ['A', 'B', 'C', 'D']].map(names))
      .toEqual(['', 'A', 'A and B', 'A, B and C', 'A, B and 2 more']);
  });
});

describe('what was heard', () => {
  it('counts each part once, and skipped parts not at all', () => {
    expect(heardMs([], 10_000)).toBe(0);
    expect(heardMs([[0, 2], [1, 3]], 10_000)).toBe(3000);
    expect(heardMs([[8, 9], [0, 1]], 10_000)).toBe(2000);
  });
  it('is all of it from nine tenths on', () => {
    expect(heardMs([[0, 8.9]], 10_000)).toBe(8900);
    expect(heardMs([[0, 9.05]], 10_000)).toBe(10_000);
    expect(heardMs([[0, 10.4]], 10_000)).toBe(10_000);
  });
});

describe('reconnecting', () => {
  it('waits longer each time, up to half a minute, never all at once', () => {
    expect(backoff(0, 0)).toBe(250);
    expect(backoff(0, 1)).toBe(500);
    expect(backoff(3, 0.5)).toBe(3000);
    expect(backoff(50, 1)).toBe(30_000);
    expect(backoff(50, 0)).toBe(15_000);
  });
});

describe('a waveform', () => {
  it('has as many bars as there is room for, and keeps the peaks', () => {
    expect(resample([1, 9, 2, 3], 2)).toEqual([9, 3]);
    expect(resample([5, 7], 4)).toEqual([5, 5, 7, 7]);
    expect(resample([], 3)).toEqual([0, 0, 0]);
    expect(resample([1], 0)).toEqual([]);
  });
});
