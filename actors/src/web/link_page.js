"use strict";
const time = document.querySelector("time[data-at]");
time.textContent = new Date(Number(time.dataset.at)).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
const player = document.getElementById("player");
let furthest = 0, told = 0;
const tell = () => {
  const heard = Math.round(furthest * 1000);
  if (heard <= told) return;
  told = heard;
  fetch(player.dataset.heard, { method: "POST", keepalive: true, headers: { "content-type": "application/json" }, body: JSON.stringify({ heard_ms: heard }) }).catch(() => { told = 0; });
};
player.addEventListener("timeupdate", () => { if (!player.seeking) furthest = Math.max(furthest, player.currentTime); });
player.addEventListener("pause", tell);
player.addEventListener("ended", tell);
addEventListener("pagehide", tell);

const form = document.getElementById("call");
if (form) {
  const words = document.getElementById("call-state"), button = form.querySelector("button"), number = document.getElementById("number");
  let live = null;
  const say = (call) => {
    words.dataset.state = call.state;
    words.textContent = {
      calling: "Calling …", ringing: "It rings …", answered: "Answered.", playing: "It is being played …",
      done: "It was heard.", cancelled: "Cancelled.", failed: `It could not be played: ${call.reason}.`,
    }[call.state] ?? call.state;
  };
  const over = (call) => ["done", "failed", "cancelled"].includes(call.state);
  const fail = (text) => { words.dataset.state = "refused"; words.textContent = text; };
  const watch = async (call) => {
    live = `${form.dataset.calls}/${call.call}`;
    button.textContent = "Cancel";
    while (!over(call)) {
      say(call);
      const answer = await fetch(`${live}?after=${call.version}`, { cache: "no-store" });
      if (!answer.ok) throw new Error("The call can’t be watched any more.");
      call = await answer.json();
    }
    say(call);
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (live) { fetch(live, { method: "DELETE" }).catch(() => {}); return; }
    try {
      const answer = await fetch(form.dataset.calls, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ number: number.value }) });
      const call = await answer.json();
      if (answer.ok) await watch(call); else fail(call.error?.message ?? "That did not work.");
    } catch (error) { fail(error.message); }
    live = null;
    button.textContent = "Call";
  });
}
