import { render } from 'preact';
import './styles/base.css';
import './styles/parts.css';
import './styles/layout.css';
import './styles/chat.css';
import { Session, SessionProvider } from './session';
import { App } from './views/App';

const root = document.getElementById('app');
if (root) {
  const session = new Session();
  render(<SessionProvider value={session}><App /></SessionProvider>, root);
  void session.start();
}
