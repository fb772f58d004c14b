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
  Idiomorph.defaults.callbacks.beforeNodeMorphed = (old) => !(old.dataset && "kept" in old.dataset);
  Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) => !(name === "open" && node.tagName === "DETAILS");
}

// What many pages share holds no token: it is put into a form that is sent without htmx, which sends it by itself.
document.addEventListener("submit", ({ target: form }) => {
  const token = JSON.parse(document.body.getAttribute("hx-headers") || "{}")["X-CSRF-Token"];
  if (!token || form.method !== "post" || form.querySelector('input[name="csrf"]')) return;
  form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "csrf", value: token }));
});

// ---- ways ----

// A row opens its own link, wherever it is clicked, but on what does something else.
document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.target.closest("a, button, input, label, select, textarea, summary")) return;
  const way = event.target.closest("tr")?.querySelector("a[data-row]");
  if (way && !String(getSelection())) way.click();
});

// Fechar goes back to where one came from: the last page that was none of this screen's own.
const CAME_FROM = "malote-came-from";
const closers = () => [...document.querySelectorAll("a[data-back]")];
try {
  if (closers().length === 0) sessionStorage.setItem(CAME_FROM, location.pathname + location.search);
  for (const way of closers()) way.href = sessionStorage.getItem(CAME_FROM) || way.href;
} catch {
  // A browser that keeps nothing goes to Gerenciamento.
}

// ---- selections ----

const chosen = new Set();
const boxes = () => [...document.querySelectorAll('input[type="checkbox"][name="selected"]')];

// It stands in the part of the page that changes, and belongs to the form by name only.
const everything = () => document.querySelector('input[type="checkbox"][name="everything"]');

function count() {
  const form = document.querySelector("[data-selection]");
  if (!form) return;
  const all = everything()?.checked ?? false;
  const number = all ? Number(everything().dataset.count) : boxes().filter((box) => box.checked).length;
  for (const place of document.querySelectorAll("[data-selected-count]")) place.textContent = number.toLocaleString(document.documentElement.lang);
  for (const place of document.querySelectorAll("[data-when-selected]")) place.disabled = number === 0;
  const complete = boxes().length > 0 && boxes().every((box) => box.checked);
  for (const place of document.querySelectorAll("[data-when-all-selected]")) place.disabled = !complete;
  for (const place of document.querySelectorAll("[data-offer-everything]")) {
    const whole = boxes().length > 0 && boxes().every((box) => box.checked);
    place.hidden = !(all || (whole && Number(place.dataset.offerEverything) > boxes().length));
  }
  for (const head of document.querySelectorAll("input[data-select-all]")) {
    const group = boxesOf(head);
    const checked = group.filter((box) => box.checked).length;
    head.checked = group.length > 0 ? checked === group.length : all;
    head.indeterminate = checked > 0 && checked < group.length;
  }
}

function boxesOf(head) {
  const group = head.dataset.selectAll;
  return group ? boxes().filter((box) => box.dataset.group === group) : boxes();
}

function choose(box, checked) {
  box.checked = checked;
  if (checked) chosen.add(box.value);
  else chosen.delete(box.value);
}

function restore() {
  for (const box of boxes()) box.checked = chosen.has(box.value);
  count();
}

document.addEventListener("change", (event) => {
  const box = event.target;
  if (box.matches?.('input[name="selected"]')) {
    choose(box, box.checked);
    // All but one is no longer all.
    if (!box.checked && everything()) everything().checked = false;
  }
  if (box.matches?.("input[data-select-all]")) {
    for (const each of boxesOf(box)) choose(each, box.checked);
    // Where all are folded away there is nothing to tick but all of them.
    if (boxes().length === 0 && everything()) everything().checked = box.checked;
  }
  count();
});

document.body.addEventListener("htmx:afterSwap", restore);
document.body.addEventListener("selectionDone", () => {
  chosen.clear();
  if (everything()) everything().checked = false;
  restore();
});

// ---- dialogs, menus, toasts ----

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener) document.getElementById(opener.dataset.dialog)?.showModal();
  const closer = event.target.closest("[data-close]");
  if (closer) closer.closest("dialog, .toast")?.[closer.closest("dialog") ? "close" : "remove"]();
  const tickAll = event.target.closest("[data-tick-all]");
  if (tickAll) for (const box of tickAll.form.querySelectorAll("input[type=checkbox]")) box.checked = true;
  const selectAll = event.target.closest("button[data-select-all]");
  if (selectAll) {
    const group = boxesOf(selectAll);
    const checked = group.some((box) => !box.checked);
    for (const box of group) choose(box, checked);
    count();
  }
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

// Copiar: what stands before the button in the same fold.
document.addEventListener("click", async ({ target }) => {
  const button = target.closest("[data-copy]");
  if (!button) return;
  const text = button.parentElement.querySelector("code, pre, textarea")?.textContent ?? "";
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without https there is no clipboard: what is marked is copied by the old way.
    getSelection().selectAllChildren(button.parentElement.querySelector("code, pre, textarea"));
    document.execCommand("copy");
  }
  toast(document.body.dataset.copied);
});

