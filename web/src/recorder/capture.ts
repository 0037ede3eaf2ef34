// The microphone: permission, and PCM in frames of 20 ms from the audio thread.

import workletUrl from './capture.worklet.ts?worker&url';

/** Why the microphone can't be used, in words for its owner. */
export class CaptureError extends Error {
  override readonly name = 'CaptureError';
}

export class Capture {
  private constructor(
    readonly stream: MediaStream,
    private readonly context: AudioContext,
    private readonly node: AudioWorkletNode,
    private readonly source: MediaStreamAudioSourceNode,
  ) {}

  /** Asks for the microphone. `ended` is called when it is unplugged or its permission is taken away. */
  static async open(ended: () => void): Promise<Capture> {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new CaptureError(
        'The browser lends its microphone only to secure pages. Open Hark over https://, or as http://localhost.');
    }
    let stream: MediaStream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
      });
    } catch (error) {
      throw new CaptureError(explain(error));
    }
    let context: AudioContext | null = null;
    try {
      const opened = await connect(stream);
      context = opened.context;
      await context.audioWorklet.addModule(workletUrl);
      const node = new AudioWorkletNode(context, 'hark-capture', {
        numberOfInputs: 1, numberOfOutputs: 0, channelCount: 1, channelCountMode: 'explicit',
      });
      await context.resume();
      stream.getAudioTracks()[0]?.addEventListener('ended', ended);
      return new Capture(stream, context, node, opened.source);
    } catch (error) {
      stream.getTracks().forEach((track) => track.stop());
      void context?.close();
      throw new CaptureError(`The microphone can’t be read: ${error instanceof Error ? error.message : 'unknown cause'}.`);
    }
  }

  get sampleRate(): number {
    return this.context.sampleRate;
  }

  /** From now on every frame goes to `frame`. */
  start(frame: (pcm: Float32Array<ArrayBuffer>) => void): void {
    this.node.port.onmessage = (event: MessageEvent<Float32Array<ArrayBuffer> | null>) => {
      if (event.data) frame(event.data);
    };
    this.source.connect(this.node);
  }

  /** Lets the audio thread hand over its last samples, then lets the microphone go. */
  async stop(): Promise<void> {
    const { port } = this.node;
    const deliver = port.onmessage;
    await new Promise<void>((done) => {
      const late = setTimeout(done, 300);
      port.onmessage = (event: MessageEvent<Float32Array | null>) => {
        if (event.data) deliver?.call(port, event);
        else {
          clearTimeout(late);
          done();
        }
      };
      port.postMessage('end');
    });
    this.release();
  }

  release(): void {
    this.node.port.onmessage = null;
    this.source.disconnect();
    this.stream.getTracks().forEach((track) => track.stop());
    if (this.context.state !== 'closed') void this.context.close();
  }
}

/** 48 kHz is what Opus speaks; a browser that can't bring the microphone to it uses its own rate. */
async function connect(stream: MediaStream) {
  for (const options of [{ sampleRate: 48_000, latencyHint: 'interactive' as const }, {}]) {
    const context = new AudioContext(options);
    try {
      return { context, source: context.createMediaStreamSource(stream) };
    } catch (error) {
      void context.close();
      if (!('sampleRate' in options)) throw error;
    }
  }
  throw new Error('no audio context');
}

function explain(error: unknown): string {
  const name = error instanceof DOMException ? error.name : '';
  switch (name) {
    case 'NotAllowedError':
    case 'SecurityError':
      return 'Hark may not use the microphone. Allow it in the browser’s settings for this site, then try again.';
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'No microphone was found. Connect one, then try again.';
    case 'NotReadableError':
    case 'AbortError':
      return 'The microphone is in use by another program, or was unplugged.';
    default:
      return 'The microphone could not be opened.';
  }
}
