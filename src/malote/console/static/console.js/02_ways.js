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


// The tab one is on stands in sight where not all have room.
for (const bar of document.querySelectorAll(".ways, .tabs, .chips")) {
  const here = bar.querySelector(":scope > [aria-current], :scope > * > [aria-current]");
  if (here) bar.scrollLeft = here.offsetLeft - bar.offsetLeft - (bar.clientWidth - here.offsetWidth) / 2;
}
