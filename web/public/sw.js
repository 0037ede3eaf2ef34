// The service worker: shows a notification of a message also while Hark is not open, and opens the
// message's page when it is clicked. It keeps no files: what is shown comes with the push, encrypted
// for this browser.

addEventListener('install', () => skipWaiting());
addEventListener('activate', (event) => event.waitUntil(clients.claim()));

addEventListener('push', (event) => event.waitUntil(show(event.data)));
addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data?.link));
});
// The push service took the subscription back: the browser makes another for the same key.
addEventListener('pushsubscriptionchange', (event) => event.waitUntil(renew(event)));

async function show(data) {
  let message = {};
  try {
    message = data?.json() ?? {};
  } catch {
    // Browsers want something shown for every push: that there is a message is true in any case.
  }
  await registration.showNotification(message.title ?? 'Hark', {
    body: message.body ?? '',
    tag: message.id ?? 'hark',
    lang: message.language ?? '',
    icon: '/favicon.svg',
    data: { link: message.link },
  });
}

async function open(link) {
  let url;
  try {
    url = new URL(link ?? '/', location.origin);
  } catch {
    url = new URL('/', location.origin);
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return;
  await clients.openWindow(url.href);
}

async function renew(event) {
  const options = event.oldSubscription?.options ?? (await registration.pushManager.getSubscription())?.options;
  if (!options) return;
  const fresh = event.newSubscription ?? (await registration.pushManager.subscribe(options));
  await fetch('/api/v1/push/subscriptions', {
    method: 'POST',
    credentials: 'same-origin',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(fresh),
  });
}