function undoing({ path, ids }, box) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "undo";
  button.textContent = document.body.dataset.undo;
  button.addEventListener("click", () => {
    box.remove();
    htmx.ajax("POST", path, { target: live(), swap: "morph:innerHTML", values: { selected: ids, tab: "rejected" } });
  });
  return button;
}

function toast(text, kind = "ok", undo = null) {
  const place = document.querySelector(".toasts");
  if (!place || !text) return;
  const box = document.createElement("div");
  box.className = `toast ${kind}`;
  const words = document.createElement("span");
  words.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "×";
  close.dataset.close = "";
  close.setAttribute("aria-label", document.body.dataset.close);
  box.append(words);
  if (undo) box.append(undoing(undo, box));
  box.append(close);
  place.append(box);
  if (kind === "ok") setTimeout(() => box.remove(), 12_000);
}

document.body.addEventListener("toast", (event) => toast(event.detail.text, event.detail.kind, event.detail.undo));
document.body.addEventListener("openDialog", (event) => document.getElementById(event.detail.value)?.showModal());
document.body.addEventListener("closeDialog", () => document.querySelector("dialog[open]")?.close());

// ---- rejected files: a list, and beside it the document that is looked at ----

const previewed = () => [...document.querySelectorAll("tr[data-preview]")];
const beside = () => document.getElementById("preview");

function look(row) {
  if (!row || !beside()) return;
  for (const each of previewed()) each.classList.toggle("on", each === row);
  row.scrollIntoView({ block: "nearest" });
  if (getComputedStyle(beside()).display !== "none") htmx.ajax("GET", row.dataset.preview, { target: "#preview", swap: "innerHTML" });
}

document.addEventListener("click", (event) => {
  if (event.target.closest("a, button, input, label, select, textarea, summary")) return;
  const row = event.target.closest("tr[data-preview]");
  if (row && !String(getSelection())) look(row);
});
document.addEventListener("keydown", (event) => {
  const all = previewed();
  if (!all.length || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.target.matches("input:not([type=checkbox]), textarea, select, a, button, summary")) return;
  const at = all.findIndex((row) => row.classList.contains("on"));
  if (event.key === "j") look(all[Math.min(at + 1, all.length - 1)]);
  else if (event.key === "k") look(all[Math.max(at - 1, 0)]);
  else if (event.key === "x" && at >= 0) all[at].querySelector('input[type="checkbox"]')?.click();
  else if (event.key === "Enter" && at >= 0) all[at].querySelector("th a").click();
  else return;
  event.preventDefault();
});
document.body.addEventListener("selectionDone", () => {
  if (beside()) beside().textContent = "";
});

// ---- Ctrl K ----

const palette = document.getElementById("palette");
const hits = () => [...palette.querySelectorAll("a.hit")];

function openPalette() {
  if (!palette || palette.open) return;
  palette.showModal();
  const box = palette.querySelector("input");
  box.select();
  htmx.trigger(box, "open");
}

function point(step) {
  const all = hits();
  const now = all.findIndex((hit) => hit.classList.contains("on"));
  const next = all[(Math.max(now, step < 0 ? 0 : -1) + step + all.length) % all.length];
  for (const hit of all) hit.classList.toggle("on", hit === next);
  next?.scrollIntoView({ block: "nearest" });
}

document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-palette]")) return;
  event.preventDefault();
  openPalette();
});
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    openPalette();
  } else if (palette?.open && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    event.preventDefault();
    point(event.key === "ArrowDown" ? 1 : -1);
  }
});
// Enter goes to what is pointed at; a key that was just pasted goes by the page, which knows where it leads.
palette?.addEventListener("submit", (event) => {
  const chosen = palette.querySelector("a.hit.on");
  if (!chosen) return;
  event.preventDefault();
  chosen.click();
});
palette?.addEventListener("htmx:afterSwap", () => hits()[0]?.classList.add("on"));
palette?.addEventListener("input", () => hits().forEach((hit) => hit.classList.remove("on")));

// ---- keys ----

let leader = "";
document.addEventListener("keydown", (event) => {
  const { target, key } = event;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (key === "Escape") {
    for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
    if (target.matches("input[type=search]")) target.blur();
    return;
  }
  if (target.matches("input:not([type=checkbox]), textarea, select") || document.querySelector("dialog[open]")) return;
  const pressed = leader + key;
  leader = "";
  if (key === "g") leader = "g";
  const way = document.querySelector(`[data-key="${CSS.escape(pressed)}"]`);
  if (!way) return;
  event.preventDefault();
  if (way.matches("input")) way.focus();
  else way.click();
});

// The place of the problem comes into view, without moving the page.
const place = document.querySelector(".xml .marked");
if (place) {
  const box = place.closest(".xml");
  box.scrollTop = place.offsetTop - box.clientHeight / 3;
}

restore();
listen();
