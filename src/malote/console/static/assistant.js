"use strict";
// The Assistente's drawer: opened and closed, kept up to date while it is open, and the button to press next shown on
// the page itself. Its page of its own, which a link handed over leads to, is kept up to date likewise; without this
// script it shows the same.

const drawer = document.getElementById("assistant");
const assistant = drawer ?? document.querySelector(".assistant-page");
const ASSISTANT_MS = 3_000;
const KEPT = "malote-assistant";

function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT)) ?? {};
  } catch {
    return {};
  }
}

function keep(values) {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify({ ...kept(), ...values }));
  } catch {
    // A browser that keeps nothing opens it anew on each page.
  }
}

const isOpen = () => assistant && !assistant.hidden;
// A till's own pages speak of that till, Gerenciamento of all; elsewhere of the one that was looked at last, or of all.
// Whoever is on the way from button to button stays with what the way began with, or 👍 for one till would be taken for all.
const scope = () => (drawer ? (kept().pinned ?? (drawer.dataset.till || ("whole" in drawer.dataset ? "" : kept().till) || "")) : assistant.dataset.till);
let asking = false;
let changes = 0; // that were sent from this page: what was asked before the last of them tells what was so then
let seen = null; // the step that was brought into sight

async function ask() {
  if (!isOpen() || asking || document.hidden) return;
  asking = true;
  const before = changes;
  try {
    const till = scope();
    const answer = await fetch(`${assistant.dataset.address}${till ? `?till=${encodeURIComponent(till)}` : ""}`, {
      headers: { "HX-Request": "true", "Malote-Refresh": "1" },
    });
    if (answer.status === 401) location.reload();
    if (answer.status === 404 && till) keep({ till: "", pinned: null });
    const text = answer.ok ? await answer.text() : "";
    if (text && before === changes) fill(text);
  } catch {
    // Away: the page's own indicator says so.
  } finally {
    asking = false;
    if (before === changes) assistant.ariaBusy = null;
    else setTimeout(ask);
  }
}

function fill(text) {
  // As a page, so that no script and no handler of it runs.
  const fresh = new DOMParser().parseFromString(text, "text/html").querySelector("[data-assistant-body]");
  if (!fresh) return;
  const old = assistant.querySelector("[data-assistant-body]");
  if (old && window.Idiomorph) Idiomorph.morph(old, fresh.outerHTML);
  else assistant.replaceChildren(document.adoptNode(fresh));
  told();
}

function told() {
  const here = assistant.querySelector("[data-assistant-here]");
  if (here && drawer?.dataset.till) {
    here.hidden = false;
    here.dataset.assistantScope = assistant.dataset.till;
  }
  for (const place of assistant.querySelectorAll("[data-absolute]")) {
    if (!place.textContent.startsWith("http")) place.textContent = location.origin + place.textContent;
  }
  bringIntoSight(assistant.querySelector(".assistant-steps > :is(.now, .going, .handed)"));
  pointOut();
}

// The step to be done is seen at once; whoever scrolls elsewhere after that stays there until it is another one.
function bringIntoSight(step) {
  if (step?.dataset.step === seen) return;
  seen = step?.dataset.step;
  if (step) step.scrollIntoView({ block: "nearest" });
  else assistant.scrollTop = 0; // the end is told at its head
}

function open(opened) {
  if (!drawer) return;
  assistant.hidden = !opened;
  document.body.classList.toggle("assisted", opened);
  for (const button of document.querySelectorAll("[data-assistant-open]")) button.setAttribute("aria-expanded", String(opened));
  keep({ open: opened });
  seen = null;
  if (opened) ask();
  else pointOut();
}

// Who opens it goes on in it, by the keyboard too; Esc leads back to where it was opened.
function enter() {
  assistant.tabIndex = -1;
  assistant.focus({ preventScroll: true });
}

document.addEventListener(
  "keydown",
  ({ key, target }) => {
    if (key !== "Escape" || !drawer || !isOpen() || target.matches("input, textarea, select")) return;
    if (document.querySelector("dialog[open], details.menu[open]")) return; // those are closed first
    open(false);
    document.querySelector("[data-assistant-open]")?.focus();
  },
  { capture: true },
);

// ---- the button to press next ----

// What is filled in, or ticked, has been done; what comes after it is next.
const filled = (element) => (element.type === "checkbox" ? element.checked : element.matches("input, textarea") && element.value.trim() !== "");
const visible = (element) => !element.disabled && !filled(element) && element.getClientRects().length > 0;

