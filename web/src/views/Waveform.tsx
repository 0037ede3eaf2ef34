// Loudness over time, on a canvas: a finished message with its position, or the voice as it is spoken.

import { useEffect, useRef } from 'preact/hooks';

const BAR = 3;
const GAP = 2;

/** Brings any number of peaks to exactly `count` bars, each as high as the highest it stands for. */
export function resample(peaks: readonly number[], count: number): number[] {
  if (count <= 0) return [];
  if (peaks.length === 0) return Array.from({ length: count }, () => 0);
  return Array.from({ length: count }, (_, i) => {
    const from = Math.floor((i * peaks.length) / count);
    const to = Math.max(from + 1, Math.floor(((i + 1) * peaks.length) / count));
    return Math.max(...peaks.slice(from, to));
  });
}

interface WaveformProps {
  peaks: readonly number[];
  /** 0 to 1; bars before it are drawn as played. */
  progress: number;
  /** The newest bars at the right edge, instead of all of them over the whole width. */
  live?: boolean;
}

export function Waveform({ peaks, progress, live = false }: WaveformProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const latest = useRef<WaveformProps>({ peaks, progress, live });
  latest.current = { peaks, progress, live };

  useEffect(() => {
    if (canvas.current) draw(canvas.current, latest.current);
  }, [peaks, progress, live]);

  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const again = () => draw(element, latest.current);
    const size = new ResizeObserver(again);
    size.observe(element);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', again);
    return () => {
      size.disconnect();
      scheme.removeEventListener('change', again);
    };
  }, []);

  return <canvas ref={canvas} class="waveform" aria-hidden="true" />;
}

function draw(canvas: HTMLCanvasElement, { peaks, progress, live }: WaveformProps): void {
  const { clientWidth: width, clientHeight: height } = canvas;
  const context = canvas.getContext('2d');
  if (!context || width === 0) return;
  const ratio = Math.min(3, devicePixelRatio || 1);
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  const style = getComputedStyle(canvas);
  const played = style.getPropertyValue('--wave-played').trim();
  const rest = style.getPropertyValue('--wave-rest').trim();
  const count = Math.max(1, Math.floor((width + GAP) / (BAR + GAP)));
  const bars = live ? newest(peaks, count) : resample(peaks, count);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const border = progress * count;
  for (const [i, peak] of bars.entries()) {
    const tall = Math.max(BAR, Math.round((peak / 255) * (height - 2)));
    context.fillStyle = live ? (peak > 0 ? played : rest) : i < border ? played : rest;
    context.beginPath();
    context.roundRect(i * (BAR + GAP), (height - tall) / 2, BAR, tall, BAR / 2);
    context.fill();
  }
}

function newest(peaks: readonly number[], count: number): number[] {
  const tail = peaks.slice(-count);
  return [...tail, ...Array.from({ length: count - tail.length }, () => 0)];
}
