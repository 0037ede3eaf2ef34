// What happens: ties the API, the socket, the player and the recorder to the state.

import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import { watchActivity } from './activity';
import { api, ApiError } from './api';
import { Chats } from './chat/chats';
import { nameOf, unreadTexts } from './chat/state';
import { notifyHidden, setTitle } from './notify';
import { Player } from './player';
import type { Track } from './player';
import { readCall } from './protocol';
import type { ServerFrame } from './protocol';
import { forgetPush, withdrawNotification } from './push';
import { Recorder } from './recorder/recorder';
import { HarkSocket } from './socket';
import type { Action, InboxMessage, State, View } from './state';
import { initialState, isOver, reduce, unheard } from './state';
import { Store, useStore } from './store';
import type { Message, MessageId, Profile, UserId } from './types';
import { Uploader } from './upload/uploader';

const VIEWS: readonly View[] = ['inbox', 'speak', 'chat', 'sent', 'events', 'profile'];

export class Session {
  readonly state = new Store<State>(initialState);
  readonly player = new Player();
  readonly recorder: Recorder;
  readonly chats: Chats;
  readonly uploader = new Uploader(() => this.sent());
  private readonly socket: HarkSocket;
  private stopActivity: (() => void) | null = null;
  private active = true;
  private outboxTimer: ReturnType<typeof setTimeout> | undefined;
  private mailboxRun = 0;
  /** The lists miss what no resumed stream will tell: they are to be read. */
  private stale = true;
  private reloads = 0;

  constructor() {
    this.socket = new HarkSocket({
      frame: (frame) => this.frame(frame),
      connection: (connection) => {
        this.dispatch({ type: 'connection', connection });
        if (connection.status === 'open') this.connected();
        if (connection.status === 'lost') this.recorder.lost();
      },
      mayRetry: () => this.stillSignedIn(),
    });
    this.recorder = new Recorder(this.socket, () => this.sent());
    this.chats = new Chats({
      me: () => this.state.get().me?.user.id ?? null,
      send: (frame) => this.socket.send({ type: 'chat', ...frame }),
      isQuiet: () => this.state.get().me?.do_not_disturb === true,
      isShown: () => this.state.get().view === 'chat',
      show: () => this.go('chat'),
      nameOf: (user) => nameOf(
        this.chats.state.get().threads.find((t) => t.with === user), this.state.get().contacts, user),
      attempt: (work) => this.attempt(work),
    });
    const title = () => setTitle(unheard(this.state.get()) + unreadTexts(this.chats.state.get()));
    this.state.subscribe(title);
    this.chats.state.subscribe(title);
    addEventListener('hashchange', () => this.route());
    addEventListener('beforeunload', (event) => {
      if (this.recorder.busy || this.uploader.busy) event.preventDefault();
    });
    this.route();
  }

  dispatch(action: Action): void {
    this.state.set(reduce(this.state.get(), action));
  }

  async start(): Promise<void> {
    try {
      await api.session();
      await this.enter();
    } catch (error) {
      const notice = error instanceof ApiError && error.status !== 401
        ? { kind: 'error' as const, text: error.message } : undefined;
      this.dispatch({ type: 'signed-out', ...(notice ? { notice } : {}) });
    }
  }

  async signIn(name: string, password: string): Promise<void> {
    await api.signIn(name, password);
    await this.enter();
  }

  async signOut(): Promise<void> {
    if (this.recorder.busy) {
      this.dispatch({ type: 'notice', notice: { kind: 'info', text: 'Send or cancel your recording first.' } });
      return;
    }
    await forgetPush();
    try {
      await api.signOut();
    } catch (error) {
      // Saying "signed out" while the cookie still opens the mailbox would be a lie.
      if (!(error instanceof ApiError && error.status === 401)) {
        this.tell(error);
        return;
      }
    }
    this.leave();
  }

  go(view: View): void {
    location.hash = `#/${view}`;
  }

  select(id: MessageId | null): void {
    this.dispatch({ type: 'select', id });
  }

  listen(message: Message): void {
    this.go('inbox');
    this.select(message.id);
    this.player.play(this.track(message));
  }

  track(message: Message): Track {
    return {
      id: message.id, audio: message.audio, lengthMs: message.length_ms,
      heard: (ms) => void this.heard(message.id, ms),
    };
  }

  /** The pop-up stands in the page. */
  seen(id: MessageId): void {
    this.socket.send({ type: 'seen', message: id });
  }

