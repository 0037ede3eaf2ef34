import { render } from 'preact';
import './styles/base.css';
import './styles/parts.css';
import './styles/layout.css';
import { Session, SessionProvider } from './session';
import { App } from './views/App';
import { LinkPage } from './views/LinkPage';

const root = document.getElementById('app');
if (root) {
  // The page behind a capability link needs no account and opens no session.
  const link = /^\/m\/([A-Za-z0-9_-]+)\/?$/.exec(location.pathname);
  if (link?.[1]) {
    render(<LinkPage token={link[1]} />, root);
  } else {
    const session = new Session();
    render(<SessionProvider value={session}><App /></SessionProvider>, root);
    void session.start();
  }
}
