import { useEffect } from 'preact/hooks';
import { unreadTexts } from '../chat/state';
import { unheard } from '../state';
import type { View } from '../state';
import { useApp, useSession } from '../session';
import { useStore } from '../store';
import { Chat } from './Chat';
import { ConnectionPill } from './ConnectionPill';
import { EventsView } from './EventsView';
import { DropTarget } from './FileDock';
import { BellIcon, ChatIcon, ExitIcon, GearIcon, InboxIcon, Mark, MicIcon, SentIcon } from './icons';
import { Inbox } from './Inbox';
import { Popups } from './Popups';
import { ProfileView } from './ProfileView';
import { Sent } from './Sent';
import { SignIn } from './SignIn';
import { Speak } from './Speak';

export function App() {
  const phase = useApp((s) => s.phase);
  switch (phase) {
    case 'loading': return <div class="loading" role="status"><Mark /><span class="visually-hidden">Loading</span></div>;
    case 'signed-out': return <SignIn />;
    case 'signed-in': return <Main />;
  }
}

function Main() {
  const view = useApp((s) => s.view);
  return (
    <div class="app" data-view={view}>
      <a class="skip" href="#/inbox">Skip to the inbox</a>
      <TopBar />
      <main class="panes">
        <Speak />
        <Inbox />
        <Sent />
        {view === 'events' && <EventsView />}
        {view === 'chat' && <Chat />}
        {view === 'profile' && <ProfileView />}
      </main>
      <Popups />
      <DropTarget />
      <NoticeBar />
    </div>
  );
}

const TABS = [
  { view: 'inbox', label: 'Inbox', Icon: InboxIcon },
  { view: 'speak', label: 'Speak', Icon: MicIcon },
  { view: 'chat', label: 'Chat', Icon: ChatIcon },
  { view: 'sent', label: 'Sent', Icon: SentIcon },
  { view: 'events', label: 'Announce', Icon: BellIcon },
  { view: 'profile', label: 'Profile', Icon: GearIcon },
] as const satisfies readonly { view: View; label: string; Icon: unknown }[];

function TopBar() {
  const session = useSession();
  const me = useApp((s) => s.me);
  const view = useApp((s) => s.view);
  const count = useApp(unheard);
  const texts = useStore(session.chats.state, unreadTexts);
  const recording = useStore(session.recorder.state, (s) => s.phase === 'recording');
  return (
    <header class="topbar">
      <a class="brand" href="#/inbox" aria-label="Hark, to the inbox"><Mark /><span>Hark</span></a>
      <nav class="tabs" aria-label="Views">
        {TABS.map(({ view: tab, label, Icon }) => (
          <a key={tab} href={`#/${tab}`} class={`tab tab-${tab}`} data-testid={`nav-${tab}`}
            aria-current={view === tab ? 'page' : undefined}>
            <Icon />
            <span>{label}</span>
            {tab === 'speak' && recording && <span class="tab-recording"><span class="visually-hidden">, recording</span></span>}
            {tab === 'chat' && texts > 0 && (
              <span class="badge" data-testid="unread-texts">{texts}<span class="visually-hidden"> unread</span></span>
            )}
            {tab === 'inbox' && count > 0 && <span class="badge" data-testid="unread">{count}</span>}
          </a>
        ))}
      </nav>
      <div class="topbar-end">
        <ConnectionPill />
        {me && (
          <span class="me">
            <strong>{me.user.display_name}</strong>
            <span class="quiet">{me.user.extension}</span>
          </span>
        )}
        <button type="button" class="icon-button" data-testid="sign-out" aria-label="Sign out" title="Sign out"
          onClick={() => void session.signOut()}>
          <ExitIcon />
        </button>
      </div>
    </header>
  );
}

function NoticeBar() {
  const session = useSession();
  const notice = useApp((s) => s.notice);
  useEffect(() => {
    if (!notice) return undefined;
    const timer = setTimeout(() => session.dispatch({ type: 'notice', notice: null }), 8000);
    return () => clearTimeout(timer);
  }, [notice]);
  return (
    <div class="notice-area" role="status">
      {notice && <p class={`notice notice-${notice.kind}`} data-testid="notice">{notice.text}</p>}
    </div>
  );
}
