// How loud a frame is, and the line that is drawn while somebody speaks.

/** Loudness of samples from 0 to 1, on a scale as the ear has it: -54 dB and less is nothing. */
export function loudness(pcm: Float32Array): number {
  if (pcm.length === 0) return 0;
  let sum = 0;
  for (const sample of pcm) sum += sample * sample;
  const rms = Math.sqrt(sum / pcm.length);
  if (rms <= 0) return 0;
  return Math.min(1, Math.max(0, (20 * Math.log10(rms) + 54) / 48));
}

/** Gathers frames of 20 ms into bars of 80 ms, each after its loudest frame. */
export class Bars {
  private loudest = 0;
  private frames = 0;

  constructor(private readonly framesPerBar = 4) {}

  /** The finished bar, 0 to 255, or null while it grows. */
  add(level: number): number | null {
    this.loudest = Math.max(this.loudest, level);
    if (++this.frames < this.framesPerBar) return null;
    // Squared: syllables stand out from each other, which decibels alone would level.
    const bar = Math.round(this.loudest ** 2 * 255);
    this.loudest = 0;
    this.frames = 0;
    return bar;
  }
}
