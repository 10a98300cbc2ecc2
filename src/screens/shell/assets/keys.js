// The keyboard: j and k through rows, o opens, x ticks, a letter on a button presses it, / goes to the search.
function rows() {
  return [...document.querySelectorAll("[data-row]")];
}

function go(step) {
  const all = rows();
  if (all.length === 0) return;
  const at = all.findIndex((r) => r.classList.contains("here"));
  const current = at < 0 ? all.findIndex((r) => r.hasAttribute("aria-current")) : at;
  const next = all[Math.max(0, Math.min(all.length - 1, current < 0 ? 0 : current + step))];
  for (const row of all) row.classList.toggle("here", row === next);
  next.scrollIntoView({ block: "nearest" });
  next.querySelector("a")?.focus({ preventScroll: true });
}

function press(key) {
  const button = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (!button) return false;
  const here = document.querySelector("tr.here, tr[aria-current]");
  const boxes = [...(button.form?.querySelectorAll("input[name=id]") || [])];
  // A key acts on what is ticked, else on the row one is at.
  if (boxes.length && !boxes.some((b) => b.checked && b.type === "checkbox")) {
    const box = here?.querySelector("input[name=id]");
    if (!box) return false;
    box.checked = true;
  }
  button.click();
  return true;
}

export function begin() {
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented) return;
    if (e.target.closest("input:not([type=checkbox]), textarea, select")) {
      if (e.key === "Escape") e.target.blur();
      return;
    }
    const done = () => e.preventDefault();
    const here = document.querySelector("tr.here");
    if (e.key === "j" || e.key === "ArrowDown" && here) { go(1); done(); }
    else if (e.key === "k" || e.key === "ArrowUp" && here) { go(-1); done(); }
    else if (e.key === "o" && here) { here.querySelector("a")?.click(); done(); }
    else if (e.key === "x" && here) { const box = here.querySelector("input[type=checkbox]"); if (box) { box.checked = !box.checked; done(); } }
    else if (e.key === "/") { document.getElementById("find")?.focus(); done(); }
    else if (e.key.length === 1 && press(e.key)) done();
  });
}
