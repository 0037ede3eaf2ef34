// Announcements: made by hand, by a schedule or by a rule, spoken by the server, followed until they
// are heard; and what they are made of: rules, templates and groups.

import { useEffect, useState } from 'preact/hooks';
import { api } from '../api';
import { recipientWord, stateWord, words } from '../events';
import type { EventReport, Group, ReportedRecipient, Schedule, Template } from '../events';
import { deviceWord, when } from '../format';
import type { EventRule } from '../rules';
import { useApp, useSession } from '../session';
import { Announce } from './Announce';
import { EventRules } from './EventRules';
import { Problem, SureButton, useWork } from './forms';
import { Groups } from './Groups';
import { CloseIcon, TrashIcon } from './icons';
import { Templates } from './Templates';

const PARTS = [
  { part: '', label: 'Announce' },
  { part: 'rules', label: 'Rules' },
  { part: 'templates', label: 'Templates' },
  { part: 'groups', label: 'Groups' },
] as const;

type Part = (typeof PARTS)[number]['part'];

function usePart(): Part {
  const read = () => PARTS.find(({ part }) => location.hash === `#/events/${part}`)?.part ?? '';
  const [part, setPart] = useState<Part>(read);
  useEffect(() => {
    const look = () => setPart(read());
    addEventListener('hashchange', look);
    return () => removeEventListener('hashchange', look);
  }, []);
  return part;
}

export function EventsView() {
  const session = useSession();
  const part = usePart();
  const news = useApp((s) => s.eventNews);
  const [events, setEvents] = useState<EventReport[] | null>(null);
  const [schedules, setSchedules] = useState<Schedule[]>([]);
  const [groups, setGroups] = useState<Group[] | null>(null);
  const [templates, setTemplates] = useState<Template[] | null>(null);
  const [rules, setRules] = useState<EventRule[] | null>(null);
  const language = document.documentElement.lang || 'en';
  const read = async () => {
    try {
      const [e, s, g, t, r] = await Promise.all([
        api.events(), api.schedules(), api.groups(), api.templates(), api.eventRules(),
      ]);
      setEvents(e);
      setSchedules(s);
      setGroups(g);
      setTemplates(t);
      setRules(r);
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
        <nav class="segments segments-wide" aria-label="Announcements and what they are made of">
          {PARTS.map(({ part: one, label }) => (
            <a key={one} href={one === '' ? '#/events' : `#/events/${one}`} data-testid={`events-part-${one || 'announce'}`}
              aria-current={part === one ? 'page' : undefined}>{label}</a>
          ))}
        </nav>
        {part === 'rules' && <EventRules rules={rules} templates={templates ?? []} groups={groups ?? []} language={language} changed={read} />}
        {part === 'templates' && <Templates templates={templates} language={language} changed={read} />}
        {part === 'groups' && <Groups groups={groups} changed={read} />}
        {part === '' && (
          <>
            <Announce groups={groups ?? []} templates={templates ?? []} language={language} made={() => void read()} />
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
                {(events ?? []).map((event) => <EventRow key={event.id} event={event} changed={() => void read()} />)}
              </ul>
            </div>
          </>
        )}
      </div>
    </section>
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

function EventRow({ event, changed }: { event: EventReport; changed(): void }) {
  const { busy, error, run } = useWork();
  const said = words(event.content, document.documentElement.lang || 'en');
  const open = event.state === 'pending' || event.state === 'active';
  return (
    <li class="row event-row" data-testid={`event-${event.id}`} data-state={event.state}>
      <div>
        <header class="sent-head">
          <strong>{said}</strong>
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
              {event.steps.length > 1 && <span class="quiet">{n === 0 ? 'First:' : n === event.steps.length - 1 ? 'At last:' : 'Then:'}</span>}
              <ul class="heard-by" aria-label={`Who heard “${said.slice(0, 40)}”`}>
                {step.recipients.map((r) => (
                  <li key={r.user} data-testid={`heard-${event.id}-${r.user}`} data-state={r.state}>
                    <span>{r.name}</span> <em>{recipientWord(r.state)}</em>
                    {where(r) !== '' && <span class="quiet"> · {where(r)}</span>}
                  </li>
                ))}
              </ul>
            </li>
          ))}
        </ol>
        {error && <Problem id={`event-${event.id}-error`}>{error}</Problem>}
      </div>
      {open && (
        <SureButton label="Stop" name={said.slice(0, 40)} testid={`event-${event.id}-stop`} disabled={busy}
          act={() => void run(async () => { await api.cancelEvent(event.id); changed(); })} />
      )}
    </li>
  );
}

/** On which device, and when, somebody came so far; or why not. */
function where(r: ReportedRecipient): string {
  if (r.reason !== undefined) return r.reason;
  if (r.confirmed) return `${deviceWord(r.confirmed.device)}, ${when(r.confirmed.at, Date.now())}`;
  const last = r.steps.filter((s) => s.step === r.state).pop();
  if (!last) return '';
  return [last.device ? deviceWord(last.device) : '', when(last.at, Date.now())].filter((part) => part !== '').join(', ');
}
