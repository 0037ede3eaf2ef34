// One recording: microphone → Opus → Ogg → WebSocket, while it is spoken.
//
//   idle ─► starting ─► recording ─► sending ─► sent
//              │            │           │
//              └────────────┴───────────┴─► failed | cancelled ─► (next start)

import type { ClientFrame, ServerFrame } from '../protocol';
import { Store } from '../store';
import type { Addressee, User } from '../types';
import { Capture, CaptureError } from './capture';
import type { Encoder, Via } from './encoder';
import { loadWebCodecs, makeEncoder } from './encoder';
import { Bars, loudness } from './level';
import type { Line } from './outgoing';
import { Outgoing } from './outgoing';

export type RecorderPhase = 'idle' | 'starting' | 'recording' | 'sending' | 'sent' | 'failed' | 'cancelled';

export interface RecorderState {
  phase: RecorderPhase;
  elapsedMs: number;
  limitMs: number;
  /** 0 to 1. */
  level: number;
  /** 0 to 255, one for every 80 ms. */
  bars: number[];
  to: string[];
  /** What to tell the user about the outcome. */
  detail: string | null;
  via: Via | null;
  /** How much of it the server said that it has. */
  keptMs: number;
}

const idle: RecorderState = {
  phase: 'idle', elapsedMs: 0, limitMs: 59_000, level: 0, bars: [], to: [], detail: null, via: null, keptMs: 0,
};

/** Stopped so much before the limit: the last samples still on their way must not exceed it. */
const LIMIT_MARGIN_MS = 100;
/** The server commits (fsync and all) well within this. */
const COMMIT_PATIENCE_MS = 20_000;

export interface RecorderLine extends Line {
  send(frame: ClientFrame): boolean;
}

export interface StartOptions {
  sender: User;
  to: Addressee[];
  toNames: string[];
  limitSeconds: number;
}

type RecordingFrame = Extract<ServerFrame, { type: 'recording' }>;