  record(): void {
    const { me, contacts, chosen, typed } = this.state.get();
    if (!me) return;
    const to = contacts.filter((c) => chosen.includes(c.id));
    this.player.stop();
    void this.recorder.start({
      sender: me.user,
      to: [...to.map((c) => c.id), ...typed.map((address) => ({ address }))],
      toNames: [...to.map((c) => c.display_name), ...typed],
      limitSeconds: me.limit_seconds,
    });
  }

  /** A recording in a file was dropped on the page, or picked. */
  file(file: File): void {
    const { me } = this.state.get();
    if (!me) return;
    this.go('speak');
    void this.uploader.choose(file, me.upload_bytes);
  }

  /** Hark rings a telephone of ours, and records there for those who are chosen. */
  async recordByPhone(device: string): Promise<void> {
    const { chosen } = this.state.get();
    await this.order(() => api.recordByPhone([...chosen], device));
  }

  /** Hark rings a telephone of ours, and plays a message there. */
  async playByPhone(id: MessageId, device: string): Promise<void> {
    this.player.stop(id);
    await this.order(() => api.playByPhone(id, device));
  }

  async cancelCall(): Promise<void> {
    const { call } = this.state.get();
    if (call) await this.attempt(async () => void (await api.cancelCall(call.call)));
  }

  private async order(ask: () => Promise<unknown>): Promise<void> {
    await this.attempt(async () => {
      const call = readCall(await ask());
      if (call) this.dispatch({ type: 'call', call });
    });
  }

  /** Speaks to one person: from a message, back to who spoke it. */
  answer(user: UserId): void {
    if (this.recorder.busy) return;
    this.recorder.reset();
    this.dispatch({ type: 'choose', user, only: true });
    this.go('speak');
    setTimeout(() => document.getElementById('record')?.focus());
  }

  async save(message: InboxMessage): Promise<void> {
    await this.attempt(async () => {
      await api.save(message.id);
      this.dispatch({ type: 'kept', id: message.id });
    });
  }

  async remove(message: InboxMessage): Promise<void> {
    this.player.stop(message.id);
    await this.attempt(async () => {
      await api.remove(message.id);
      this.dispatch({ type: 'gone', id: message.id });
    });
  }

  async saveProfile(profile: Profile): Promise<void> {
    this.dispatch({ type: 'profile', profile: await api.saveProfile(profile) });
  }

  /** The profile after a code was taken: what was verified is so from here on. */
  async giveCode(device: string, code: string): Promise<void> {
    this.dispatch({ type: 'profile', profile: await api.giveCode(device, code) });
  }

  async doNotDisturb(on: boolean): Promise<void> {
    await this.attempt(async () => {
      await api.doNotDisturb(on);
      this.dispatch({ type: 'do-not-disturb', on });
    });
  }

  tell(error: unknown): void {
    const text = error instanceof Error ? error.message : 'That did not work.';
    this.dispatch({ type: 'notice', notice: { kind: 'error', text } });
  }

  private async enter(): Promise<void> {
    const me = await api.me();
    this.dispatch({ type: 'signed-in', me });
    this.active = true;
    this.stopActivity?.();
    this.stopActivity = watchActivity((active) => {
      this.active = active;
      this.socket.send({ type: 'activity', active });
    });
    this.socket.open();
    this.recorder.warm();
    await this.reload();
  }

  private leave(text?: string): void {
    // Not cancelled: what was said so far is the server's to keep.
    this.recorder.lost();
    this.uploader.cancel();
    this.player.stop();
    this.socket.close();
    this.chats.reset();
    this.stopActivity?.();
    this.stopActivity = null;
    this.dispatch({ type: 'signed-out', ...(text ? { notice: { kind: 'info', text } } : {}) });
  }

  private connected(): void {
    this.socket.send({ type: 'activity', active: this.active });
  }

  private async reload(): Promise<void> {
    this.stale = true;
    const run = ++this.reloads;
    await this.attempt(async () => {
      const [contacts] = await Promise.all([
        api.contacts(), this.loadMailbox(), this.loadOutbox(), this.catchUp(),
      ]);
      this.dispatch({ type: 'contacts', contacts });
      // A later one, which knows more, may fail still.
      if (run === this.reloads) this.stale = false;
    });
  }

  /** Reads what the log of messages does not hold: chats, and the call under way. */
  private async catchUp(): Promise<void> {
    const [calls] = await Promise.all([api.calls(), this.chats.reload()]);
    // One that ended while the connection was away ended untold.
    const live = readCall(calls[0]);
    const shown = this.state.get().call;
    if (live) this.dispatch({ type: 'call', call: live });
    else if (shown && !isOver(shown)) this.dispatch({ type: 'call', call: null });
  }

