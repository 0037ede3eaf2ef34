// The page behind a link: whoever holds it answers by speaking. The microphone, the encoder and
// the frames are those of the client's own recorder; the socket takes one recording.

import { parseServerFrame } from './protocol';
import type { ClientFrame } from './protocol';
import { position } from './format';
import { Recorder } from './recorder/recorder';
import type { RecorderLine, RecorderState } from './recorder/recorder';

/** How long the server may take to open the socket. */
const OPEN_PATIENCE_MS = 10_000;

/** A socket for one recording. */
class AnswerLine implements RecorderLine {
  private socket: WebSocket | null = null;

  constructor(private readonly url: string, private readonly lost: () => void) {}

  onframe: (text: string) => void = () => undefined;

  async open(): Promise<boolean> {
    const socket = new WebSocket(this.url);
    socket.binaryType = 'arraybuffer';
    this.socket = socket;
    socket.onmessage = (event: MessageEvent) => {
      if (typeof event.data === 'string') this.onframe(event.data);
    };
    const opened = await new Promise<boolean>((done) => {
      const late = setTimeout(() => done(false), OPEN_PATIENCE_MS);
      socket.onopen = () => { clearTimeout(late); done(true); };
      socket.onclose = () => { clearTimeout(late); done(false); };
    });
    socket.onclose = () => { if (this.socket === socket) this.lost(); };
    return opened;
  }

  close(): void {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  get isOpen(): boolean {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  get buffered(): number {
    return this.socket?.bufferedAmount ?? 0;
  }

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
}

function start(section: HTMLElement): void {
  const part = (id: string) => document.getElementById(id) as HTMLButtonElement;
  const [record, send, cancel] = [part('answer-record'), part('answer-send'), part('answer-cancel')];
  const words = document.getElementById('answer-state') as HTMLElement;
  const url = new URL(section.dataset.answer ?? '', location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';

  const line = new AnswerLine(url.href, () => recorder.lost());
  const recorder = new Recorder(line, () => line.close());
  line.onframe = (text) => {
    const frame = parseServerFrame(text);
    if (frame?.type === 'recording') recorder.frame(frame);
  };
  const show = () => {
    const state = recorder.state.get();
    words.dataset.state = state.phase;
    words.textContent = describe(state);
    record.hidden = recorder.busy;
    send.hidden = cancel.hidden = state.phase !== 'recording';
  };
  recorder.state.subscribe(show);
  record.addEventListener('click', () => void (async () => {
    record.disabled = true;
    const opened = await line.open();
    record.disabled = false;
    if (!opened) {
      words.dataset.state = 'failed';
      words.textContent = 'No answer can be taken now: too many were sent, or the link is no longer good. Try again later.';
      return;
    }
    await recorder.start({
      sender: { id: 0, name: '', display_name: section.dataset.recipient ?? '', extension: '' },
      // The server knows who spoke the message.
      to: [0],
      toNames: [section.dataset.sender ?? ''],
      limitSeconds: Number(section.dataset.limit) || 59,
    });
  })());
  send.addEventListener('click', () => void recorder.stop());
  cancel.addEventListener('click', () => recorder.cancel());
  section.hidden = false;
  show();
}

function describe(state: RecorderState): string {
  switch (state.phase) {
    case 'idle': return '';
    case 'starting': return 'Opening the microphone …';
    case 'recording': return `Recording: ${position(state.elapsedMs)}`;
    case 'sending': return 'Sending …';
    case 'sent': return state.detail ?? 'Your answer was sent.';
    case 'failed':
    case 'cancelled': return state.detail ?? '';
  }
}

const section = document.getElementById('answer');
if (section) start(section);
