// Play, pause, seek: with a pointer or with the keys.

import type { JSX } from 'preact';
import { useRef } from 'preact/hooks';
import { clock, position, spokenLength } from '../format';
import type { Player, Track } from '../player';
import { RATES } from '../player';
import { useStore } from '../store';
import { PauseIcon, PlayIcon } from './icons';
import { Waveform } from './Waveform';

const STEP_MS = 5000;

export function PlayerBar({ player, track, peaks }: { player: Player; track: Track; peaks: number[] }) {
  const state = useStore(player.state, (s) => s);
  const dragging = useRef(false);
  const mine = state.id === track.id;
  const at = mine ? state.positionMs : 0;
  const running = mine && (state.playing || state.waiting);
  const length = Math.max(1, track.lengthMs);

  const seekToPointer = (event: JSX.TargetedPointerEvent<HTMLDivElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    player.seek(track, ((event.clientX - box.left) / box.width) * length);
  };
  const onKeyDown = (event: JSX.TargetedKeyboardEvent<HTMLDivElement>) => {
    const to = keyTarget(event.key, at, length);
    if (event.key === ' ' || event.key === 'Enter') player.toggle(track);
    else if (to !== null) player.seek(track, to);
    else return;
    event.preventDefault();
  };

  return (
    <div class="player">
      <div class="player-row">
        <button type="button" class={`round primary${mine && state.waiting && !state.playing ? ' is-waiting' : ''}`} data-testid="play-button"
          data-state={running ? 'playing' : 'paused'} onClick={() => player.toggle(track)}
          aria-label={running ? 'Pause' : 'Play'}>
          {running ? <PauseIcon /> : <PlayIcon />}
        </button>
        <div class="seek" role="slider" tabIndex={0} aria-label="Position" data-testid="seek"
          aria-valuemin={0} aria-valuemax={Math.round(length / 1000)} aria-valuenow={Math.floor(at / 1000)}
          aria-valuetext={`${spokenLength(at)} of ${spokenLength(length)}`}
          onKeyDown={onKeyDown}
          onPointerDown={(event) => {
            dragging.current = true;
            event.currentTarget.setPointerCapture(event.pointerId);
            seekToPointer(event);
          }}
          onPointerMove={(event) => dragging.current && seekToPointer(event)}
          onPointerUp={() => { dragging.current = false; }}
          onPointerCancel={() => { dragging.current = false; }}>
          <Waveform peaks={peaks} progress={at / length} />
        </div>
      </div>
      <div class="player-foot">
        <span class="times" data-testid="position">{position(at)} <span class="quiet">/ {clock(track.lengthMs)}</span></span>
        <button type="button" class="text-button" aria-label={`Speed ${state.rate} times`}
          onClick={() => player.setRate(nextRate(state.rate))}>
          {state.rate}×
        </button>
      </div>
      {mine && state.error && <p class="error-text" role="alert">{state.error}</p>}
    </div>
  );
}

function nextRate(rate: number): number {
  const at = RATES.findIndex((r) => r === rate);
  return RATES[(at + 1) % RATES.length] ?? 1;
}

function keyTarget(key: string, at: number, length: number): number | null {
  switch (key) {
    case 'ArrowRight':
    case 'ArrowUp':
      return at + STEP_MS;
    case 'ArrowLeft':
    case 'ArrowDown':
      return at - STEP_MS;
    case 'PageUp': return at + 3 * STEP_MS;
    case 'PageDown': return at - 3 * STEP_MS;
    case 'Home': return 0;
    case 'End': return length;
    default: return null;
  }
}
