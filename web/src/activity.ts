// Whether somebody is at this page: the difference between online and away.

const AWAY_AFTER_MS = 3 * 60_000;
const LOOK_EVERY_MS = 15_000;
const SIGNS = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart'] as const;

/** Calls `changed` when the user comes or goes. Returns how to stop it. */
export function watchActivity(changed: (active: boolean) => void): () => void {
  let last = Date.now();
  let active = true;
  const look = () => {
    const now = Date.now() - last < AWAY_AFTER_MS;
    if (now !== active) {
      active = now;
      changed(active);
    }
  };
  const sign = () => {
    last = Date.now();
    if (!active) look();
  };
  const visible = () => {
    if (document.visibilityState === 'visible') sign();
  };
  for (const name of SIGNS) addEventListener(name, sign, { passive: true });
  document.addEventListener('visibilitychange', visible);
  const timer = setInterval(look, LOOK_EVERY_MS);
  return () => {
    for (const name of SIGNS) removeEventListener(name, sign);
    document.removeEventListener('visibilitychange', visible);
    clearInterval(timer);
  };
}
