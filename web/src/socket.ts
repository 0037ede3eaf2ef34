// The WebSocket: opened again whenever it is lost, later and later, and never all at once. It comes
// back with the last event that it was told, and hears what it missed.

import type { ClientFrame, ServerFrame } from './protocol';
import { parseServerFrame } from './protocol';
import { Resume } from './resume';
import type { Connection } from './state';

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;
/** An open socket on which nothing came for so long is taken for dead (the server pings). */
const SILENCE_MS = 90_000;

/** How long to wait before try number `attempt` (from 0): exponential, with half of it random. */
export function backoff(attempt: number, random: number): number {
  const full = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(attempt, 10));
  return Math.round(full / 2 + (full / 2) * random);
}

export interface SocketEvents {
  frame(frame: ServerFrame): void;
  connection(connection: Connection): void;
  /** Asked before each further try: false when the session has ended and trying makes no sense. */
  mayRetry(): Promise<boolean>;
}

export class HarkSocket {
  private socket: WebSocket | null = null;
  private attempt = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private watch: ReturnType<typeof setInterval> | undefined;
  private lastHeard = 0;
  private pinged = false;
  private closed = true;
  private readonly resume = new Resume();

  constructor(private readonly events: SocketEvents, private readonly url = socketUrl()) {}

  open(): void {
    if (!this.closed) return;
    this.closed = false;
    this.attempt = 0;
    addEventListener('online', this.hurry);
    document.addEventListener('visibilitychange', this.hurry);
    this.connect();
  }

  close(): void {
    this.closed = true;
    this.resume.reset();
    clearTimeout(this.retry);
    clearInterval(this.watch);
    removeEventListener('online', this.hurry);
    document.removeEventListener('visibilitychange', this.hurry);
    const socket = this.socket;
    this.socket = null;
    socket?.close(1000);
  }

  get isOpen(): boolean {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  /** Bytes that were handed over and have not left yet. */
  get buffered(): number {
    return this.socket?.bufferedAmount ?? 0;
  }

  /** False when the frame could not be handed over, because there is no connection. */
  send(frame: ClientFrame): boolean {
    if (!this.isOpen) return false;
    this.socket?.send(JSON.stringify(frame));
    return true;
  }

  sendBytes(bytes: Uint8Array<ArrayBuffer>): boolean {
    if (!this.isOpen) return false;
    this.socket?.send(bytes);
    return true;
  }

  private connect(): void {
    clearTimeout(this.retry);
    this.events.connection({ status: 'connecting' });
    const socket = new WebSocket(this.url + this.resume.query);
    socket.binaryType = 'arraybuffer';
    this.socket = socket;
    socket.onopen = () => {
      if (this.socket !== socket) return;
      this.lastHeard = Date.now();
      this.pinged = false;
      clearInterval(this.watch);
      this.watch = setInterval(() => this.checkAlive(socket), 10_000);
      this.events.connection({ status: 'open' });
    };
    socket.onmessage = (event: MessageEvent) => {
      if (this.socket !== socket || typeof event.data !== 'string') return;
      this.lastHeard = Date.now();
      const frame = parseServerFrame(event.data);
      if (!frame) return;
      // Only a connection that carried something counts as a good one.
      this.attempt = 0;
      if (frame.type === 'ping') {
        this.pinged = true;
        this.send({ type: 'pong' });
      } else if (this.resume.take(frame)) {
        this.events.frame(frame);
      }
    };
    socket.onclose = () => {
      if (this.socket === socket) void this.lost();
    };
  }

  private checkAlive(socket: WebSocket): void {
    if (this.pinged && Date.now() - this.lastHeard > SILENCE_MS && this.socket === socket) {
      socket.close();
      void this.lost();
    }
  }

  private async lost(): Promise<void> {
    this.socket = null;
    clearInterval(this.watch);
    if (this.closed) return;
    const delay = backoff(this.attempt++, Math.random());
    this.events.connection({ status: 'lost', retryAt: Date.now() + delay });
    this.retry = setTimeout(() => void this.again(), delay);
  }

  private async again(): Promise<void> {
    const may = await this.events.mayRetry();
    if (this.closed || this.socket) return;
    if (may) this.connect();
  }

  /** The network is back, or somebody looks at the page: no reason to wait any longer. */
  private readonly hurry = () => {
    if (this.closed || this.socket || document.visibilityState === 'hidden') return;
    clearTimeout(this.retry);
    void this.again();
  };
}

function socketUrl(): string {
  return `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`;
}
