import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { ApiError } from '../api';
import { useApp, useSession } from '../session';
import { Mark } from './icons';

export function SignIn() {
  const session = useSession();
  const notice = useApp((s) => s.notice);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);

  const submit = async (event: JSX.TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    setError(null);
    try {
      await session.signIn(String(form.get('name') ?? '').trim(), String(form.get('password') ?? ''));
    } catch (cause) {
      setError(explain(cause));
      setBusy(false);
    }
  };

  return (
    <main class="sign-in">
      <form class="card sign-in-card" onSubmit={(event) => void submit(event)}>
        <div class="sign-in-head">
          <Mark />
          <div>
            <h1>Hark</h1>
            <p class="quiet">Speak. It finds them.</p>
          </div>
        </div>
        <label class="field">
          <span>Name</span>
          <input name="name" data-testid="sign-in-name" autocomplete="username" autocapitalize="none"
            spellcheck={false} required autofocus />
        </label>
        <label class="field">
          <span>Password</span>
          <input name="password" type="password" data-testid="sign-in-password" autocomplete="current-password" required />
        </label>
        <button type="submit" class="button primary wide" data-testid="sign-in-submit" disabled={busy}>
          {busy ? 'Signing in…' : 'Sign in'}
        </button>
        <p class={error ? 'error-text sign-in-message' : 'quiet sign-in-message'} role="alert" data-testid="sign-in-error">
          {error ?? notice?.text ?? ''}
        </p>
      </form>
    </main>
  );
}

function explain(cause: unknown): string {
  if (!(cause instanceof ApiError)) return 'Signing in did not work. Try again.';
  if (cause.status === 401) return 'That name and password do not belong together.';
  if (cause.status === 429 && cause.retryAfter) return `Too many tries. Try again in ${cause.retryAfter} seconds.`;
  return cause.message;
}
