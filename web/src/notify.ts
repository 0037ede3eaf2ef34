// What is told outside of the page: the tab's title, and the desktop's own notifications.

import { spokenLength } from './format';
import type { ChatText } from './chat/types';
import type { Message } from './types';

export function setTitle(unheard: number): void {
  document.title = unheard > 0 ? `(${unheard}) Hark` : 'Hark';
}

export type Permission = 'granted' | 'denied' | 'default' | 'unsupported';

export function notificationPermission(): Permission {
  return typeof Notification === 'undefined' || !isSecureContext ? 'unsupported' : Notification.permission;
}

export async function askNotificationPermission(): Promise<Permission> {
  if (notificationPermission() !== 'default') return notificationPermission();
  return Notification.requestPermission();
}

/** Only when nobody looks at the page: else the pop-up in it is enough. */
export function notifyHidden(message: Message, open: () => void): void {
  if (notificationPermission() !== 'granted' || document.visibilityState !== 'hidden') return;
  try {
    const shown = new Notification(`Voice message from ${message.sender.name}`, {
      body: spokenLength(message.length_ms), tag: message.id, icon: '/favicon.svg',
    });
    shown.onclick = () => {
      focus();
      shown.close();
      open();
    };
  } catch {
    // Chrome on Android has the class but wants a service worker. The pop-up waits in the page.
  }
}

/** The same for a chat text. */
export function notifyHiddenText(name: string, text: ChatText, open: () => void): void {
  if (notificationPermission() !== 'granted' || document.visibilityState !== 'hidden') return;
  try {
    const shown = new Notification(name, { body: text.text.slice(0, 200), tag: `chat-${text.sender}`, icon: '/favicon.svg' });
    shown.onclick = () => {
      focus();
      shown.close();
      open();
    };
  } catch {
    // As above: the pop-up waits in the page.
  }
}
