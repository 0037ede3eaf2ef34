// What was sent, and how far it has come: each step with its device and its time.

import { clock, deviceWord, moment, names, spokenLength, stepWord, when } from '../format';
import { furthest, stepDetail } from '../state';
import { useApp } from '../session';
import type { OutboxEntry, OutboxRecipient, Step, Trouble } from '../types';
import { STEPS } from '../types';
import { CheckIcon } from './icons';

export function Sent() {
  const outbox = useApp((s) => s.outbox);
  const loaded = useApp((s) => s.outboxLoaded);
  return (
    <section class="pane pane-sent" aria-labelledby="sent-title" data-testid="sent">
      <header class="pane-head"><h2 id="sent-title">Sent</h2></header>
      <ul class="messages">
        {outbox.map((entry) => <SentCard key={entry.id} entry={entry} />)}
      </ul>
      {outbox.length === 0 && (
        <div class="empty">
          <p class="quiet">{loaded ? 'What you send is followed here, until it is heard.' : 'Reading…'}</p>
        </div>
      )}
    </section>
  );
}

function SentCard({ entry }: { entry: OutboxEntry }) {
  const contacts = useApp((s) => s.contacts);
  const me = useApp((s) => s.me?.user);
  const people = me ? [...contacts, me] : contacts;
  const known = (r: OutboxRecipient) => people.find((p) => p.id === r.user || p.name === r.name);
  const heading = entry.recipients.length > 2
    ? `${entry.recipients.length} people`
    : names(entry.recipients.map((r) => known(r)?.display_name ?? r.name));
  return (
    <li class="card sent-card" data-testid={`sent-${entry.id}`}>
      <header class="sent-head">
        <strong>{heading}</strong>
        <span class="quiet small">
          {when(entry.at, Date.now())} · <span aria-hidden="true">{clock(entry.length_ms)}</span>
          <span class="visually-hidden">{spokenLength(entry.length_ms)}</span>
        </span>
      </header>
      {entry.recipients.map((recipient) => {
        const person = known(recipient);
        return (
          <div key={recipient.user ?? recipient.name} class="receipt"
            data-testid={`receipt-${entry.id}-${person?.name ?? recipient.name}`} data-step={furthest(recipient.steps)}>
            {entry.recipients.length > 1 && <p class="receipt-name small">{person?.display_name ?? recipient.name}</p>}
            <Steps recipient={recipient} lengthMs={entry.length_ms} />
            {recipient.waits_until !== undefined && recipient.waits_until > Date.now() && (
              <p class="quiet small">Waits until {new Date(recipient.waits_until).toLocaleString()}.</p>
            )}
            {recipient.trouble && furthest(recipient.steps) !== 'heard' && (
              <p class="receipt-trouble small" role="status">{troubleWords(recipient.trouble)}</p>
            )}
          </div>
        );
      })}
    </li>
  );
}

function Steps({ recipient, lengthMs }: { recipient: OutboxRecipient; lengthMs: number }) {
  const reached = STEPS.indexOf(furthest(recipient.steps));
  return (
    <ol class="steps">
      {STEPS.map((step, i) => {
        const detail = stepDetail(recipient.steps, step);
        return (
          <li key={step} class={`step${i <= reached ? ' is-done' : ''}`} data-testid={`step-${step}`}>
            <span class="step-mark" aria-hidden="true">{i <= reached && <CheckIcon />}</span>
            <span class="step-word small">
              {stepWord(step)}
              {i > reached && <span class="visually-hidden">: not yet</span>}
            </span>
            <span class="step-detail quiet" title={detail ? `${detail.device} ${new Date(detail.at).toLocaleString()}` : undefined}>
              {detail && <><span class="step-time">{moment(detail.at)}</span> <span class="step-device">{where(step, detail, lengthMs)}</span></>}
            </span>
          </li>
        );
      })}
    </ol>
  );
}

function troubleWords({ device, reason, at, final }: Trouble): string {
  const what = reason || 'no answer';
  return final
    ? `${moment(at)}: nothing reached them (${what}). The message waits in their inbox.`
    : `${moment(at)}: ${device ? `${deviceWord(device)}, ` : ''}${what}. It is tried again.`;
}

function where(step: Step, detail: { device: string; heard_ms?: number }, lengthMs: number): string {
  const device = deviceWord(detail.device);
  if (step !== 'heard' || detail.heard_ms === undefined || detail.heard_ms >= lengthMs * 0.9) return device;
  return `${device} ${clock(detail.heard_ms)} of ${clock(lengthMs)}`;
}
