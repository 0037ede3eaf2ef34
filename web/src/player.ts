// One message plays at a time. Ogg Opus where the browser plays it, else the same as WAV.

import { Store } from './store';

export interface Track {
  id: string;
  audio: string;
  lengthMs: number;
  /** Told how much was heard: every few seconds, when it pauses, and at the end. */
  heard: ((heardMs: number) => void) | null;
}

export interface PlayerState {
  id: string | null;
  playing: boolean;
  /** Wants to play, and waits for audio to come. */
  waiting: boolean;
  positionMs: number;
  rate: number;
  error: string | null;
}

const idle: PlayerState = { id: null, playing: false, waiting: false, positionMs: 0, rate: 1, error: null };

const REPORT_EVERY_MS = 3000;
const WORTH_TELLING_MS = 500;
/** Who heard nine tenths has heard it: the rest is the click of hanging up. */
const ALL_OF_IT = 0.9;

export const RATES = [1, 1.25, 1.5, 2] as const;

/** How much of a message was heard: ranges that overlap count once, skipped parts not at all. */
export function heardMs(ranges: readonly (readonly [number, number])[], lengthMs: number): number {
  let total = 0;
  let reached = 0;
  for (const [from, to] of [...ranges].sort((a, b) => a[0] - b[0])) {
    total += Math.max(0, to - Math.max(from, reached));
    reached = Math.max(reached, to);
  }
  const ms = Math.round(total * 1000);
  return ms >= lengthMs * ALL_OF_IT ? lengthMs : Math.min(ms, lengthMs);
}

export class Player {
  readonly state = new Store<PlayerState>(idle);
  private readonly audio = document.createElement('audio');
  private track: Track | null = null;
  private wav = false;
  private reported = 0;
  private seekTo: number | null = null;
  private frame = 0;

  constructor() {
    const audio = this.audio;
    audio.preload = 'auto';
    document.body.append(audio);
    this.wav = audio.canPlayType('audio/ogg; codecs="opus"') === '';
    audio.addEventListener('playing', () => {
      this.state.patch({ playing: true, waiting: false, error: null });
      this.tick();
    });
    audio.addEventListener('waiting', () => this.state.patch({ waiting: true }));
    audio.addEventListener('pause', () => {
      this.state.patch({ playing: false, waiting: false });
      this.report(WORTH_TELLING_MS);
    });
    audio.addEventListener('ended', () => {
      this.report(1);
      this.state.patch({ playing: false, waiting: false, positionMs: 0 });
    });
    audio.addEventListener('timeupdate', () => {
      this.follow();
      this.report(REPORT_EVERY_MS);
    });
    audio.addEventListener('loadedmetadata', () => {
      if (this.seekTo !== null) audio.currentTime = this.seekTo;
      this.seekTo = null;
    });
    audio.addEventListener('error', () => this.failed());
    addEventListener('pagehide', () => this.report(WORTH_TELLING_MS));
  }

  /** Plays the track, or pauses it if it plays. */
  toggle(track: Track): void {
    const { id, playing, waiting } = this.state.get();
    if (id === track.id && (playing || waiting)) this.audio.pause();
    else this.play(track);
  }

  play(track: Track): void {
    this.load(track);
    this.state.patch({ waiting: true, error: null });
    this.audio.playbackRate = this.state.get().rate;
    this.audio.play().catch((error: unknown) => {
      // A pause during loading ends the promise too: that is no failure.
      if (error instanceof DOMException && error.name === 'AbortError') return;
      if (error instanceof DOMException && error.name === 'NotAllowedError') {
        this.state.patch({ waiting: false, error: 'The browser wants a click before it plays sound.' });
      }
    });
  }

  seek(track: Track, ms: number): void {
    this.load(track);
    const to = Math.min(Math.max(0, ms), track.lengthMs) / 1000;
    if (this.audio.readyState >= HTMLMediaElement.HAVE_METADATA) this.audio.currentTime = to;
    else this.seekTo = to;
    this.state.patch({ positionMs: to * 1000 });
  }

  setRate(rate: number): void {
    this.audio.playbackRate = rate;
    this.state.patch({ rate });
  }

  /** Stops, and forgets the track when it is the given one (or any). */
  stop(id?: string): void {
    if (id !== undefined && this.track?.id !== id) return;
    this.audio.pause();
    this.report(WORTH_TELLING_MS);
    this.track = null;
    this.audio.removeAttribute('src');
    this.audio.load();
    this.state.set({ ...idle, rate: this.state.get().rate });
  }

  private load(track: Track): void {
    if (this.track?.id === track.id) {
      this.track = track;
      return;
    }
    this.report(WORTH_TELLING_MS);
    this.audio.pause();
    this.track = track;
    this.reported = 0;
    this.seekTo = null;
    this.audio.src = this.source(track);
    this.state.set({ ...idle, id: track.id, rate: this.state.get().rate });
  }

  private source(track: Track): string {
    if (!this.wav) return track.audio;
    return `${track.audio}${track.audio.includes('?') ? '&' : '?'}format=wav`;
  }

  private failed(): void {
    const track = this.track;
    if (!track || !this.audio.hasAttribute('src')) return;
    if (!this.wav && this.audio.error?.code === MediaError.MEDIA_ERR_SRC_NOT_SUPPORTED) {
      // Promised, but not kept (or the message is gone: then WAV fails as well).
      const wanted = this.state.get();
      this.wav = true;
      this.audio.src = this.source(track);
      if (wanted.playing || wanted.waiting) this.play(track);
      return;
    }
    this.state.patch({
      playing: false, waiting: false,
      error: 'This message can’t be played. It may have been deleted, or the server can’t be reached.',
    });
  }

  private report(step: number): void {
    const { track } = this;
    if (!track?.heard) return;
    const played = this.audio.played;
    const ranges = Array.from({ length: played.length }, (_, i) => [played.start(i), played.end(i)] as const);
    const heard = heardMs(ranges, track.lengthMs);
    const complete = heard >= track.lengthMs && this.reported < track.lengthMs;
    if (!complete && heard - this.reported < step) return;
    if (heard <= this.reported) return;
    this.reported = heard;
    track.heard(heard);
  }

  private follow(): void {
    if (this.audio.seeking || this.seekTo !== null) return;
    this.state.patch({ positionMs: Math.min(this.audio.currentTime * 1000, this.track?.lengthMs ?? 0) });
  }

  private tick(): void {
    cancelAnimationFrame(this.frame);
    const step = () => {
      if (this.audio.paused) return;
      this.follow();
      this.frame = requestAnimationFrame(step);
    };
    this.frame = requestAnimationFrame(step);
  }
}
