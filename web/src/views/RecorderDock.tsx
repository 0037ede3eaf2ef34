// Press, speak, press: what is said is with the server before the second press.

import { names, position } from '../format';
import type { RecorderState } from '../recorder/recorder';
import { useApp, useSession } from '../session';
import { useStore } from '../store';
import { CheckIcon, CloseIcon, MicIcon, SentIcon } from './icons';
import { Waveform } from './Waveform';

export function RecorderDock() {
  const session = useSession();
  const { recorder } = session;
  const state = useStore(recorder.state, (s) => s);
  const chosen = useApp((s) => s.chosen);
  const typed = useApp((s) => s.typed);
  const contacts = useApp((s) => s.contacts);
  const online = useApp((s) => s.connection.status === 'open');
  const limit = useApp((s) => s.me?.limit_seconds ?? 59);
  const active = state.phase === 'starting' || state.phase === 'recording' || state.phase === 'sending';
  const to = active || state.phase === 'sent'
    ? state.to
    : [...contacts.filter((c) => chosen.includes(c.id)).map((c) => c.display_name), ...typed];
  const leftMs = Math.max(0, state.limitMs - state.elapsedMs);

  return (
    <div class={`dock dock-${state.phase}`} aria-label="Recorder" role="group">
      <p class="dock-to">
        {to.length > 0 ? <><span class="quiet">To</span> <strong>{names(to)}</strong></> : <span class="quiet">Choose who should hear you.</span>}
      </p>
      <div class="dock-stage">
        {active
          ? <Waveform peaks={state.bars} progress={1} live />
          : <p class={`dock-words dock-words-${state.phase}`}>{resting(state, limit)}</p>}
      </div>
      <svg class="level" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
        <rect width="100" height="4" class="level-rest" />
        <rect width={Math.round(state.level * 100)} height="4" class="level-now" />
      </svg>
      <div class="dock-row">
        {active ? (
          <>
            <button type="button" class="button ghost" data-testid="record-cancel" onClick={() => recorder.cancel()}>
              <CloseIcon /> Cancel
            </button>
            <span class="dock-time" aria-hidden="true">
              <strong data-testid="record-time">{position(state.elapsedMs)}</strong>
              <span class={leftMs <= 10_000 ? 'time-short small' : 'quiet small'}>{Math.ceil(leftMs / 1000)} s left</span>
            </span>
            <button type="button" class="button primary" data-testid="record-stop" disabled={state.phase !== 'recording'}
              onClick={() => void recorder.stop()}>
              <SentIcon /> Send
            </button>
          </>
        ) : (
          <button type="button" id="record" class="button record wide" data-testid="record-button" disabled={chosen.length + typed.length === 0 || !online}
            onClick={() => session.record()}>
            <MicIcon /> Record a message
          </button>
        )}
      </div>
      <p class="visually-hidden" role="status" data-testid="record-state" data-state={state.phase} data-via={state.via ?? ''}>
        {announce(state)}
      </p>
    </div>
  );
}

function resting(state: RecorderState, limit: number) {
  switch (state.phase) {
    case 'sent':
      return <><span class="good"><CheckIcon /> {state.detail ? '' : 'Sent.'}</span> {state.detail ?? 'Follow its way under Sent.'}</>;
    case 'failed':
    case 'cancelled':
      return <>{state.detail}</>;
    case 'idle':
    case 'starting':
    case 'recording':
    case 'sending':
      return <>Up to {limit} seconds. It reaches the server while you speak.</>;
  }
}

function announce(state: RecorderState): string {
  switch (state.phase) {
    case 'idle': return '';
    case 'starting': return 'Opening the microphone';
    case 'recording': return state.limitMs - state.elapsedMs <= 10_000 ? 'Recording, ten seconds left' : 'Recording';
    case 'sending': return 'Sending';
    case 'sent': return state.detail ?? `Sent to ${names(state.to)}`;
    case 'failed':
    case 'cancelled': return state.detail ?? '';
  }
}
