// ---- dialogs, menus, toasts ----

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener) document.getElementById(opener.dataset.dialog)?.showModal();
  const closer = event.target.closest("[data-close]");
  if (closer) closer.closest("dialog, .toast")?.[closer.closest("dialog") ? "close" : "remove"]();
  // Cancelar is a link for where no dialog is: from one it leads nowhere, so that what was selected stays.
  if (closer?.closest("dialog")) event.preventDefault();
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

// What an answer tells is told also where the form that asked is gone, for the page drew anew meanwhile.
document.body.addEventListener("htmx:beforeRequest", ({ detail: { elt, xhr } }) => {
  xhr.addEventListener("readystatechange", () => {
    if (xhr.readyState !== XMLHttpRequest.DONE || elt.isConnected) return;
    for (const [name, detail] of Object.entries(JSON.parse(xhr.getResponseHeader("HX-Trigger") ?? "{}"))) {
      document.body.dispatchEvent(new CustomEvent(name, { detail }));
    }
  });
});

document.body.addEventListener("toast", (event) => toast(event.detail.text, event.detail.kind, event.detail.undo));
document.body.addEventListener("openDialog", (event) => document.getElementById(event.detail.value)?.showModal());
document.body.addEventListener("closeDialog", () => document.querySelector("dialog[open]")?.close());

