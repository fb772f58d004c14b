"use strict";
// The dashboard's plots are drawn by the server; here they are pointed at. The figures stand in a table behind each.

const NOWHERE = "-9";

function pointedAt(event) {
  const plot = event.target.closest?.("[data-plot]");
  const rows = plot && document.getElementById(plot.dataset.plot)?.tBodies[0].rows;
  if (!rows?.length) return null;
  const box = plot.getBoundingClientRect();
  const place = Math.floor(((event.clientX - box.left) / box.width) * rows.length);
  const number = Math.min(rows.length - 1, Math.max(0, place));
  return { plot, row: rows[number], middle: `${((number + 0.5) * 100) / rows.length}%` };
}

function pointTo(plot, middle, words) {
  const cursor = plot.querySelector(".cursor");
  cursor.setAttribute("x1", middle);
  cursor.setAttribute("x2", middle);
  plot.parentElement.querySelector(".readout").textContent = words;
}

document.addEventListener("pointermove", (event) => {
  const found = pointedAt(event);
  for (const plot of document.querySelectorAll("[data-plot]")) {
    if (!found || plot !== found.plot) pointTo(plot, NOWHERE, "");
  }
  if (!found) return;
  const heads = [...found.row.closest("table").tHead.rows[0].cells].map((head) => head.textContent);
  const told = [...found.row.cells].map((cell, place) => (place ? `${heads[place]}: ${cell.textContent}` : cell.textContent));
  pointTo(found.plot, found.middle, told.filter((words) => !words.endsWith(": ")).join(" · "));
});

// The newest stands at the right, and is what one came for.
for (const heat of document.querySelectorAll(".heat-scroll")) heat.scrollLeft = heat.scrollWidth;

document.addEventListener("click", (event) => pointedAt(event)?.row.querySelector("a")?.click());
