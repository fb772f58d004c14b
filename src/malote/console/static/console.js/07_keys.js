// ---- keys ----

let leader = "";
document.addEventListener("keydown", (event) => {
  const { target, key } = event;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (key === "Escape") {
    for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
    if (target.matches("input:not([type=checkbox]), textarea")) target.blur(); // from where on letters are keys again
    return;
  }
  if (target.matches("input:not([type=checkbox]), textarea, select") || document.querySelector("dialog[open]")) return;
  const pressed = leader + key;
  leader = "";
  if (key === "g") leader = "g";
  const way = document.querySelector(`[data-key="${CSS.escape(pressed)}"]`);
  if (!way) return;
  event.preventDefault();
  if (way.matches("input")) way.focus();
  else way.click();
});

// The place of the problem comes into view, without moving the page.
const place = document.querySelector(".xml .marked");
if (place) {
  const box = place.closest(".xml");
  box.scrollTop = place.offsetTop - box.clientHeight / 3;
}

restore();
listen();
