// A stop is dragged from one vehicle's strip onto another's: what that does is shown first, on a page of its own.
export function begin() {
  let held = null;
  const strip = (e) => document.elementFromPoint(e.clientX, e.clientY)?.closest("[data-gantt] [data-route]") || null;
  const mark = (row) => {
    for (const other of document.querySelectorAll("[data-gantt] .over")) if (other !== row) other.classList.remove("over");
    if (row && held && row.dataset.route !== held.from) row.classList.add("over");
  };
  document.addEventListener("pointerdown", (e) => {
    const stop = e.target.closest?.("[data-gantt] [data-stop]");
    if (!stop || e.button !== 0) return;
    held = { stop: stop.dataset.stop, from: stop.closest("[data-route]").dataset.route, element: stop };
    stop.classList.add("held");
    e.preventDefault();
  });
  document.addEventListener("pointermove", (e) => { if (held) mark(strip(e)); });
  const end = (e) => {
    if (!held) return;
    const { stop, from, element } = held;
    const row = e.type === "pointerup" ? strip(e) : null;
    element.classList.remove("held");
    mark(null);
    held = null;
    if (row && row.dataset.route !== from) location.href = `/routes/whatif?${new URLSearchParams({ from, stop, to: row.dataset.route })}`;
  };
  document.addEventListener("pointerup", end);
  document.addEventListener("pointercancel", end);
}
