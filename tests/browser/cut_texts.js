// What nobody can read as the page stands: text that is cut, that lies over another, or that must be pushed into sight.
() => {
  const PHONE = 720;
  // What may end in an ellipsis: sentences and names of any length. Their whole is told by pointing at them.
  const ANY_LENGTH = ".why, .sums, .name, .store, summary > span, th .under, .columns .under, .load-state .under, .reached";
  // What is made to be pushed along: a region of its own for the keyboard; on a phone, by a finger, tabs and choices.
  const PUSHED = innerWidth > PHONE ? '[role="region"]' : '[role="region"], .tabs, .chips';
  const found = [];
  const seen = [];

  const path = (one) => (one.parentElement ? `${one.parentElement.localName}.${one.parentElement.className} > ` : "") + `${one.localName}.${one.className}`;
  const hiddenFromSight = (one) => Boolean(one.closest(".visually-hidden")) || lineage(one).some((each) => getComputedStyle(each).clipPath.startsWith("inset(50%"));
  const stands = (one) => lineage(one).some((each) => ["fixed", "sticky"].includes(getComputedStyle(each).position));

  function lineage(one) {
    const all = [];
    for (let each = one; each && each !== document.documentElement; each = each.parentElement) all.push(each);
    return all;
  }

  // The first of what a text stands in that does not show all of it, and how.
  function cutBy(rect, owner) {
    for (const one of lineage(owner)) {
      const style = getComputedStyle(one);
      if (style.overflowX === "visible" || style.display === "inline") continue;
      const box = one.getBoundingClientRect();
      const padding = style.textOverflow === "ellipsis" ? parseFloat(style.paddingRight) : 0;
      const left = box.left + one.clientLeft;
      const scrolls = ["auto", "scroll"].includes(style.overflowX);
      if (scrolls && (rect.bottom > box.bottom || rect.top < box.top)) return "scrolled away";
      if (rect.right > left + one.clientWidth - padding + 1 || rect.left < left - 1) return scrolls ? (one.closest(PUSHED) ? "scrolled away" : "pushed") : "cut";
    }
    return rect.right > innerWidth + 1 ? "beside the page" : "";
  }

  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const owner = texts.currentNode.parentElement;
    const text = texts.currentNode.data.trim();
    if (!text || owner.closest("svg, script, style, select, template") || !owner.checkVisibility({ visibilityProperty: true }) || hiddenFromSight(owner)) continue;
    const range = document.createRange();
    range.selectNodeContents(texts.currentNode);
    for (const rect of range.getClientRects()) {
      if (rect.width < 1) continue;
      const how = cutBy(rect, owner);
      if (how && how !== "scrolled away" && !(how === "cut" && owner.closest(`${ANY_LENGTH}, [title]`))) found.push(`${how}: "${text.slice(0, 40)}" in ${path(owner)}`);
      if (!how && !stands(owner)) seen.push({ rect, owner, text });
    }
  }

  seen.sort((one, other) => one.rect.top - other.rect.top);
  seen.forEach((one, place) => {
    for (const other of seen.slice(place + 1)) {
      if (other.rect.top > one.rect.bottom - 4) break;
      const width = Math.min(one.rect.right, other.rect.right) - Math.max(one.rect.left, other.rect.left);
      const height = Math.min(one.rect.bottom, other.rect.bottom) - Math.max(one.rect.top, other.rect.top);
      if (width > 2 && height > 4) found.push(`overlap: "${one.text.slice(0, 40)}" in ${path(one.owner)} and "${other.text.slice(0, 40)}" in ${path(other.owner)}`);
    }
  });

  const drawer = document.querySelector("aside.assistant:not([hidden])");
  const room = document.querySelector("main")?.getBoundingClientRect();
  if (drawer && innerWidth > PHONE && room.right > drawer.getBoundingClientRect().left + 1) found.push("the drawer lies over the page");
  return [...new Set(found)];
}