export class Recorder {
  readonly state = new Store<RecorderState>(idle);
  private id = '';
  private capture: Capture | null = null;
  private encoder: Encoder | null = null;
  private outgoing: Outgoing | null = null;
  private begun = false;
  private patience: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly line: RecorderLine, private readonly committed: () => void) {}

  /** Fetches what the first recording needs. */
  warm(): void {
    void loadWebCodecs().catch(() => undefined);
  }

  get busy(): boolean {
    const { phase } = this.state.get();
    return phase === 'starting' || phase === 'recording' || phase === 'sending';
  }

  async start(options: StartOptions): Promise<void> {
    if (this.busy || options.to.length === 0) return;
    const id = newId();
    this.id = id;
    this.begun = false;
    this.state.set({ ...idle, phase: 'starting', limitMs: options.limitSeconds * 1000, to: options.toNames });
    if (!this.line.isOpen) {
      this.fail('There is no connection to the server right now. Try again when it is back.');
      return;
    }
    try {
      const capture = await Capture.open(() => void this.stop('The microphone went away; what you had said was sent.'));
      if (this.id !== id || this.state.get().phase !== 'starting') {
        capture.release();
        return;
      }
      this.capture = capture;
      this.outgoing = new Outgoing(this.line);
      const made = await makeEncoder({
        sampleRate: capture.sampleRate,
        stream: capture.stream,
        sender: options.sender.display_name,
        recipients: options.toNames,
        startedAt: Date.now(),
        bytes: (bytes) => this.bytes(id, bytes),
        failed: (error) => this.id === id && this.fail(error.message),
      });
      if (this.id !== id || this.state.get().phase !== 'starting') {
        made?.encoder.abort();
        return;
      }
      if (!made) {
        this.fail('This browser can’t record Opus sound: it has neither WebCodecs nor an Ogg MediaRecorder. '
          + 'Use a current Chrome, Edge or Firefox, or leave the message by phone.');
        return;
      }
      this.encoder = made.encoder;
      this.begun = this.line.send({ type: 'record_start', id, to: options.to, mime: 'audio/ogg; codecs=opus' });
      if (!this.begun) {
        this.fail('There is no connection to the server right now. Try again when it is back.');
        return;
      }
      this.state.patch({ phase: 'recording', via: made.via });
      this.listen(id, capture);
    } catch (error) {
      if (this.id !== id) return;
      this.fail(error instanceof CaptureError ? error.message : 'The recording could not be started.');
    }
  }

  /** Ends the recording and waits until the server has committed it. */
  async stop(detail: string | null = null): Promise<void> {
    if (this.state.get().phase !== 'recording') return;
    const id = this.id;
    this.state.patch({ phase: 'sending', level: 0, detail });
    try {
      await this.capture?.stop();
      await this.encoder?.finish();
      const drained = await this.outgoing?.drain(() => new Promise((done) => setTimeout(done, 20)));
      if (this.id !== id || this.state.get().phase !== 'sending') return;
      if (drained === 'closed' || !this.line.send({ type: 'record_stop', id })) {
        this.lost();
        return;
      }
      this.patience = setTimeout(() => {
        if (this.id === id) this.fail('The server has not confirmed the message. Look in Sent before you repeat it.', false);
      }, COMMIT_PATIENCE_MS);
    } catch (error) {
      if (this.id === id) this.fail(error instanceof Error ? error.message : 'The recording could not be finished.');
    }
  }

  cancel(): void {
    if (!this.busy) return;
    if (this.begun) this.line.send({ type: 'record_cancel', id: this.id });
    this.end({ phase: 'cancelled', detail: 'Nothing was sent.' });
  }

  /** Back to the empty recorder, after its outcome was read. */
  reset(): void {
    if (!this.busy) this.state.set({ ...idle, limitMs: this.state.get().limitMs });
  }

  /** What the server says about a recording. */
  frame(frame: RecordingFrame): void {
    if (frame.id !== this.id || !this.busy) return;
    switch (frame.state) {
      case 'open':
        return;
      case 'progress':
        this.state.patch({ keptMs: frame.ms });
        return;
      case 'committed':
        // It may come unasked, when the server's own limit was reached first.
        this.end({ phase: 'sent' });
        this.committed();
        return;
      case 'failed':
        this.fail(frame.error ?? 'The server could not keep the message.', false);
    }
  }

  /** The connection broke. */
  lost(): void {
    if (!this.busy) return;
    const { keptMs } = this.state.get();
    const kept = keptMs >= 1000 ? `the first ${Math.round(keptMs / 1000)} seconds` : 'what had arrived there';
    this.fail(this.begun
      ? `The connection was lost while you were speaking. The server keeps ${kept}; look in Sent when it is back.`
      : 'The connection to the server was lost.', false);
  }

  private listen(id: string, capture: Capture): void {
    const bars = new Bars();
    let samples = 0;
    capture.start((pcm) => {
      if (this.id !== id) return;
      samples += pcm.length;
      this.encoder?.push(pcm);
      const state = this.state.get();
      if (state.phase !== 'recording') return;
      const level = loudness(pcm);
      const bar = bars.add(level);
      const elapsedMs = (samples * 1000) / capture.sampleRate;
      this.state.patch({
        elapsedMs,
        // Falls slower than it rises, as a needle does.
        level: Math.max(level, state.level * 0.85),
        ...(bar === null ? {} : { bars: [...state.bars, bar] }),
      });
      if (elapsedMs >= state.limitMs - LIMIT_MARGIN_MS) {
        void this.stop(`The limit of ${Math.round(state.limitMs / 1000)} seconds was reached; your message was sent.`);
      }
    });
  }

  private bytes(id: string, bytes: Uint8Array<ArrayBuffer>): void {
    if (this.id !== id || !this.busy) return;
    switch (this.outgoing?.push(bytes)) {
      case 'full':
        this.fail('The connection is too slow to carry your voice. What had reached the server was sent.');
        return;
      case 'closed':
        this.lost();
        return;
      case 'ok':
      case undefined:
        return;
    }
  }

  /** Only the speaker's own cancel throws speech away: after a failure the server keeps what it has. */
  private fail(detail: string, tell = true): void {
    if (tell && this.begun) this.line.send({ type: 'record_stop', id: this.id });
    this.end({ phase: 'failed', detail });
  }

  private end(outcome: Partial<RecorderState>): void {
    clearTimeout(this.patience);
    this.begun = false;
    this.capture?.release();
    if (outcome.phase !== 'sent') this.encoder?.abort();
    this.capture = null;
    this.encoder = null;
    this.outgoing = null;
    this.state.patch({ level: 0, ...outcome });
  }
}

function newId(): string {
  const random = crypto.getRandomValues(new Uint8Array(16));
  random[6] = ((random[6] ?? 0) & 0x0f) | 0x40;
  random[8] = ((random[8] ?? 0) & 0x3f) | 0x80;
  const hex = [...random].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
