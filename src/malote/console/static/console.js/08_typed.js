// What somebody has typed or chosen stays while the page refreshes around it; ticks have a way of their own.

const typed = new WeakSet();
const CHANGES = new Set(["value", "selected"]);
const OF_THE_MOMENT = new Set(["csrf", "shown", "until"]);

document.addEventListener("input", ({ target }) => target.matches?.("input, textarea, select") && typed.add(target));
// Sent: the next page says what stands there.
document.body.addEventListener("htmx:afterRequest", ({ target }) => forget(target));

const isTyped = (name, node) => CHANGES.has(name) && typed.has(node.tagName === "OPTION" ? node.closest("select") : node);

function forget(form) {
  if (form instanceof HTMLFormElement) for (const field of form.elements) typed.delete(field);
}

// A form is another one where it is sent elsewhere or is about something else: a row above may have gone meanwhile.
function forgetWhatIsOfAnother(old, fresh) {
  if (old instanceof HTMLFormElement && fresh instanceof HTMLFormElement && about(old) !== about(fresh)) forget(old);
}

function about(form) {
  const said = [...form.querySelectorAll('input[type="hidden"]')].filter((one) => !OF_THE_MOMENT.has(one.name));
  return [form.getAttribute("action"), ...said.map((one) => `${one.name}=${one.value}`)].join("&");
}

// What is proposed stands in the field at a click, and is sent only with its form. Without this the link's page does it.
document.addEventListener("click", (event) => {
  const way = event.target.closest("a[data-take]");
  const field = way?.closest("form")?.elements[way.dataset.take];
  if (!field || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  field.value = way.dataset.value;
  typed.add(field);
  field.focus();
});
