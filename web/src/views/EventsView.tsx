// Announcements: made by hand or by a schedule, spoken by the server, followed until they are heard.

import { useEffect, useState } from 'preact/hooks';
import { api } from '../api';
import { recipientWord, recurrence, stateWord, words } from '../events';
import type { EventReport, Group, Repeat, Schedule } from '../events';
import { deviceWord, when } from '../format';
import { useApp, useSession } from '../session';
import { BellIcon, CloseIcon, TrashIcon } from './icons';

const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';

export function EventsView() {
  const session = useSession();
  const news = useApp((s) => s.eventNews);
  const [events, setEvents] = useState<EventReport[] | null>(null);
  const [schedules, setSchedules] = useState<Schedule[]>([]);
  const [groups, setGroups] = useState<Group[]>([]);
  const read = async () => {
    try {
      const [e, s, g] = await Promise.all([api.events(), api.schedules(), api.groups()]);
      setEvents(e);
      setSchedules(s);
      setGroups(g);
    } catch (error) {
      session.tell(error);
    }
  };
  // What comes in a burst is read once.
  useEffect(() => {
    const timer = setTimeout(() => void read(), events === null ? 0 : 150);
    return () => clearTimeout(timer);
  }, [news]);

  return (
    <section class="pane pane-events" aria-labelledby="events-title" data-testid="events">
      <header class="pane-head">
        <h2 id="events-title">Announcements</h2>
        <a class="icon-button" href="#/inbox" aria-label="Close the announcements"><CloseIcon /></a>
      </header>
      <div class="profile">
        <Composer groups={groups} made={() => void read()} />
        {schedules.length > 0 && (
          <div class="card block" data-testid="schedules">
            <h3>Planned</h3>
            <ul class="rows">
              {schedules.map((schedule) => (
                <ScheduleRow key={schedule.id} schedule={schedule} removed={() => void read()} />
              ))}
            </ul>
          </div>
        )}
        <div class="card block">
          <h3>Made</h3>
          {events?.length === 0 && <p class="quiet">Nothing yet. Applications announce by the API; you can announce here.</p>}
          <ul class="rows" data-testid="event-list">
            {(events ?? []).map((event) => <EventRow key={event.id} event={event} />)}
          </ul>
        </div>
      </div>
    </section>
  );
}

