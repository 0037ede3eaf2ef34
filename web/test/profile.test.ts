import { describe, expect, it } from 'vitest';
import { freeName, makeAct, moved, needsVerifying, problems, readProfile, renamed, splitList, withPart } from '../src/profile';
import type { Profile } from '../src/types';

const profile: Profile = {
  devices: [
    { name: 'browser', kind: 'browser' },
    { name: 'phone', kind: 'registered-phone' },
    { name: 'work', kind: 'email', address: 'bob@example.org' },
  ],
  zone: 'UTC',
  calls_per_hour: 12,
  rules: [
    { when: { presence: ['present'] }, do: ['pop-up'] },
    {
      when: { presence: ['absent'], hours: ['mon-fri 9:00-18:00'] },
      do: [
        { ring: { device: ['phone'], attempts: 3, retry_secs: 60, ring_secs: 30 } },
        { all: [{ notify: { device: ['work'] } }, 'pop-up'] },
      ],
    },
  ],
};

describe('a profile', () => {
  it('is in order as it comes', () => {
    expect(problems(profile)).toEqual([]);
    expect(makeAct('ring', profile.devices)).toEqual({ ring: { device: ['phone'], attempts: 3, retry_secs: 60, ring_secs: 30 } });
    expect(makeAct('notify', profile.devices)).toEqual({ notify: { device: ['work'] } });
  });

  it('is read as the server writes it, also an older one', () => {
    const older = {
      devices: profile.devices,
      rules: [{ when: 'always', do: 'stop' }, { when: 'absent', do: { ring: { device: 'phone' } } }, { do: ['pop-up'], go_on: true }],
    };
    expect(readProfile(older).rules).toEqual([
      { when: {}, do: ['stop'] },
      { when: { presence: ['absent'] }, do: [{ ring: { device: ['phone'], attempts: 3, retry_secs: 60, ring_secs: 30 } }] },
      { when: {}, do: ['pop-up'], go_on: true },
    ]);
    expect(readProfile(JSON.parse(JSON.stringify(profile)))).toEqual(profile);
  });

  it('moves rules up and down, but not off the list', () => {
    expect(moved([1, 2, 3], 0, 1)).toEqual([2, 1, 3]);
    expect(moved([1, 2, 3], 2, 1)).toEqual([1, 2, 3]);
    expect(moved([1, 2, 3], 2, -1)).toEqual([1, 3, 2]);
    expect(moved([1, 2, 3], 0, -1)).toEqual([1, 2, 3]);
  });

  it('lets rules follow a device to its new name', () => {
    expect(renamed(profile, 1, 'desk').rules[1]?.do[0]).toMatchObject({ ring: { device: ['desk'] } });
    expect(renamed(profile, 2, 'post').rules[1]?.do[1]).toEqual({ all: [{ notify: { device: ['post'] } }, 'pop-up'] });
    expect(freeName(profile.devices, 'phone')).toBe('phone2');
  });

  it('leaves out conditions that are empty', () => {
    expect(withPart({ presence: ['absent'] }, { presence: [], urgent: false })).toEqual({ urgent: false });
    expect(withPart({ urgent: true, from: ['alice'] }, { urgent: undefined })).toEqual({ from: ['alice'] });
    expect(splitList(' alice, @family ,,+49')).toEqual(['alice', '@family', '+49']);
  });

  it('knows what has to be shown to be one’s own', () => {
    expect(profile.devices.map(needsVerifying)).toEqual([false, false, true]);
    expect(needsVerifying({ name: 's', kind: 'sip-message' })).toBe(false);
    expect(needsVerifying({ name: 's', kind: 'sip-message', uri: 'sip:a@b' })).toBe(true);
  });

  it('says what stands against it', () => {
    const wrong: Profile = {
      ...profile,
      devices: [...profile.devices, { name: 'phone', kind: 'sip-address', uri: 'bob' }, { name: 'm', kind: 'number', number: '+' }],
      quiet_hours: { hours: ['night'] },
      rules: [
        { when: { hours: ['noon'] }, do: [{ ring: { device: ['browser'], attempts: 0, retry_secs: 60, ring_secs: 30 } }] },
        { when: {}, do: [] },
        { when: {}, do: [{ escalate: { to: '' } }, { notify: { device: ['moon'] } }] },
      ],
    };
    expect(problems(wrong)).toHaveLength(10);
  });
});
