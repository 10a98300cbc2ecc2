// The station: what is scanned is answered at once where the depot answers, and kept and sent in order where it does
// not. Each scan has an id of its own, so that one that arrives twice counts once.
import { GS, character, listen } from "./wedge.js";
import { play } from "./sound.js";

const KEPT = "crossdock.scans";
const STATION = "crossdock.station";
const LAST = "crossdock.last";
const MOST = 500;
const STUTTER_MS = 2000;
// Without an answer for so long the person at the belt is told that the scan is kept, and goes on.
const SLOW_MS = 1200;

const csrf = () => document.querySelector("meta[name=csrf]").content;

function read(key, store = localStorage) {
  try { return JSON.parse(store.getItem(key)) || []; } catch { return []; }
}

function write(key, value, store = localStorage) {
  try { store.setItem(key, JSON.stringify(value)); return true; } catch { return false; }
}

function fresh() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return "w-" + [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
}

export function begin(station) {
  const field = station.querySelector("#code");
  const form = field.form;
  const result = station.querySelector("#result");
  const waiting = station.querySelector("#waiting");
  const list = station.querySelector("#last");
  const where = station.querySelector("#station");
  // Nobody sets the clock of the PC at the dock: scans carry the depot's time.
  const ahead = Number(station.dataset.now) - Date.now();
  let sending = false;
  // Scans of which it was said that they wait: it is said, and heard, once.
  const told = new Set();
  let before = { code: "", at: 0 };

  // A page of one unloading scans at its own station, whatever the last one was.
  if (!where.hasAttribute("data-fixed")) where.value ||= localStorage.getItem(STATION) || "";
  where.addEventListener("change", () => localStorage.setItem(STATION, where.value.trim()));

  function noted() {
    const last = read(LAST, sessionStorage);
    list.replaceChildren(...last.map((s) => {
      const item = document.createElement("li");
      item.className = s.outcome;
      const dot = document.createElement("span");
      dot.className = "dot";
      const code = document.createElement("span");
      code.className = "id";
      code.textContent = s.code;
      const word = document.createElement("span");
      word.className = "faint";
      word.textContent = s.word;
      item.append(dot, code, word);
      return item;
    }));
    const kept = read(KEPT);
    waiting.hidden = kept.length === 0;
    waiting.textContent = `${kept.length} ${station.dataset.waits}`;
  }

  function note(scan, outcome, word) {
    const last = read(LAST, sessionStorage).filter((s) => s.id !== scan.scan_id);
    last.unshift({ id: scan.scan_id, code: scan.code.replaceAll(GS, "␝"), outcome, word });
    write(LAST, last.slice(0, 10), sessionStorage);
    noted();
  }

  function show(html) {
    const page = new DOMParser().parseFromString(html, "text/html");
    result.replaceChildren(...page.body.childNodes);
    return result.querySelector("[data-outcome]")?.dataset;
  }

  function away(scan) {
    if (told.has(scan.scan_id)) return;
    told.add(scan.scan_id);
    const box = document.createElement("article");
    box.className = "outcome kept";
    box.dataset.outcome = "kept";
    const word = document.createElement("p");
    word.className = "word";
    word.textContent = station.dataset.away;
    const code = document.createElement("p");
    code.className = "code";
    code.textContent = scan.code;
    box.append(word, code);
    result.replaceChildren(box);
    play("kept");
    note(scan, "kept", station.dataset.kept);
  }

  async function send(scan) {
    const body = new URLSearchParams({ ...scan, csrf: csrf() });
    const stop = AbortSignal.timeout ? AbortSignal.timeout(8000) : undefined;
    const response = await fetch("/scan", { method: "POST", body, headers: { "X-Fragment": "1" }, credentials: "same-origin", signal: stop });
    // Busy, stopping or broken: the scan is good and comes again. Any other answer is the answer.
    if (response.status >= 500 || response.status === 429) throw new Error(response.status);
    return { text: await response.text(), status: response.status };
  }

  async function drain() {
    if (sending) return;
    sending = true;
    try {
      for (let kept = read(KEPT); kept.length; kept = read(KEPT)) {
        const scan = kept[0];
        const { text, status } = await send(scan);
        if (status === 401 || status === 403) { show(text); break; }
        const now = read(KEPT);
        write(KEPT, now.filter((s) => s.scan_id !== scan.scan_id));
        const seen = show(text);
        const outcome = seen?.outcome || "exception";
        // What waited and is well now says so in the list; what needs a hand is heard, however late.
        if (!told.delete(scan.scan_id) || !["ok", "duplicate"].includes(outcome)) play(outcome);
        note(scan, outcome, station.dataset[outcome] || "");
        if (outcome === "person") {
          const name = document.getElementById("who");
          if (name) name.lastChild.textContent = seen.person;
        }
      }
    } catch {
      for (const scan of read(KEPT)) away(scan);
    } finally {
      sending = false;
      noted();
    }
  }

  function take(code, more = {}) {
    code = code.trim();
    if (!code) return;
    const now = Date.now();
    // A scanner that stutters: the same again within two seconds is one scan.
    if (code === before.code && now - before.at < STUTTER_MS && !more.open_case && !more.reading) {
      play("duplicate");
      return;
    }
    before = { code, at: now };
    const scan = { code, scan_id: fresh(), at: new Date(now + ahead).toISOString(), station: where.value.trim(), ...more };
    if (!scan.station) delete scan.station;
    const kept = read(KEPT);
    if (kept.length >= MOST || !write(KEPT, [...kept, scan])) {
      play("exception");
      waiting.hidden = false;
      waiting.textContent = `${MOST} ${station.dataset.waits}`;
      return;
    }
    drain();
    setTimeout(() => {
      const kept = read(KEPT).find((s) => s.scan_id === scan.scan_id);
      if (kept) away(kept);
    }, SLOW_MS);
  }

  form.addEventListener("submit", (e) => {
    e.preventDefault();
    take(field.value);
    field.value = "";
    field.focus();
  });
  field.addEventListener("keydown", (e) => {
    const typed = character(e);
    // A line of text drops FNC1; here it stays.
    if (typed === GS) {
      e.preventDefault();
      field.setRangeText(GS, field.selectionStart, field.selectionEnd, "end");
    }
    if (e.key === "Tab" && field.value.length >= 6 && !e.shiftKey) {
      e.preventDefault();
      form.requestSubmit();
    }
  });
  result.addEventListener("submit", (e) => {
    const data = Object.fromEntries(new FormData(e.target));
    if (!data.code) return;
    e.preventDefault();
    const { code, open_case, reading } = data;
    take(code, { ...(open_case && { open_case }), ...(reading && { reading }) });
    field.focus();
  });
  listen(take);
  document.addEventListener("line", (e) => { if (e.detail) drain(); });
  addEventListener("online", drain);
  setInterval(() => { if (read(KEPT).length) drain(); }, 4000);
  document.addEventListener("click", (e) => { if (!e.target.closest("a, button, input, select, textarea, summary, label")) field.focus(); });
  noted();
  field.focus();
  drain();
}
