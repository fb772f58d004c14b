// ---- selections ----

const chosen = new Set();
let allChosenAt = null; // the address whose documents are all chosen, also those not on the screen
const boxes = () => [...document.querySelectorAll('input[type="checkbox"][name="selected"]')];

// It stands in the part of the page that changes, and belongs to the form by name only.
const everything = () => document.querySelector('input[type="checkbox"][name="everything"]');

function count() {
  const form = document.querySelector("[data-selection]");
  if (!form) return;
  const all = everything()?.checked ?? false;
  const number = all ? Number(everything().dataset.count) : boxes().filter((box) => box.checked).length;
  for (const place of document.querySelectorAll("[data-selected-count]")) place.textContent = number.toLocaleString(document.documentElement.lang);
  const cents = boxes().reduce((sum, box) => sum + (box.checked ? Number(box.dataset.cents ?? 0) : 0), 0);
  for (const place of document.querySelectorAll("[data-selected-cents]")) {
    const money = { style: "currency", currency: "BRL" };
    place.textContent = ((all ? Number(place.dataset.selectedCents) : cents) / 100).toLocaleString(document.documentElement.lang, money);
  }
  form.classList.toggle("any", number > 0);
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

function chooseEverything(checked) {
  if (everything()) everything().checked = checked;
  allChosenAt = checked && everything() ? location.href : null;
}

function restore() {
  for (const box of boxes()) box.checked = chosen.has(box.value);
  // Another search finds others: all of these were not all of those.
  chooseEverything(allChosenAt === location.href);
  count();
}

document.addEventListener("change", (event) => {
  const box = event.target;
  if (box.matches?.('input[name="selected"]')) {
    choose(box, box.checked);
    // All but one is no longer all.
    if (!box.checked) chooseEverything(false);
  }
  if (box.matches?.("input[data-select-all]")) {
    for (const each of boxesOf(box)) choose(each, box.checked);
    // Where all are folded away there is nothing to tick but all of them.
    if (boxes().length === 0) chooseEverything(box.checked);
  }
  if (box === everything()) chooseEverything(box.checked);
  count();
});

document.body.addEventListener("htmx:afterSwap", restore);
document.body.addEventListener("selectionDone", () => {
  chosen.clear();
  allChosenAt = null;
  restore();
});

