// The page behind a capability link: no account, one message.

import { useEffect, useMemo, useState } from 'preact/hooks';
import { api, ApiError } from '../api';
import { when } from '../format';
import { Player } from '../player';
import type { Track } from '../player';
import type { LinkInfo } from '../types';
import { Avatar } from './Avatar';
import { Mark } from './icons';
import { PlayerBar } from './PlayerBar';

export function LinkPage({ token }: { token: string }) {
  const player = useMemo(() => new Player(), []);
  const [info, setInfo] = useState<LinkInfo | null>(null);
  const [error, setError] = useState<string | null>(null);
  useEffect(() => {
    api.linkInfo(token).then(setInfo, (cause: unknown) => setError(explain(cause)));
  }, [token]);
  useEffect(() => {
    if (info) document.title = `Message from ${info.sender} – Hark`;
  }, [info]);
  const track: Track | null = info && {
    id: token, audio: `/m/${encodeURIComponent(token)}/audio`, lengthMs: info.length_ms,
    heard: (ms) => void api.linkHeard(token, ms).catch(() => undefined),
  };
  return (
    <main class="link-page">
      <article class="card link-card" data-testid="link-page">
        {info && track ? (
          <>
            <header class="link-head">
              <Avatar name={info.sender} />
              <div>
                <h1 data-testid="link-sender">{info.sender}</h1>
                <p class="quiet small">{when(info.at, Date.now())}</p>
              </div>
            </header>
            <PlayerBar player={player} track={track} peaks={info.peaks} />
          </>
        ) : (
          <p role={error ? 'alert' : 'status'}>{error ?? 'Opening the message…'}</p>
        )}
      </article>
      <p class="link-foot quiet small"><Mark /> A voice message, by Hark</p>
    </main>
  );
}

function explain(cause: unknown): string {
  if (cause instanceof ApiError && cause.status === 410) return 'This link has expired or was revoked. Ask for a new one.';
  if (cause instanceof ApiError && cause.status === 404) return 'This link leads to no message. It may be mistyped, or the message was deleted.';
  return cause instanceof ApiError ? cause.message : 'The message could not be opened.';
}