function next() {
  const body = isOpen() && assistant.querySelector("[data-assistant-body]");
  if (!body || !body.dataset.to) return null;
  const dialog = document.querySelector("dialog[open]");
  const here = decodeURI(location.pathname);
  const there = new URL(body.dataset.to, location.origin);
  const same = here === decodeURI(there.pathname) || (!there.search && here.startsWith(`${decodeURI(there.pathname)}/`) && here.split("/").length > 4);
  // What a form on that page was answered with has an address of its own.
  if (!same && !dialog && assistant.dataset.answered === undefined) return null;
  for (const mark of body.dataset.marks.split("|")) {
    const all = (dialog ?? document).querySelectorAll(`[data-press="${CSS.escape(mark)}"]`);
    const found = [...all].find(visible);
    if (found) return missing(found) || found;
  }
  return null;
}

// Of the button's own form the first field that must not stay empty.
const missing = (button) =>
  button.matches("button") && [...(button.form?.elements ?? [])].find((field) => field.required && visible(field) && !field.value);

// A refresh of the page around it doesn't take the mark from it for a moment, as long as it is the same thing.
function stayPointedOut(old, fresh) {
  if (!old.classList?.contains("press-next") || old.dataset.press !== fresh.dataset?.press || old.name !== fresh.name) return;
  fresh.classList.add("press-next");
  fresh.setAttribute("aria-describedby", "assistant-heading");
}

if (window.Idiomorph) {
  const { callbacks } = Idiomorph.defaults;
  const others = callbacks.beforeNodeMorphed;
  callbacks.beforeNodeMorphed = (old, fresh) => {
    stayPointedOut(old, fresh);
    return others(old, fresh);
  };
}

function pointOut() {
  const found = next();
  for (const one of document.querySelectorAll(".press-next")) if (one !== found) one.classList.remove("press-next");
  for (const one of document.querySelectorAll('[aria-describedby="assistant-heading"]')) if (one !== found) one.removeAttribute("aria-describedby");
  if (!found || found.classList.contains("press-next")) return;
  found.classList.add("press-next");
  found.setAttribute("aria-describedby", "assistant-heading");
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-assistant-open]");
  if (opener && drawer) {
    event.preventDefault();
    // The verdict over all tills leads to what is to be done about it, whatever is open and was looked at before.
    const whole = opener.dataset.assistantOpen === "whole";
    keep({ pinned: whole ? "" : null });
    if (whole && isOpen()) assistant.ariaBusy = "true";
    open(whole || !isOpen());
    if (isOpen()) enter();
  }
  if (event.target.closest("[data-assistant-close]")) open(false);
  const chosen = event.target.closest("[data-assistant-scope]");
  if (chosen && drawer && isOpen()) {
    event.preventDefault();
    keep({ till: chosen.dataset.assistantScope, pinned: chosen.dataset.assistantScope });
    assistant.ariaBusy = "true";
    ask();
  }
  const way = event.target.closest("[data-assistant-way]");
  const found = way && isOpen() && next();
  if (found) {
    event.preventDefault();
    found.scrollIntoView({ block: "center" });
    found.focus();
  } else if (way) keep({ open: true, pinned: assistant?.querySelector("[data-assistant-body]")?.dataset.scope ?? "" });
  const copier = event.target.closest("[data-copy]");
  if (copier) copy(copier);
  setTimeout(pointOut);
});

async function copy(button) {
  const place = document.querySelector(button.dataset.copy);
  if (!place) return;
  try {
    await navigator.clipboard.writeText(place.textContent.trim());
    button.classList.add("copied");
  } catch {
    getSelection().selectAllChildren(place);
  }
}

document.addEventListener("submit", async (event) => {
  if (!event.target.matches("[data-assistant-form]") || !isOpen()) return;
  event.preventDefault();
  if (assistant.ariaBusy === "true") return;
  assistant.ariaBusy = "true";
  try {
    const answer = await fetch(event.target.action, {
      method: "POST",
      body: new URLSearchParams(new FormData(event.target)),
      headers: { "HX-Request": "true" },
    });
    if (answer.ok) fill(await answer.text());
  } finally {
    assistant.ariaBusy = null;
    ask();
  }
});

document.addEventListener("change", () => setTimeout(pointOut));
document.addEventListener("input", () => setTimeout(pointOut));
document.body.addEventListener("htmx:beforeRequest", ({ detail }) => {
  if (detail.requestConfig.verb !== "get") changes += 1;
});
document.body.addEventListener("htmx:afterSettle", () => {
  pointOut();
  setTimeout(ask, 400);
});
document.addEventListener("close", () => setTimeout(pointOut), true);
document.body.addEventListener("openDialog", () => setTimeout(pointOut));

if (assistant) {
  if (assistant.dataset.till) keep({ till: assistant.dataset.till });
  setInterval(ask, ASSISTANT_MS);
  if (!drawer) told();
  else if (kept().open) open(true);
}
