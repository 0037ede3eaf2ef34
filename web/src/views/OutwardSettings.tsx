// How Hark reaches its user outside of its pages and telephones: notifications of this browser,
// mails of what became of messages, and web services that are told every step.

import { useEffect, useState } from 'preact/hooks';
import { api } from '../api';
import { pushState, turnPushOff, turnPushOn } from '../push';
import type { PushState } from '../push';
import type { ReceiptMail } from '../types';
import { Problem, useWork } from './forms';
import { Webhooks } from './Webhooks';

export function OutwardSettings() {
  return (
    <>
      <div class="card block" data-testid="outward-push">
        <h3>Notifications</h3>
        <PushSwitch />
      </div>
      <div class="card block" data-testid="outward-receipts">
        <h3>Mails about what you sent</h3>
        <ReceiptMails />
      </div>
      <div class="card block" data-testid="outward-webhooks">
        <h3>Web services</h3>
        <Webhooks />
      </div>
    </>
  );
}

function PushSwitch() {
  const [state, setState] = useState<PushState | null>(null);
  const { busy, error, run } = useWork();
  const look = async () => setState(await pushState());
  useEffect(() => void look(), []);
  const change = (on: boolean) => run(async () => {
    try {
      await (on ? turnPushOn() : turnPushOff());
    } finally {
      await look();
    }
  });
  switch (state) {
    case null:
      return null;
    case 'insecure':
      return <p class="quiet small" data-testid="push-state">Notifications need an address that begins with https://.</p>;
    case 'unsupported':
      return (
        <p class="quiet small" data-testid="push-state">
          This browser can’t be notified while Hark is closed. On an iPhone or iPad, add Hark to the home screen first.
        </p>
      );
    case 'blocked':
      return (
        <p class="quiet small" data-testid="push-state">
          Notifications are blocked for this site: allow them in the browser’s settings, then come back.
        </p>
      );
    case 'on':
    case 'off':
      return (
        <>
          <label class="check">
            <input type="checkbox" data-testid="push-switch" checked={state === 'on'} disabled={busy}
              onChange={(event) => void change(event.currentTarget.checked)} />
            <span>Notify me in this browser, also while Hark is closed.</span>
          </label>
          <p class="quiet small" data-testid="push-state">
            {state === 'on' ? 'On. A rule that notifies browsers reaches this one.' : 'Off in this browser.'}
          </p>
          {error && <Problem id="push-error">{error}</Problem>}
        </>
      );
  }
}

function ReceiptMails() {
  const [wish, setWish] = useState<ReceiptMail | null>(null);
  const [address, setAddress] = useState('');
  const [code, setCode] = useState('');
  const { busy, error, run } = useWork();
  const load = async () => {
    const now = await api.receiptMail();
    setWish(now);
    setAddress(now.address ?? '');
  };
  useEffect(() => void run(load), []);
  if (!wish) return error ? <Problem id="receipt-error">{error}</Problem> : null;
  if (!wish.available) return <p class="quiet small">This server sends no mail.</p>;

  const set = (heard: boolean, failed: boolean) => run(async () => {
    try {
      await api.setReceiptMail({ address: address.trim(), heard, failed });
    } finally {
      await load();
    }
  });
  const same = address.trim() === wish.address;
  return (
    <>
      <p class="quiet small">What became of your messages comes in one mail, some minutes after it happened.</p>
      <label class="field">
        <span>Your mail address</span>
        <input type="email" value={address} data-testid="receipt-address" autocapitalize="none" spellcheck={false}
          placeholder="you@example.org" onInput={(event) => setAddress(event.currentTarget.value)} />
      </label>
      <label class="check">
        <input type="checkbox" data-testid="receipt-heard" checked={wish.heard} disabled={busy || address.trim() === ''}
          onChange={(event) => void set(event.currentTarget.checked, wish.failed)} />
        <span>When a message was heard</span>
      </label>
      <label class="check">
        <input type="checkbox" data-testid="receipt-failed" checked={wish.failed} disabled={busy || address.trim() === ''}
          onChange={(event) => void set(wish.heard, event.currentTarget.checked)} />
        <span>When a message could not be delivered</span>
      </label>
      {same && wish.address !== null && !wish.confirmed && (
        <form class="actions" onSubmit={(event) => {
          event.preventDefault();
          void run(async () => {
            await api.confirmReceiptMail(code.trim());
            setCode('');
            await load();
          });
        }}>
          <label class="field">
            <span>The code that was mailed to you</span>
            <input value={code} inputMode="numeric" autocomplete="one-time-code" maxLength={6} data-testid="receipt-code"
              onInput={(event) => setCode(event.currentTarget.value)} />
          </label>
          <button type="submit" class="button primary" data-testid="receipt-confirm" disabled={busy || code.trim() === ''}>Confirm</button>
        </form>
      )}
      <div class="actions">
        {!same && address.trim() !== '' && (
          <button type="button" class="button ghost" data-testid="receipt-save" disabled={busy}
            onClick={() => void set(wish.heard, wish.failed)}>Use this address</button>
        )}
        {wish.address !== null && (
          <button type="button" class="button ghost" disabled={busy}
            onClick={() => void run(async () => { await api.deleteReceiptMail(); await load(); })}>No mails</button>
        )}
      </div>
      <p class="quiet small" role="status" data-testid="receipt-state">
        {wish.error ?? (wish.address === null ? 'Off.' : wish.confirmed ? `Mailed to ${wish.address}.` : 'Not confirmed yet.')}
      </p>
      {error && <Problem id="receipt-error">{error}</Problem>}
    </>
  );
}
