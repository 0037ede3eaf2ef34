// What turns microphone into Ogg Opus, whichever way the browser offers.

export interface EncoderOptions {
  sampleRate: number;
  stream: MediaStream;
  sender: string;
  recipients: string[];
  /** Milliseconds since 1970. */
  startedAt: number;
  /** The file's next bytes. */
  bytes(bytes: Uint8Array<ArrayBuffer>): void;
  failed(error: Error): void;
}

export interface Encoder {
  /** The next samples, mono, between -1 and 1. */
  push(pcm: Float32Array<ArrayBuffer>): void;
  /** Returns when the file's last byte was handed over. */
  finish(): Promise<void>;
  abort(): void;
}

export type Via = 'webcodecs' | 'mediarecorder';

const RECORDER_MIME = 'audio/ogg; codecs=opus';

/** The best way that this browser has; null when it has none. */
export async function makeEncoder(options: EncoderOptions): Promise<{ via: Via; encoder: Encoder } | null> {
  const { WebCodecsEncoder, webCodecsWork } = await loadWebCodecs();
  if (await webCodecsWork(options.sampleRate)) {
    return { via: 'webcodecs', encoder: new WebCodecsEncoder(options) };
  }
  if (typeof MediaRecorder !== 'undefined' && MediaRecorder.isTypeSupported(RECORDER_MIME)) {
    return { via: 'mediarecorder', encoder: new MediaRecorderEncoder(options) };
  }
  return null;
}

/** Fetched before it is needed, so that the first press of the button costs no round trip. */
export function loadWebCodecs() {
  return import('./encode');
}

/** Firefox without Opus in WebCodecs: its MediaRecorder writes Ogg by itself. */
class MediaRecorderEncoder implements Encoder {
  private readonly recorder: MediaRecorder;
  private tail: Promise<void> = Promise.resolve();
  private readonly stopped: Promise<void>;

  constructor(options: EncoderOptions) {
    this.recorder = new MediaRecorder(options.stream, {
      mimeType: RECORDER_MIME, audioBitsPerSecond: 32_000,
    });
    this.recorder.ondataavailable = (event) => {
      this.tail = this.tail.then(async () => {
        if (event.data.size > 0) options.bytes(new Uint8Array(await event.data.arrayBuffer()));
      });
    };
    this.recorder.onerror = () => options.failed(new Error('The browser’s recorder failed.'));
    this.stopped = new Promise((done) => {
      this.recorder.onstop = () => done();
    });
    this.recorder.start(200);
  }

  push(): void {
    // It takes the stream itself; the samples are for the level meter only.
  }

  async finish(): Promise<void> {
    if (this.recorder.state !== 'inactive') this.recorder.stop();
    await this.stopped;
    await this.tail;
  }

  abort(): void {
    this.recorder.ondataavailable = null;
    if (this.recorder.state !== 'inactive') this.recorder.stop();
  }
}
