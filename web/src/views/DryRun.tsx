// What would become of a message: asked of the server, whose machine also delivers.

import { useState } from 'preact/hooks';
import { api } from '../api';
import { PRESENCES } from '../profile';
import type { ExplainedLine, Profile, Reached } from '../types';

export function DryRun({ profile }: { profile: Profile }) {
  const [presence, setPresence] = useState<Reached>('absent');
  const [at, setAt] = useState(() => localNow());
  const [sender, setSender] = useState('');
  const [urgent, setUrgent] = useState(false);
  const [looks, setLooks] = useState(false);
  const [answers, setAnswers] = useState(false);
  const [lines, setLines] = useState<ExplainedLine[] | null>(null);
  const [wrong, setWrong] = useState<string | null>(null);
  const run = async () => {
    setWrong(null);
    try {
      const when = new Date(at).getTime();
      const assumed = {
        profile, presence: [presence], at: Number.isFinite(when) ? when : Date.now(), sender: sender.trim(), urgent, looks, answers,
      };
      setLines((await api.explainProfile(assumed)).lines);
    } catch (error) {
      setLines(null);
      setWrong(error instanceof Error ? error.message : 'That did not work.');
    }
  };
  return (
    <>
      <div class="dry-run">
        <label class="field">
          <span>I am</span>
          <select value={presence} onChange={(event) => setPresence(event.currentTarget.value as Reached)}>
            {PRESENCES.map(([word, shown]) => <option key={word} value={word}>{shown}</option>)}
          </select>
        </label>
        <label class="field"><span>It comes at</span>
          <input type="datetime-local" value={at} onInput={(event) => setAt(event.currentTarget.value)} /></label>
        <label class="field"><span>From</span>
          <input value={sender} placeholder="anybody" autocapitalize="none" spellcheck={false} onInput={(event) => setSender(event.currentTarget.value)} /></label>
        <label class="check"><input type="checkbox" checked={urgent} onChange={(event) => setUrgent(event.currentTarget.checked)} /><span>urgent</span></label>
        <label class="check"><input type="checkbox" checked={looks} onChange={(event) => setLooks(event.currentTarget.checked)} /><span>I see pop-ups</span></label>
        <label class="check"><input type="checkbox" checked={answers} onChange={(event) => setAnswers(event.currentTarget.checked)} /><span>I answer the phone</span></label>
        <button type="button" class="button ghost" data-testid="dry-run" onClick={() => void run()}>What would happen?</button>
      </div>
      {wrong && <p class="error-text" role="status">{wrong}</p>}
      {lines && <Lines lines={lines} />}
    </>
  );
}

/** An explanation, with how long after the first line each came. */
export function Lines({ lines }: { lines: readonly ExplainedLine[] }) {
  const begun = lines[0]?.at ?? 0;
  return (
    <ol class="explained" data-testid="explained">
      {lines.map((line, i) => (
        <li key={i} data-what={line.what}>
          <span class="explained-time quiet small">{after(line.at - begun)}</span>
          <span>{line.rule !== undefined && <span class="quiet">Rule {line.rule}: </span>}{line.text}</span>
        </li>
      ))}
    </ol>
  );
}

function after(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `+${seconds} s`;
  if (seconds < 3600) return `+${Math.floor(seconds / 60)} min`;
  return `+${Math.floor(seconds / 3600)} h ${Math.floor(seconds / 60) % 60} min`;
}

function localNow(): string {
  const now = new Date();
  return new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
