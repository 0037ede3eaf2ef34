import { describe, expect, it } from 'vitest';
import { browserName, fromBase64Url } from '../src/push';

describe('push', () => {
  it('reads the key as the server writes it', () => {
    expect([...fromBase64Url('BP-_AA')]).toEqual([4, 255, 191, 0]);
  });

  it('names browsers by what they are, not by what they imitate', () => {
    const edge = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0';
    expect(browserName(edge)).toBe('Edge on Windows');
    expect(browserName('Mozilla/5.0 (Linux; Android 15) AppleWebKit Chrome/140 Mobile Safari/537')).toBe('Chrome on Android');
    expect(browserName('x')).toBe('Browser');
  });
});
