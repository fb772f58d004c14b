// What was pressed shows that its request is under way, and is not sent a second time meanwhile: every form and button
// that changes something, by this rule and by no attribute of its own.

const underWay = new Map(); // the form, or the button that has none, and the button that was pressed
const isUnderWay = (name, node) => name === "aria-busy" && [...underWay.values()].includes(node);

function begins(asker, pressed) {
  underWay.set(asker, pressed);
  if (pressed) pressed.ariaBusy = "true";
}

function ends(asker) {
  const pressed = underWay.get(asker);
  underWay.delete(asker);
  if (pressed) pressed.ariaBusy = null;
}

document.body.addEventListener("htmx:beforeRequest", (event) => {
  const { elt, xhr, requestConfig } = event.detail;
  if (requestConfig.verb === "get") return;
  const asker = elt.form ?? elt;
  if (underWay.has(asker)) {
    event.preventDefault();
    return;
  }
  begins(asker, requestConfig.triggeringEvent?.submitter ?? (elt.matches("button") ? elt : asker.querySelector?.("button")));
  // Not at htmx's own end of it: that is told to what asked, which the page may have drawn anew.
  xhr.addEventListener("loadend", () => ends(asker));
});

// Of a form that is sent without htmx the next page is the end; of a file there is no next page.
document.addEventListener("submit", (event) => {
  const { target: form, submitter } = event;
  if (event.defaultPrevented || form.method !== "post" || form.matches("[data-assistant-form]")) return;
  if (submitter?.matches("[data-file]")) return;
  if (underWay.has(form)) event.preventDefault();
  else begins(form, submitter);
});

// Who comes back to a page finds it as it was left.
addEventListener("pageshow", ({ persisted }) => persisted && [...underWay.keys()].forEach(ends));
