import { describe, expect, it } from 'vitest';
import { recurrence, words } from '../src/events';
import { parseServerFrame } from '../src/protocol';
import { initialState, reduce } from '../src/state';

describe('events', () => {
  it('writes a time as RFC 5545 does', () => {
    expect(recurrence('2026-01-05T09:30', 'weekdays', 'Europe/Berlin'))
      .toBe('DTSTART;TZID=Europe/Berlin:20260105T093000\nRRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR');
    expect(recurrence('2026-01-05T09:30', 'once', 'UTC')).toBe('DTSTART;TZID=UTC:20260105T093000');
    expect(recurrence('', 'once', 'UTC')).toBeNull();
  });
  it('says what an event says', () => {
    expect(words({ text: { en: 'Fire' } })).toBe('Fire');
    expect(words({ text: { de: 'Feuer', en: 'Fire' } })).toBe('Fire');
    expect(words({ text: { de: 'Feuer', fr: 'Feu' } })).toBe('Feuer');
    expect(words({ prompt: 'fire' })).toContain('fire');
  });
  it('reads anew when an event went on', () => {
    const frame = parseServerFrame('{"type":"event","id":"x","state":"sent"}');
    if (!frame) throw new Error('not read');
    expect(reduce(initialState, { type: 'frame', frame }).eventNews).toBe(1);
    expect(parseServerFrame('{"type":"mailbox","percent":91,"nearly_full":true}'))
      .toEqual({ type: 'mailbox', percent: 91, nearlyFull: true });
    expect(parseServerFrame('{"type":"event"}')).toBeNull();
  });
});
