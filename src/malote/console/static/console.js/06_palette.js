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

