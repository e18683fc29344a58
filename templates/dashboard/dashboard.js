// Keeps the page up to date. Rows come as HTML that the collector has escaped; without this script the page reloads
// itself every ten seconds.
"use strict";

const TIDY_MS = 1000; // from a change of state to sorting and counting again, once for many changes
const FRESH_MS = 30000; // "12 s ago" grows old, and a server becomes overdue without a report

let tidying = 0; // the timer of the next refresh
let took = 0; // milliseconds of the last one

function rowOf(server) {
  return document.querySelector(`[data-server="${CSS.escape(server)}"]`);
}

function show(data) {
  const old = rowOf(data.server);
  if (!old || old.dataset.state !== data.state) {
    // A page that takes long to make is asked for more rarely.
    tidying ||= setTimeout(refresh, Math.max(TIDY_MS, 4 * took));
  }
  if (!old) return;
  const holder = document.createElement("template");
  holder.innerHTML = data.html;
  const fresh = holder.content.querySelector("li.server");
  keepOpen(old, fresh);
  old.replaceWith(fresh);
}

function keepOpen(old, fresh) {
  const details = fresh.querySelector("details");
  if (details && old.querySelector("details[open]")) details.open = true;
}

async function refresh() {
  clearTimeout(tidying);
  tidying = 0;
  const began = performance.now();
  let text;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (answer.redirected) {
      location.href = answer.url; // the cookie has expired
      return;
    }
    if (!answer.ok) return;
    text = await answer.text();
  } catch {
    return; // the stream reports when the collector is back
  }
  const page = new DOMParser().parseFromString(text, "text/html");
  for (const fresh of page.querySelectorAll("li.server")) {
    const old = rowOf(fresh.dataset.server);
    if (old) keepOpen(old, fresh);
  }
  document.title = page.title;
  document.querySelector("nav").replaceWith(page.querySelector("nav"));
  document.querySelector("main").replaceWith(page.querySelector("main"));
  took = performance.now() - began;
}

const stream = new EventSource("/rows" + location.search);
const live = document.getElementById("live");
stream.addEventListener("ready", () => {
  live.className = "on";
  refresh();
});
stream.addEventListener("server", (event) => show(JSON.parse(event.data)));
stream.addEventListener("error", () => {
  live.className = "";
});
setInterval(() => document.hidden || refresh(), FRESH_MS);
