// ---- rejected files: a list, and beside it the document that is looked at ----

const previewed = () => [...document.querySelectorAll("tr[data-preview]")];
const beside = () => document.getElementById("preview");
// The list is brought up to date under whoever goes through it: the document keeps its mark, and a gone one its place.
let looked = { address: "", place: -1 };
const isLooked = (row) => row.dataset.preview === looked.address;

function mark() {
  for (const row of previewed()) row.classList.toggle("on", isLooked(row));
}

function look(row) {
  if (!row || !beside()) return;
  looked = { address: row.dataset.preview, place: previewed().indexOf(row) };
  mark();
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
  if (event.target.matches("input:not([type=checkbox]), textarea, select")) return;
  if (event.key === "Enter" && event.target.matches("a, button, summary")) return;
  const at = all.findIndex(isLooked);
  const next = at < 0 && looked.address ? looked.place : at + 1;
  if (event.key === "j") look(all[Math.min(next, all.length - 1)]);
  else if (event.key === "k") look(all[Math.max((at < 0 ? looked.place : at) - 1, 0)]);
  else if (event.key === "x" && at >= 0) all[at].querySelector('input[type="checkbox"]')?.click();
  else if (event.key === "Enter" && at >= 0) all[at].querySelector("th a").click();
  else return;
  event.preventDefault();
});
document.body.addEventListener("htmx:afterSwap", mark);
document.body.addEventListener("selectionDone", () => {
  if (beside()) beside().textContent = "";
});

