import { describe, expect, it } from 'vitest';
import { refusal } from '../src/api';
import { readTags, shownRecipient } from '../src/upload/tags';

function text(value: string): number[] {
  const bytes = [...new TextEncoder().encode(value)];
  return [...u32(bytes.length), ...bytes];
}

function u32(value: number): number[] {
  return [value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >>> 24) & 255];
}

/** A page with whole packets (RFC 3533), without a checksum: nobody here looks at that. */
function page(serial: number, ...packets: number[][]): number[] {
  const table = packets.flatMap((p) => [...Array<number>(Math.floor(p.length / 255)).fill(255), p.length % 255]);
  return [
    ...new TextEncoder().encode('OggS'), 0, 0, ...Array<number>(8).fill(0), ...u32(serial), ...u32(0), ...u32(0),
    table.length, ...table, ...packets.flat(),
  ];
}

const head = [...new TextEncoder().encode('OpusHead'), 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];

function tagsPacket(comments: string[]): number[] {
  return [...new TextEncoder().encode('OpusTags'), ...text('hark'), ...u32(comments.length), ...comments.flatMap(text)];
}

describe('the tags of a file', () => {
  it('are read from the first stream, whatever stands between', () => {
    const comments = ['TITLE=x', 'artist=Ann', 'HARK_RECIPIENT=sip:bob@x', `LONG=${'y'.repeat(600)}`, 'HARK_RECIPIENT=carol'];
    const file = new Uint8Array([...page(7, head), ...page(8, head), ...page(7, tagsPacket(comments))]);
    expect(readTags(file)).toEqual({ sender: 'Ann', recipients: ['sip:bob@x', 'carol'] });
  });

  it('are none where the file is something else, or broken', () => {
    const none = { sender: null, recipients: [] };
    const good = [...page(7, head), ...page(7, tagsPacket(['HARK_RECIPIENT=bob']))];
    for (const bytes of [[], [1, 2, 3], page(7, head), good.slice(0, 70), [...page(7, [1, 2]), ...page(7, [3])]]) {
      expect(readTags(new Uint8Array(bytes))).toEqual(none);
    }
    const lying = [...page(7, head), ...page(7, [...new TextEncoder().encode('OpusTags'), 255, 255, 255, 255])];
    expect(readTags(new Uint8Array(lying))).toEqual(none);
  });

  it('are shown by the names of people', () => {
    const people = [{ name: 'bob', display_name: 'Bob', extension: '1002' }];
    expect(shownRecipient('sip:bob@hark.example', 'hark.example', people)).toBe('Bob');
    expect(shownRecipient('1002', 'hark.example', people)).toBe('Bob');
    expect(shownRecipient('sip:bob@elsewhere.example', 'hark.example', people)).toBe('sip:bob@elsewhere.example');
    expect(shownRecipient('sip:zed@hark.example', 'hark.example', people)).toBe('zed');
  });
});

describe('a refusal', () => {
  it('is told in words, with what mends it', () => {
    const problem = { type: '/api/v1/problems/torn', title: 't', status: 422, detail: 'this WAV file breaks off after 2 s', mend: 'send the whole file', code: 'torn' };
    const error = refusal(422, JSON.stringify(problem), null);
    expect(error.message).toBe('This WAV file breaks off after 2 s. Send the whole file.');
    expect([error.status, error.code, error.retryAfter]).toEqual([422, 'torn', null]);
  });

  it('is told in our own words where the answer has none', () => {
    expect(refusal(503, '<html>', '7').message).toContain('busy');
    expect(refusal(503, '', '7').retryAfter).toBe(7);
  });
});