function Composer({ groups, made }: { groups: Group[]; made(): void }) {
  const contacts = useApp((s) => s.contacts);
  const language = document.documentElement.lang || 'en';
  const [text, setText] = useState('');
  const [to, setTo] = useState<string[]>([]);
  const [urgent, setUrgent] = useState(false);
  const [confirm, setConfirm] = useState(false);
  const [then, setThen] = useState('');
  const [at, setAt] = useState('');
  const [repeat, setRepeat] = useState<Repeat>('once');
  const [status, setStatus] = useState<{ good: boolean; text: string } | null>(null);
  const [busy, setBusy] = useState(false);
  const people = [
    ...groups.map((g) => ({ word: `group:${g.name}`, name: `${g.display_name} (group)` })),
    ...contacts.map((c) => ({ word: c.name, name: c.display_name })),
  ];
  const toggle = (word: string) => setTo(to.includes(word) ? to.filter((w) => w !== word) : [...to, word]);
  const send = async () => {
    setBusy(true);
    const event = {
      content: { text: { [language]: text.trim() } }, recipients: to, urgent, confirm: confirm || then !== '',
      ...(then === '' ? {} : { escalation: [{ recipients: [then], wait_seconds: 300 }] }),
    };
    try {
      const lines = at === '' ? null : recurrence(at, repeat, ZONE);
      if (lines === null) await api.announce(event);
      else await api.plan({ name: text.trim().slice(0, 60), recurrence: lines, event });
      setText('');
      setAt('');
      setStatus({ good: true, text: lines === null ? 'On its way.' : 'Planned.' });
      made();
    } catch (error) {
      setStatus({ good: false, text: error instanceof Error ? error.message : 'That did not work.' });
    }
    setBusy(false);
  };
  return (
    <form class="card block" data-testid="event-form" onSubmit={(e) => { e.preventDefault(); void send(); }}>
      <h3>Announce something</h3>
      <label class="field">
        <span>What is said</span>
        <textarea rows={2} maxLength={2000} value={text} data-testid="event-text"
          onInput={(e) => setText(e.currentTarget.value)} />
      </label>
      <fieldset class="event-people">
        <legend class="small quiet">To whom</legend>
        {people.map((p) => (
          <label key={p.word} class={`person-chip${to.includes(p.word) ? ' is-on' : ''}`}>
            <input type="checkbox" class="visually-hidden" checked={to.includes(p.word)} onChange={() => toggle(p.word)} />
            <span data-testid={`event-to-${p.word}`}>{p.name}</span>
          </label>
        ))}
      </fieldset>
      <div class="event-options">
        <label class="check"><input type="checkbox" checked={urgent} onChange={(e) => setUrgent(e.currentTarget.checked)} /><span>Urgent</span></label>
        <label class="check"><input type="checkbox" checked={confirm || then !== ''} disabled={then !== ''} data-testid="event-confirm"
          onChange={(e) => setConfirm(e.currentTarget.checked)} /><span>Somebody has to confirm it</span></label>
        <label class="field"><span>If nobody does within 5 minutes, tell</span>
          <select value={then} onChange={(e) => setThen(e.currentTarget.value)}>
            <option value="">nobody else</option>
            {people.filter((p) => !to.includes(p.word)).map((p) => <option key={p.word} value={p.word}>{p.name}</option>)}
          </select>
        </label>
        <label class="field"><span>When ({ZONE})</span>
          <input type="datetime-local" value={at} data-testid="event-at" onInput={(e) => setAt(e.currentTarget.value)} /></label>
        {at !== '' && (
          <label class="field"><span>Again</span>
            <select value={repeat} data-testid="event-repeat" onChange={(e) => setRepeat(e.currentTarget.value as Repeat)}>
              <option value="once">never</option>
              <option value="daily">every day</option>
              <option value="weekdays">from Monday to Friday</option>
              <option value="weekly">every week</option>
              <option value="monthly">every month</option>
            </select>
          </label>
        )}
      </div>
      <div class="actions">
        <button type="submit" class="button primary" data-testid="event-send" disabled={busy || text.trim() === '' || to.length === 0}>
          <BellIcon /> {at === '' ? 'Announce now' : 'Plan it'}
        </button>
        <p role="status" data-testid="event-status" class={status?.good === false ? 'error-text' : 'quiet'}>{status?.text}</p>
      </div>
    </form>
  );
}

function ScheduleRow({ schedule, removed }: { schedule: Schedule; removed(): void }) {
  const session = useSession();
  const remove = async () => {
    try {
      await api.unplan(schedule.id);
    } catch (error) {
      session.tell(error);
    }
    removed();
  };
  return (
    <li class="row" data-testid={`schedule-${schedule.id}`}>
      <div>
        <strong>{schedule.name}</strong>
        <p class="quiet small">
          {schedule.next.length === 0 ? 'Nothing lies ahead.' : `Next: ${schedule.next.slice(0, 3).map((at) => new Date(at).toLocaleString()).join(' · ')}`}
          {schedule.note !== undefined && ` ${schedule.note}`}
        </p>
      </div>
      <button type="button" class="icon-button" aria-label={`Remove ${schedule.name}`} onClick={() => void remove()}><TrashIcon /></button>
    </li>
  );
}

function EventRow({ event }: { event: EventReport }) {
  return (
    <li class="row event-row" data-testid={`event-${event.id}`} data-state={event.state}>
      <div>
        <header class="sent-head">
          <strong>{words(event.content)}</strong>
          <span class={`event-state event-${event.state}`}>{stateWord(event.state)}</span>
        </header>
        <p class="quiet small">
          {when(event.created, Date.now())}{event.urgent && ' · urgent'}
          {event.confirmed && ` · confirmed by ${event.confirmed.name}, ${deviceWord(event.confirmed.device)}, ${when(event.confirmed.at, Date.now())}`}
          {event.reason && ` · ${event.reason}`}
        </p>
        <ol class="event-steps">
          {event.steps.map((step, n) => (
            <li key={n} class="small">
              {event.steps.length > 1 && <span class="quiet">{n + 1}. </span>}
              {step.recipients.map((r, i) => (
                <span key={r.user} data-testid={`heard-${event.id}-${r.user}`} data-state={r.state}>
                  {i > 0 && ', '}{r.name}: <em>{recipientWord(r.state)}</em>{r.reason !== undefined && ` (${r.reason})`}
                </span>
              ))}
            </li>
          ))}
        </ol>
      </div>
    </li>
  );
}
