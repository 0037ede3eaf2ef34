// A call that was ordered, live: ringing, recording, seconds, done.

import { position } from '../format';
import { isOver } from '../state';
import { useApp, useSession } from '../session';
import type { OrderedCall } from '../types';
import { CloseIcon, PhoneIcon } from './icons';

export function CallCard() {
  const session = useSession();
  const call = useApp((s) => s.call);
  if (!call) return null;
  return (
    <section class="call-card card" aria-label="Call to your telephone" data-testid="call" data-state={call.stage.state}
      data-kind={call.kind}>
      <PhoneIcon />
      <p class="call-words">
        <strong>{call.device}</strong>{' '}
        <span role="status" data-testid="call-words">{describe(call)}</span>
      </p>
      {isOver(call)
        ? (
          <button type="button" class="icon-button" data-testid="call-dismiss" aria-label="Dismiss"
            onClick={() => session.dispatch({ type: 'call', call: null })}>
            <CloseIcon />
          </button>
        )
        : (
          <button type="button" class="button ghost" data-testid="call-cancel" onClick={() => void session.cancelCall()}>
            <CloseIcon /> Cancel
          </button>
        )}
    </section>
  );
}

function describe({ kind, stage }: OrderedCall): string {
  switch (stage.state) {
    case 'calling': return 'is being called …';
    case 'ringing': return 'rings …';
    case 'answered': return 'was picked up.';
    case 'recording': return `records: ${position(stage.ms)}`;
    case 'recorded': return `has recorded ${position(stage.ms)}. Press 1 on it to send.`;
    case 'playing': return 'plays the message …';
    case 'done': return kind === 'record' ? 'Your message was sent.' : 'The message was heard.';
    case 'failed': return `did not do it: ${stage.reason}.`;
    case 'cancelled': return 'was cancelled.';
  }
}
