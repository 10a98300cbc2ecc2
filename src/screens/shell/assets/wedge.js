// A scanner types like a keyboard, only faster than any hand: characters a few milliseconds apart, then Enter or Tab.
const GAP_MS = 50;
const WHOLE_MS = 400;
const SHORTEST = 6;
export const GS = "\u001d";

// Calls `take(code)` for what was typed at a scanner's speed while no field that asks for text had the focus.
export function listen(take) {
  let code = "";
  let began = 0;
  let last = 0;
  document.addEventListener("keydown", (e) => {
    const now = performance.now();
    if (now - last > GAP_MS) code = "";
    const own = e.target.closest?.("input:not([type=checkbox]), textarea, select");
    if (e.key === "Enter" || e.key === "Tab") {
      if (!own && code.length >= SHORTEST && now - began < WHOLE_MS) {
        e.preventDefault();
        e.stopPropagation();
        take(code);
      }
      code = "";
      return;
    }
    const typed = character(e);
    if (typed === "") return;
    if (code === "") began = now;
    code += typed;
    last = now;
  }, true);
}

// The character of a key; FNC1 comes as Ctrl+] from most scanners.
export function character(e) {
  if (e.ctrlKey && (e.key === "]" || e.code === "BracketRight")) return GS;
  return e.key.length === 1 && !e.ctrlKey && !e.metaKey ? e.key : "";
}
