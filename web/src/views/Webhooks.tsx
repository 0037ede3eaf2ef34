// The web services that are told of messages: how each stands, and what it did not take.

import { useEffect, useState } from 'preact/hooks';
import { api } from '../api';
import { when } from '../format';
import type { About, GivenUp, Webhook } from '../types';
import { ABOUT, canRetry, STATE_WORDS, webhookCounts, webhookState } from '../webhooks';
import { Problem, SureButton, useWork } from './forms';
import { PlusIcon } from './icons';

/** How often an open page looks how they stand. */
const LOOK_MS = 4000;

export function Webhooks() {
  const [hooks, setHooks] = useState<Webhook[]>([]);
  const [url, setUrl] = useState('');
  const [about, setAbout] = useState<About>('sent');
  const [secret, setSecret] = useState<string | null>(null);
  const { busy, error, run } = useWork();
  const load = async () => setHooks(await api.webhooks());
  useEffect(() => {
    void run(load);
    const timer = setInterval(() => {
      // One that can't be asked now is asked the next time.
      if (document.visibilityState === 'visible') load().catch(() => undefined);
    }, LOOK_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <>
      <p class="quiet small">Each step of a message is sent there, signed with a secret that is shown once.</p>
      {hooks.length > 0 && (
        <ul class="rows">
          {hooks.map((hook) => <WebhookRow key={hook.id} hook={hook} load={load} />)}
        </ul>
      )}
      <form class="webhook-form" onSubmit={(event) => {
        event.preventDefault();
        void run(async () => {
          const made = await api.addWebhook(url.trim(), about);
          setSecret(made.secret);
          setUrl('');
          await load();
        });
      }}>
        <label class="field webhook-address">
          <span>Address</span>
          <input value={url} inputMode="url" spellcheck={false} autocapitalize="none" placeholder="https://example.org/hook"
            aria-invalid={error ? 'true' : undefined} aria-describedby={error ? 'webhook-error' : undefined}
            data-testid="webhook-url" onInput={(event) => setUrl(event.currentTarget.value)} />
        </label>
        <label class="field">
          <span>It is told of</span>
          <select value={about} data-testid="webhook-about" onChange={(event) => setAbout(event.currentTarget.value as About)}>
            {(Object.keys(ABOUT) as About[]).map((key) => <option key={key} value={key}>{ABOUT[key]}</option>)}
          </select>
        </label>
        <button type="submit" class="button ghost" data-testid="webhook-add" disabled={busy || url.trim() === ''}><PlusIcon /> Add</button>
        {error && <div id="webhook-error" class="webhook-wide"><Problem id="webhook-error">{error}</Problem></div>}
      </form>
      {secret && (
        <p class="small secret" role="status">The secret, shown this once: <code data-testid="webhook-secret">{secret}</code></p>
      )}
      <div class="actions">
        <button type="button" class="text-button" disabled={busy} data-testid="webhook-profile-secret" onClick={() => void run(async () => {
          setSecret((await api.profileWebhookSecret()).secret);
        })}>New secret for the web services among my devices</button>
      </div>
    </>
  );
}

function WebhookRow({ hook, load }: { hook: Webhook; load(): Promise<void> }) {
  const { busy, error, run } = useWork();
  const [said, setSaid] = useState<string | null>(null);
  const [givenUp, setGivenUp] = useState<GivenUp[] | null>(null);
  const id = `webhook-${hook.id}`;
  const state = webhookState(hook);
  const counts = webhookCounts(hook);
  const bad = state === 'failing' || state === 'given-up';
  // What was said of a try is over when something came of it.
  useEffect(() => setSaid(null), [state]);
  // What is shown as given up goes when it is told after all.
  useEffect(() => {
    if (hook.given_up === 0) setGivenUp(null);
  }, [hook.given_up]);
  return (
    <li class="row rule-row" data-testid={id} data-state={state}>
      <div>
        <strong class="webhook-url">{hook.url}</strong>
        <p class="small">
          <span class={bad ? 'webhook-state error-text' : 'webhook-state'} data-testid={`${id}-state`}>{STATE_WORDS[state]}</span>
          <span class="quiet">
            {' · '}{ABOUT[hook.about]}
            {hook.last_ok !== null && ` · last taken ${when(hook.last_ok, Date.now())}`}
          </span>
        </p>
        {hook.error !== null && (
          <p class="small error-text" data-testid={`${id}-error`}>
            {hook.failing_since !== null && `Since ${when(hook.failing_since, Date.now())}: `}{hook.error}
          </p>
        )}
        {counts !== '' && <p class="small" data-testid={`${id}-counts`}>{counts}</p>}
        {givenUp !== null && (
          <ul class="given-up" aria-label={`What ${hook.url} did not take`} data-testid={`${id}-given-up`}>
            {givenUp.map((one) => (
              <li key={one.seq} class="small">
                <code>{one.type ?? 'an event that is gone'}</code> <span class="quiet">{when(one.at, Date.now())} · {one.reason}</span>
              </li>
            ))}
          </ul>
        )}
        {said && <p class="quiet small" role="status" data-testid={`${id}-said`}>{said}</p>}
        {error && <Problem id={`${id}-problem`}>{error}</Problem>}
      </div>
      <div class="row-buttons">
        {canRetry(hook) && (
          <button type="button" class="button primary" disabled={busy} data-testid={`${id}-retry`} onClick={() => void run(async () => {
            setSaid(null);
            await api.retryWebhook(hook.id);
            setSaid('It is being tried again.');
            await load();
          })}>Try again now</button>
        )}
        {hook.given_up > 0 && (
          <button type="button" class="button ghost" disabled={busy} aria-expanded={givenUp !== null} data-testid={`${id}-show`}
            onClick={() => void run(async () => setGivenUp(givenUp === null ? await api.givenUp(hook.id) : null))}>
            {givenUp === null ? 'What was given up' : 'Hide'}
          </button>
        )}
        <button type="button" class="button ghost" disabled={busy} data-testid={`${id}-test`} onClick={() => void run(async () => {
          setSaid(null);
          const { ok, error: why } = await api.pingWebhook(hook.id);
          setSaid(ok ? 'It answered the test.' : `The test failed: ${why ?? 'it did not answer'}.`);
        })}>Test</button>
        <SureButton label="Remove" name={hook.url} testid={`${id}-remove`} disabled={busy}
          act={() => void run(async () => { await api.deleteWebhook(hook.id); await load(); })} />
      </div>
    </li>
  );
}
