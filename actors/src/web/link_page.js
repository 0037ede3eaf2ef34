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