  private async loadMailbox(): Promise<void> {
    const run = ++this.mailboxRun;
    const before = new Set(this.state.get().messages.map((m) => m.id));
    const [inbox, saved] = await Promise.all([api.messages('inbox'), api.messages('saved')]);
    if (run !== this.mailboxRun) return;
    // A pop-up that came while the list was under way may be missing in it.
    const listed = new Set([...inbox, ...saved].map((m) => m.id));
    const meanwhile = this.state.get().messages.filter((m) => !before.has(m.id) && !listed.has(m.id));
    this.dispatch({ type: 'mailbox', inbox: [...meanwhile, ...inbox], saved });
  }

  private async loadOutbox(): Promise<void> {
    this.dispatch({ type: 'outbox', entries: await api.outbox() });
  }

  private frame(frame: ServerFrame): void {
    const known = (frame.type === 'receipt' || frame.type === 'trouble') && this.state.get().outbox.some((e) => e.id === frame.message);
    const news = frame.type === 'popup' && !this.state.get().popups.some((p) => p.message.id === frame.message.id);
    this.dispatch({ type: 'frame', frame });
    switch (frame.type) {
      case 'recording':
        this.recorder.frame(frame);
        if (frame.state === 'committed') this.outboxSoon();
        return;
      case 'receipt':
      case 'trouble':
        // A message of ours that this page has not listed yet: spoken on a telephone, or elsewhere.
        if (!known) this.outboxSoon();
        return;
      case 'popup':
        if (news) notifyHidden(frame.message, () => this.listen(frame.message));
        // It stands here already, and what told the server so was lost on the way.
        else this.seen(frame.message.id);
        return;
      case 'message_state': {
        void withdrawNotification(frame.message);
        const here = this.state.get().messages.some((m) => m.id === frame.message);
        if (!here && frame.change !== 'deleted') void this.attempt(() => this.loadMailbox());
        return;
      }
      case 'counts':
        if (this.state.get().loaded && frame.counts.new > unheard(this.state.get())) {
          void this.attempt(() => this.loadMailbox());
        }
        return;
      case 'chat':
        this.chats.frame(frame.event);
        return;
      case 'hello':
        // From here on nothing is missed; what came before follows, or the lists are read afresh.
        if (frame.resumed && !this.stale) void this.attempt(() => this.catchUp());
        else void this.reload();
        return;
      case 'call':
        if (frame.call.stage.state === 'done' && frame.call.kind === 'record') this.outboxSoon();
        return;
      case 'presence':
      case 'event':
      case 'mailbox':
      case 'notice':
      case 'ping':
        return;
    }
  }

  private sent(): void {
    this.outboxSoon();
  }

  private outboxSoon(): void {
    clearTimeout(this.outboxTimer);
    this.outboxTimer = setTimeout(() => void this.attempt(() => this.loadOutbox()), 60);
  }

  private async heard(id: MessageId, ms: number): Promise<void> {
    try {
      await api.heard(id, ms);
      this.dispatch({ type: 'heard', id });
    } catch (error) {
      // Playing goes on; the next report tells it again.
      if (error instanceof ApiError && error.status === 401) this.leave(error.message);
    }
  }

  private async attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      // What an event asked to be read is not told again: the next connection reads everything.
      if (error instanceof ApiError && (error.status === 0 || error.status >= 500)) this.stale = true;
      if (error instanceof ApiError && error.status === 401) this.leave('Your session has ended. Sign in again.');
      // The connection's own state is shown already.
      else if (!(error instanceof ApiError && error.status === 0)) this.tell(error);
    }
  }

  private async stillSignedIn(): Promise<boolean> {
    try {
      await api.session();
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        this.leave('Your session has ended. Sign in again.');
        return false;
      }
    }
    return true;
  }

  private route(): void {
    const name = location.hash.replace(/^#\/?/, '');
    const view = VIEWS.find((v) => v === name.split('/')[0]) ?? 'inbox';
    if (view !== this.state.get().view) this.dispatch({ type: 'view', view });
    if (view === 'chat') this.chats.looked();
  }
}

const SessionContext = createContext<Session | null>(null);

export const SessionProvider = SessionContext.Provider;

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error('rendered outside of a session');
  return session;
}

export function useApp<R>(pick: (state: State) => R): R {
  return useStore(useSession().state, pick);
}
