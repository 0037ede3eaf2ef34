// The bytes on their way to the server: bounded, so that a slow line is told and not hidden.

/** So much may lie in the socket before more is held back here. */
const SOCKET_FULL = 64 * 1024;
/** So much may wait in all: over two minutes of speech. */
const MOST_WAITING = 512 * 1024;

export interface Line {
  readonly isOpen: boolean;
  readonly buffered: number;
  sendBytes(bytes: Uint8Array<ArrayBuffer>): boolean;
}

export type Pushed = 'ok' | 'full' | 'closed';

export class Outgoing {
  private readonly queue: Uint8Array<ArrayBuffer>[] = [];
  private waiting = 0;
  /** Bytes handed to the socket so far. */
  sent = 0;

  constructor(private readonly line: Line) {}

  push(bytes: Uint8Array<ArrayBuffer>): Pushed {
    if (!this.line.isOpen) return 'closed';
    if (this.waiting + this.line.buffered + bytes.length > MOST_WAITING) return 'full';
    this.queue.push(bytes);
    this.waiting += bytes.length;
    return this.pump();
  }

  /** Sends what the socket takes; called again whenever more sound came. */
  pump(): Pushed {
    while (this.queue.length > 0 && this.line.buffered < SOCKET_FULL) {
      const next = this.queue[0];
      if (!next) break;
      if (!this.line.sendBytes(next)) return 'closed';
      this.queue.shift();
      this.waiting -= next.length;
      this.sent += next.length;
    }
    return 'ok';
  }

  /** Sends the rest, as fast as the line takes it. */
  async drain(pause: () => Promise<void>): Promise<Pushed> {
    for (;;) {
      if (this.pump() === 'closed' || !this.line.isOpen) return 'closed';
      if (this.queue.length === 0) return 'ok';
      await pause();
    }
  }
}
