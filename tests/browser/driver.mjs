// Drives a Chromium page for the system tests: a JSON command a line in, a JSON answer a line out.
// It knows nothing of Hark; elements are named by their data-testid.
//
//   node driver.mjs PROFILE-FOLDER MICROPHONE.wav

import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const [profile, microphone] = process.argv.slice(2);
const WAIT = { timeout: 30_000 };

const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  permissions: ["microphone", "notifications"],
  viewport: { width: 1280, height: 800 },
  args: [
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    // Once, and then silence: a message must not be said twice.
    `--use-file-for-fake-audio-capture=${microphone}%noloop`,
    "--autoplay-policy=no-user-gesture-required",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
  ],
});

// Notes when each data-testid first appears and when its data- attributes change, by the page's own
// clock: a test that asks afterwards is not timed by its own questions.
await context.addInitScript(() => {
  const seen = new Map();
  const appearances = new Map();
  const changes = new Map();
  const now = () => performance.timeOrigin + performance.now();
  const appear = (element) => {
    const id = element.dataset?.testid;
    if (id !== undefined) appearances.set(id, (appearances.get(id) ?? 0) + 1);
    note(element);
  };
  const note = (element) => {
    const id = element.dataset?.testid;
    if (id === undefined) return;
    if (!seen.has(id)) seen.set(id, now());
    for (const { name, value } of element.attributes) {
      const key = `${id} ${name}`;
      const list = changes.get(key) ?? [];
      if (list.at(-1)?.[1] !== value) changes.set(key, [...list, [now(), value]]);
    }
  };
  new MutationObserver((records) => {
    for (const { target, addedNodes } of records) {
      if (target instanceof Element) note(target);
      for (const node of addedNodes) {
        if (!(node instanceof Element)) continue;
        appear(node);
        node.querySelectorAll("[data-testid]").forEach(appear);
      }
    }
  }).observe(document, { subtree: true, childList: true, attributes: true });
  window.harkTestNotes = {
    firstSeen: (id) => seen.get(id) ?? null,
    appearances: (id) => appearances.get(id) ?? 0,
    history: (id, name) => changes.get(`${id} ${name}`) ?? [],
  };
});

const page = context.pages()[0] ?? (await context.newPage());
const errors = [];
page.on("pageerror", (error) => errors.push(String(error)));
page.on("console", (message) => {
  // Chromium logs every 401 as an error, also the one that says that nobody is signed in yet.
  if (message.type() === "error" && !message.text().includes("status of 401")) errors.push(message.text());
});

const element = (id) => page.getByTestId(id).first();
const commands = {
  open: ({ url }) => page.goto(url, WAIT).then(() => null),
  fill: ({ id, text }) => element(id).fill(text, WAIT),
  press: ({ id, key }) => element(id).press(key, WAIT),
  resize: ({ width, height }) => page.setViewportSize({ width, height }),
  choose: ({ id, value }) => element(id).selectOption(value, WAIT).then(() => null),
  click: ({ id }) => element(id).click(WAIT),
  visible: ({ id }) => element(id).waitFor({ state: "visible", ...WAIT }),
  hidden: ({ id }) => element(id).waitFor({ state: "hidden", ...WAIT }),
  attribute: ({ id, name, value }) =>
    page
      .locator(`[data-testid="${quoted(id)}"][${name}="${quoted(value)}"]`)
      .first()
      .waitFor({ state: "attached", ...WAIT }),
  get: ({ id, name }) => element(id).getAttribute(name, WAIT),
  text: ({ id }) => element(id).innerText(WAIT),
  count: ({ id }) => page.getByTestId(id).filter({ visible: true }).count(),
  "first-seen": ({ id }) => page.evaluate((id) => window.harkTestNotes.firstSeen(id), id),
  appearances: ({ id }) => page.evaluate((id) => window.harkTestNotes.appearances(id), id),
  history: ({ id, name }) => page.evaluate(([id, name]) => window.harkTestNotes.history(id, name), [id, name]),
  evaluate: ({ script }) => page.evaluate(script),
  push: ({ data }) => push(data),
  notifications: () => page.evaluate(notifications),
  errors: () => Promise.resolve(errors),
  screenshot: ({ path }) => page.screenshot({ path }).then(() => null),
};

/** Delivers a push to the page's service worker, as the browser's push service would. */
async function push(data) {
  const devtools = await context.newCDPSession(page);
  const registered = new Promise((resolve) =>
    devtools.on("ServiceWorker.workerRegistrationUpdated", ({ registrations: [one] }) => one && resolve(one)),
  );
  await devtools.send("ServiceWorker.enable");
  const { registrationId, scopeURL } = await registered;
  await devtools.send("ServiceWorker.deliverPushMessage", { origin: new URL(scopeURL).origin, registrationId, data });
}

/** The notifications that the page's service worker shows. Chromium drops one whose showing is under way when it is asked, so it is given a second. */
async function notifications() {
  const registration = await navigator.serviceWorker.ready;
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const shown = await registration.getNotifications();
  return shown.map(({ title, body, tag, data }) => ({ title, body, tag, link: data?.link }));
}

/** Quotes and backslashes are all that can end a CSS string. */
function quoted(text) {
  return text.replaceAll(/["\\]/g, "\\$&");
}

const answer = (object) => process.stdout.write(`${JSON.stringify(object)}\n`);

process.stdout.write("ready\n");
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  if (command.do === "close") break;
  try {
    answer({ n: command.n, value: (await commands[command.do](command)) ?? null });
  } catch (error) {
    answer({ n: command.n, error: String(error.message ?? error) });
  }
}
await context.close();
process.exit(0);
