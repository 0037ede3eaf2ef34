import { describe, expect, it } from 'vitest';
import { freeName, makeAct, moved, problems, renamed } from '../src/profile';
import type { Profile } from '../src/types';

const profile: Profile = {
  devices: [
    { name: 'browser', kind: 'browser' },
    { name: 'phone', kind: 'registered-phone' },
  ],
  rules: [
    { when: 'present', do: 'pop-up' },
    { when: 'absent', do: { ring: { device: 'phone', attempts: 3, retry_secs: 60, ring_secs: 30 } } },
  ],
};

describe('a profile', () => {
  it('is in order as it comes', () => {
    expect(problems(profile)).toEqual([]);
    expect(makeAct('ring', profile.devices)).toEqual({ ring: { device: 'phone', attempts: 3, retry_secs: 60, ring_secs: 30 } });
  });

  it('moves rules up and down, but not off the list', () => {
    expect(moved([1, 2, 3], 0, 1)).toEqual([2, 1, 3]);
    expect(moved([1, 2, 3], 2, -1)).toEqual([1, 3, 2]);
    expect(moved([1, 2, 3], 0, -1)).toEqual([1, 2, 3]);
    expect(moved([1, 2, 3], 2, 1)).toEqual([1, 2, 3]);
  });

  it('lets rules follow a device to its new name', () => {
    expect(renamed(profile, 1, 'desk').rules[1]).toMatchObject({ do: { ring: { device: 'desk' } } });
    expect(freeName(profile.devices, 'phone')).toBe('phone2');
  });

  it('says what stands against it', () => {
    const wrong: Profile = {
      devices: [...profile.devices, { name: 'phone', kind: 'sip-address', uri: 'bob' }],
      rules: [{ when: 'always', do: { ring: { device: 'browser', attempts: 0, retry_secs: 60, ring_secs: 30 } } }],
    };
    expect(problems(wrong)).toHaveLength(4);
  });
});
