// How far the event log was told to this page: what it asks for when it comes back, and what it was
// told before. Pure.

import type { ServerFrame } from './protocol';

/** The server tells at most the last moments twice; so many events are remembered to know them again. */
const REMEMBERED = 2_000;

export class Resume {
  private last: number | null = null;
  private readonly told = new Set<string>();

  /** What the next connection asks for. */
  get query(): string {
    return this.last === null ? '' : `?last_event_id=${this.last}`;
  }

  /** Somebody else may sign in here. */
  reset(): void {
    this.last = null;
    this.told.clear();
  }

  /** Takes note of a frame. False for an event that was told before. */
  take(frame: ServerFrame): boolean {
    // Of a resumed stream the missed events follow: only what came counts.
    if (frame.type === 'hello' && !frame.resumed) {
      this.last = frame.lastEventId;
      this.told.clear();
    }
    if (frame.type !== 'receipt' && frame.type !== 'trouble' && frame.type !== 'message_state') return true;
    if (frame.eventId === undefined) return true;
    // One event may concern both ends of a message to oneself.
    const key = `${frame.type === 'message_state' ? 'own' : 'sent'}:${frame.eventId}`;
    if (this.told.has(key)) return false;
    this.told.add(key);
    if (this.told.size > REMEMBERED) {
      const oldest = this.told.values().next().value;
      if (oldest !== undefined) this.told.delete(oldest);
    }
    this.last = Math.max(this.last ?? 0, frame.eventId);
    return true;
  }
}
