// A recording that is in a file already: shown first, then sent up.
//
//   idle ─► ready ─► sending ─► sent
//             ▲         │
//             └─ failed ◄┘

import { ApiError, upload } from '../api';
import { Store } from '../store';
import type { FileTags } from './tags';
import { HEAD_BYTES, readTags } from './tags';

export type UploadPhase = 'idle' | 'ready' | 'sending' | 'sent' | 'failed';

export interface UploadState {
  phase: UploadPhase;
  file: File | null;
  tags: FileTags;
  /** 0 to 1; the server's own work comes after 1. */
  progress: number;
  /** What to tell the user about the outcome. */
  detail: string | null;
}

const idle: UploadState = {
  phase: 'idle', file: null, tags: { sender: null, recipients: [] }, progress: 0, detail: null,
};

export class Uploader {
  readonly state = new Store<UploadState>(idle);
  private abort: (() => void) | null = null;
  /** The same for every try with this file: a second one is no second message. */
  private key = '';
  private run = 0;

  constructor(private readonly committed: () => void) {}

  get busy(): boolean {
    return this.state.get().phase === 'sending';
  }

  /** A file was dropped or picked. */
  async choose(file: File, mostBytes: number): Promise<void> {
    if (this.busy) return;
    const run = ++this.run;
    this.key = [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, '0')).join('');
    if (file.size === 0) {
      this.state.set({ ...idle, phase: 'failed', file, detail: 'There is nothing in this file.' });
      return;
    }
    if (file.size > mostBytes) {
      const most = Math.floor(mostBytes / 1024 / 1024);
      this.state.set({ ...idle, phase: 'failed', file, detail: `This file is too large: at most ${most} MB are taken.` });
      return;
    }
    let tags = idle.tags;
    try {
      tags = readTags(new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer()));
    } catch {
      // Read again by the server, which says what is wrong with it.
    }
    if (run === this.run) this.state.set({ ...idle, phase: 'ready', file, tags });
  }

  /** Sends it to these users, or with none to whom its tags say. */
  async send(to: readonly string[]): Promise<void> {
    const { file, phase } = this.state.get();
    if (!file || (phase !== 'ready' && phase !== 'failed')) return;
    const run = ++this.run;
    this.state.patch({ phase: 'sending', progress: 0, detail: null });
    try {
      const sending = upload(file, to, this.key, (progress) => run === this.run && this.state.patch({ progress }));
      this.abort = sending.abort;
      await sending.done;
      if (run !== this.run) return;
      this.state.patch({ phase: 'sent', progress: 1 });
      this.committed();
    } catch (error) {
      if (run !== this.run) return;
      const detail = error instanceof ApiError ? error.message : 'The file could not be sent.';
      this.state.patch({ phase: 'failed', detail });
    } finally {
      if (run === this.run) this.abort = null;
    }
  }

  /** Forgets the file; what is on its way is stopped. */
  cancel(): void {
    this.run += 1;
    this.abort?.();
    this.abort = null;
    this.state.set(idle);
  }
}
