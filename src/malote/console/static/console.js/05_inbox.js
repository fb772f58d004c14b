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
  if (event.target.matches("input:not([type=checkbox]), textarea, select")) return;
  if (event.key === "Enter" && event.target.matches("a, button, summary")) return;
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

