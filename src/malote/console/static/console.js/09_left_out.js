// ---- what a line has no room for ----

// Its whole is read by pointing at it, whichever line that is.
document.addEventListener("mouseover", ({ target }) => {
  if (target.closest("[title]")) return;
  for (let one = target; one && one !== document.body; one = one.parentElement) {
    if (one.scrollWidth > one.clientWidth && getComputedStyle(one).textOverflow === "ellipsis") one.title = one.textContent.trim();
  }
});
