"use strict";
// The console's own script: live refreshing, selections that outlive a refresh, dialogs, toasts and keys.
// Everything that changes data is a plain form; without this script the pages still show and send.

const live = () => document.querySelector("[data-live]");
const indicator = document.querySelector(".live");

// ---- live: the server says "changed", the page fetches its own changing part anew ----

const POLL_MS = 10_000;
let polling = 0;
let refreshing = false;
let again = false;
let shown = ""; // the tag of what the last refresh brought, for as long as nothing else changed the page

async function refresh() {
  const region = live();
  if (!region) return;
  if (document.hidden || document.querySelector("dialog[open]")) {
    again = true;
    return;
  }
  if (refreshing) {
    again = true;
    return;
  }
  refreshing = true;
  again = false;
  try {
    await htmx.ajax("GET", location.pathname + location.search, {
      target: region,
      swap: "morph:innerHTML",
      headers: shown ? { "Malote-Refresh": "1", "If-None-Match": shown } : { "Malote-Refresh": "1" },
    });
  } finally {
    refreshing = false;
    if (again) setTimeout(refresh, 1000);
  }
}

// "há 8 s" grows while nothing else happens.
function age() {
  const now = Date.now() / 1000;
  const english = document.documentElement.lang.startsWith("en");
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const seconds = Math.max(0, Math.round(now - Number(time.dataset.ago)));
    const [number, unit] = seconds < 60 ? [seconds, "s"] : seconds < 3600 ? [Math.floor(seconds / 60), "min"] : [Math.floor(seconds / 3600), "h"];
    const words = english ? `${number} ${unit} ago` : `há ${number} ${unit}`;
    if (seconds < 86400 && time.textContent !== words) time.textContent = words;
  }
}
setInterval(() => document.hidden || age(), 5000);

function show(state) {
  if (indicator) indicator.dataset.state = state;
}

function poll(state) {
  show(state);
  if (!polling) polling = setInterval(refresh, POLL_MS);
}

function listen() {
  const address = live()?.dataset.live;
  if (!address) return;
  indicator.hidden = false;
  if (!window.EventSource) {
    poll("polling");
    return;
  }
  const source = new EventSource(address);
  source.addEventListener("hello", () => {
    clearInterval(polling);
    polling = 0;
    show("live");
    // What changed since the page was drawn, or while the line was down, nobody tells any more.
    refresh();
  });
  source.addEventListener("changed", refresh);
  // The browser tries again by itself unless the server refused; until it succeeds, the page asks on its own.
  source.addEventListener("error", () => poll("polling"));
  addEventListener("pagehide", () => source.close());
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && again) refresh();
});
document.addEventListener("close", () => again && refresh(), true);
document.body.addEventListener("htmx:sendError", () => poll("away"));
document.body.addEventListener("htmx:afterOnLoad", (event) => {
  if (event.detail.xhr.status !== 204) {
    const refreshed = event.detail.requestConfig?.headers?.["Malote-Refresh"];
    shown = (refreshed && event.detail.xhr.getResponseHeader("ETag")) || "";
  }
  if (indicator?.dataset.state === "away") show("polling");
});

// A refused request still has something to say: the server answers it with a page or a fragment.
document.body.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  if (xhr.status === 401) location.reload();
  else if (xhr.status >= 400) {
    event.detail.shouldSwap = false;
    if (!xhr.getResponseHeader("HX-Trigger")) toast(document.body.dataset.failed, "stopped");
  }
});

// What the person opened is not the server's to take away.
if (window.Idiomorph) {
  Idiomorph.defaults.callbacks.beforeNodeMorphed = (old, fresh) => {
    forgetWhatIsOfAnother(old, fresh);
    return !(old.dataset && "kept" in old.dataset);
  };
  Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) => !(name === "open" && node.tagName === "DETAILS") && !isTyped(name, node) && !isUnderWay(name, node);
}

// What many pages share holds no token: it is put into a form that is sent without htmx, which sends it by itself.
document.addEventListener("submit", ({ target: form }) => {
  const token = JSON.parse(document.body.getAttribute("hx-headers") || "{}")["X-CSRF-Token"];
  if (!token || form.method !== "post" || form.querySelector('input[name="csrf"]')) return;
  form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "csrf", value: token }));
});

