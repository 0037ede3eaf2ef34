import { initials, presenceWord, shade } from '../format';
import type { Presence } from '../types';

/** A person: two letters in a colour of their own, and whether they can be reached. */
export function Avatar({ name, presence, small }: { name: string; presence?: Presence; small?: boolean }) {
  return (
    <span class={`avatar shade-${shade(name, 6)}${small ? ' avatar-small' : ''}`} aria-hidden="true">
      {initials(name)}
      {presence && <span class={`dot dot-${presence}`} title={presenceWord(presence)} />}
    </span>
  );
}
