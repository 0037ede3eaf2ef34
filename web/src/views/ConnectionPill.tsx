import { useEffect, useState } from 'preact/hooks';
import { useApp } from '../session';
import type { Connection } from '../state';

/** Whether the server is there; while it is not, when the next try is made. */
export function ConnectionPill() {
  const connection = useApp((s) => s.connection);
  const [, tick] = useState(0);
  const lost = connection.status === 'lost';
  useEffect(() => {
    if (!lost) return undefined;
    const timer = setInterval(() => tick((n) => n + 1), 500);
    return () => clearInterval(timer);
  }, [lost]);
  return (
    <span class={`pill pill-${connection.status}`} role="status" data-testid="connection" data-status={connection.status}>
      <span class="pill-dot" aria-hidden="true" />
      <span class="pill-text">{words(connection)}</span>
    </span>
  );
}

function words(connection: Connection): string {
  switch (connection.status) {
    case 'open': return 'Connected';
    case 'connecting': return 'Connecting…';
    case 'lost': {
      const seconds = Math.ceil((connection.retryAt - Date.now()) / 1000);
      return seconds > 1 ? `Offline, trying in ${seconds} s` : 'Offline, trying…';
    }
  }
}
