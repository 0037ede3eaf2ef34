// WebCodecs encodes, mediabunny writes the Ogg pages: each leaves as soon as it is full.

import {
  EncodedAudioPacketSource, EncodedPacket, NullTarget, OggOutputFormat, Output,
} from 'mediabunny';
import type { Encoder, EncoderOptions } from './encoder';

/** Pages of so much sound: a compromise between overhead (28 bytes a page) and what a crash can lose. */
const PAGE_SECONDS = 0.1;
/** So many frames may wait for the encoder: 2 s. More means that this computer is too slow. */
const MOST_WAITING = 100;

// `opus` came to the WebCodecs types later than to the browsers.
type OpusConfig = AudioEncoderConfig & {
  opus: { format: 'opus'; frameDuration: number; application: 'voip'; signal: 'voice' };
};

function config(sampleRate: number): OpusConfig {
  return {
    codec: 'opus', sampleRate, numberOfChannels: 1, bitrate: 32_000,
    opus: { format: 'opus', frameDuration: 20_000, application: 'voip', signal: 'voice' },
  };
}

export async function webCodecsWork(sampleRate: number): Promise<boolean> {
  if (typeof AudioEncoder === 'undefined' || typeof AudioData === 'undefined') return false;
  try {
    return (await AudioEncoder.isConfigSupported(config(sampleRate))).supported === true;
  } catch {
    return false;
  }
}

export class WebCodecsEncoder implements Encoder {
  private readonly source = new EncodedAudioPacketSource('opus');
  private readonly output: Output;
  private readonly encoder: AudioEncoder;
  /** Packets are written one after the other, in the order in which they were encoded. */
  private tail: Promise<void>;
  private samples = 0;
  private failure: Error | null = null;

  constructor(private readonly options: EncoderOptions) {
    this.output = new Output({
      format: new OggOutputFormat({
        maximumPageDuration: PAGE_SECONDS,
        // The muxer writes each page into the same buffer: what is kept must be a copy.
        onPage: (page) => options.bytes(page.slice()),
      }),
      target: new NullTarget(),
    });
    this.output.addAudioTrack(this.source);
    this.output.setMetadataTags({
      title: 'Voice message',
      artist: options.sender,
      date: new Date(options.startedAt),
      raw: { RECIPIENT: options.recipients },
    });
    this.tail = this.output.start();
    this.encoder = new AudioEncoder({
      output: (chunk, meta) => this.write(() => this.source.add(EncodedPacket.fromEncodedChunk(chunk), meta)),
      error: (error) => this.fail(error),
    });
    this.encoder.configure(config(options.sampleRate));
  }

  push(pcm: Float32Array<ArrayBuffer>): void {
    if (this.failure || this.encoder.state !== 'configured') return;
    if (this.encoder.encodeQueueSize > MOST_WAITING) {
      this.fail(new Error('This computer can’t encode as fast as you speak.'));
      return;
    }
    const data = new AudioData({
      format: 'f32-planar',
      sampleRate: this.options.sampleRate,
      numberOfFrames: pcm.length,
      numberOfChannels: 1,
      timestamp: Math.round((this.samples * 1_000_000) / this.options.sampleRate),
      data: pcm,
    });
    this.samples += pcm.length;
    this.encoder.encode(data);
    data.close();
  }

  async finish(): Promise<void> {
    if (this.encoder.state === 'configured') await this.encoder.flush();
    await this.tail;
    if (this.failure) throw this.failure;
    await this.output.finalize();
    this.encoder.close();
  }

  abort(): void {
    if (this.encoder.state !== 'closed') this.encoder.close();
    void this.tail.then(() => this.output.cancel()).catch(() => undefined);
  }

  private write(work: () => Promise<void>): void {
    this.tail = this.tail.then(work).catch((error: unknown) => this.fail(error));
  }

  private fail(error: unknown): void {
    if (this.failure) return;
    this.failure = error instanceof Error ? error : new Error('The encoder failed.');
    this.options.failed(this.failure);
  }
}
