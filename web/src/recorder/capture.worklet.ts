// Runs on the audio thread: gathers the microphone's samples into frames of 20 ms.

declare const sampleRate: number;
declare function registerProcessor(name: string, processor: unknown): void;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}

const FRAME = Math.round(sampleRate / 50);

class CaptureProcessor extends AudioWorkletProcessor {
  private frame = new Float32Array(FRAME);
  private filled = 0;
  private ended = false;

  constructor() {
    super();
    this.port.onmessage = () => {
      // What is left is shorter than a frame; it is speech all the same.
      this.post(this.frame.slice(0, this.filled));
      this.port.postMessage(null);
      this.ended = true;
    };
  }

  process(inputs: Float32Array[][]): boolean {
    const channel = inputs[0]?.[0];
    if (!channel || this.ended) return !this.ended;
    let from = 0;
    while (from < channel.length) {
      const take = Math.min(channel.length - from, FRAME - this.filled);
      this.frame.set(channel.subarray(from, from + take), this.filled);
      this.filled += take;
      from += take;
      if (this.filled === FRAME) {
        // Handed over, not copied: the array is empty from here on.
        this.post(this.frame);
        this.frame = new Float32Array(FRAME);
        this.filled = 0;
      }
    }
    return true;
  }

  private post(frame: Float32Array): void {
    if (frame.length > 0) this.port.postMessage(frame, [frame.buffer]);
  }
}

registerProcessor('hark-capture', CaptureProcessor);
