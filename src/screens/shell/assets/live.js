// Keeps what is open up to date: hears that something changed, asks for the page again and takes over the regions that
// are marked for it. What somebody is typing in or has ticked stays as it is.
const FRAGMENT = { "X-Fragment": "1" };
// Changes that come close together are one question, and one question follows another at this distance.
const SETTLE_MS = 60;
const REST_MS = 250;
// How long an answer may take, and when a question that failed is asked again.
const PATIENCE_MS = 10000;
const AGAIN_MS = 2000;
// A stream that was refused is asked for again after so long, and ever later.
const RETRY_MS = 5000;
const LONGEST_MS = 120000;
const SILENT_MS = 20000;
const UNSEEN_MS = 15000;

export async function fetchPage(url, init = {}) {
  const response = await fetch(url, { credentials: "same-origin", ...init, headers: { ...FRAGMENT, ...(init.headers || {}) } });
  const text = await response.text();
  const page = new DOMParser().parseFromString(text, "text/html");
  return { response, page };
}

export function showPage(page, url) {
  const main = document.getElementById("main");
  const title = page.querySelector("title");
  if (title) {
    document.title = title.textContent;
    title.remove();
  }
  main.replaceChildren(...page.body.childNodes);
  if (url) history.replaceState(null, "", url);
  document.dispatchEvent(new CustomEvent("page"));
}

// What a finger or a mouse button is down on: a button that is exchanged between down and up never hears its click.
let pressed = null;

function busy(region) {
  const focus = document.activeElement;
  if (pressed && region.contains(pressed)) return true;
  return region.contains(focus) && focus.matches("input:not([type=checkbox]), textarea, select");
}

function rowKey(row) {
  return row.querySelector("a")?.getAttribute("href");
}

function take(region, fresh) {
  const ticked = new Set([...region.querySelectorAll("input:checked")].map((i) => i.value));
  const open = [...region.querySelectorAll("details[open]")].map((d) => d.querySelector("summary")?.textContent);
  const rows = new Map([...region.querySelectorAll("[data-row]")].map((r) => [rowKey(r), r.innerHTML]));
  const here = region.querySelector("tr.here") && rowKey(region.querySelector("tr.here"));
  const kept = document.activeElement && region.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  region.replaceChildren(...fresh.childNodes);
  for (const attribute of ["data-again"]) {
    if (fresh.hasAttribute(attribute)) region.setAttribute(attribute, fresh.getAttribute(attribute));
    else region.removeAttribute(attribute);
  }
  for (const box of region.querySelectorAll("input[type=checkbox][value]")) if (ticked.has(box.value) && box.value !== "1") box.checked = true;
  for (const details of region.querySelectorAll("details")) if (open.includes(details.querySelector("summary")?.textContent)) details.open = true;
  for (const row of region.querySelectorAll("[data-row]")) {
    const key = rowKey(row);
    if (rows.size && rows.get(key) !== row.innerHTML) row.classList.add("fresh");
    if (here && key === here) row.classList.add("here");
  }
  if (kept) region.querySelector(`a[href="${CSS.escape(kept)}"]`)?.focus();
  document.dispatchEvent(new CustomEvent("region"));
}

// What is out of date here and not asked for yet: kinds of record, single regions as "#name", or "*" for all. It stays
// until a page came that is newer, so a question that fails loses nothing.
const due = new Set();
let timer = 0;
let asking = false;

const concerned = (wanted) => (region) =>
  wanted.has("*") || wanted.has(`#${region.dataset.region}`) || (region.dataset.kinds || "").split(" ").some((k) => wanted.has(k));

function soon(after) {
  if (!timer && !asking) timer = setTimeout(ask, after);
}

export function refresh(...what) {
  for (const w of what) due.add(w);
  soon(SETTLE_MS);
}

async function ask() {
  timer = 0;
  const wanted = new Set(due);
  const url = location.href;
  const shown = [...document.querySelectorAll("[data-region]")].filter(concerned(wanted));
  due.clear();
  if (shown.length === 0) return;
  asking = true;
  let rest = REST_MS;
  try {
    const { response, page } = await fetchPage(url, { signal: AbortSignal.timeout?.(PATIENCE_MS) });
    if (response.status === 429 || response.status >= 500) throw new Error(response.status);
    for (const region of response.ok && location.href === url ? shown : []) {
      const fresh = page.querySelector(`[data-region="${region.dataset.region}"]`);
      if (!fresh || !region.isConnected) continue;
      if (busy(region)) held.add(region.dataset.region);
      else take(region, fresh);
    }
  } catch {
    for (const w of wanted) due.add(w);
    rest = AGAIN_MS;
  } finally {
    asking = false;
    if (due.size) soon(rest);
  }
}

// Regions that somebody types in or presses are left alone until they are done.
const held = new Set();
function letGo() {
  if (held.size === 0) return;
  refresh(...[...held].map((name) => `#${name}`));
  held.clear();
}
document.addEventListener("focusout", letGo);
document.addEventListener("pointerdown", (e) => { pressed = e.target; }, true);
for (const end of ["pointerup", "pointercancel"]) {
  document.addEventListener(end, () => {
    pressed = null;
    letGo();
  }, true);
}

let stream = null;
// The last entry of the log that this page knows of: where a stream goes on that was cut.
let last = "";
let heardAt = 0;
let wait = RETRY_MS;

function open() {
  stream?.close();
  const mine = new EventSource(`/screens/live?after=${encodeURIComponent(last)}`);
  stream = mine;
  heardAt = Date.now();
  const on = (name, f) => mine.addEventListener(name, (e) => {
    heardAt = Date.now();
    if (e.lastEventId) last = e.lastEventId;
    f(e.data);
  });
  on("hello", () => {
    const offline = document.getElementById("offline");
    const was = offline && !offline.hidden;
    if (offline) offline.hidden = true;
    wait = RETRY_MS;
    document.documentElement.dataset.live = "on";
    document.dispatchEvent(new CustomEvent("line", { detail: true }));
    if (was) refresh("*");
    else if (due.size) soon(SETTLE_MS);
  });
  on("here", () => {});
  on("changed", (data) => refresh(...data.split(" ")));
  on("bell", (data) => {
    ring(Number(data));
    refresh("bell");
  });
  mine.addEventListener("error", () => {
    delete document.documentElement.dataset.live;
    document.dispatchEvent(new CustomEvent("line", { detail: false }));
    if (mine !== stream) return;
    // The browser goes on by itself where the line was cut; where it was refused, it gives up and we do not.
    if (mine.readyState === EventSource.CLOSED) {
      stream = null;
      setTimeout(() => { if (!stream && !document.hidden) open(); }, wait);
      wait = Math.min(wait * 2, LONGEST_MS);
      return;
    }
    setTimeout(() => {
      const offline = document.getElementById("offline");
      if (offline && mine === stream && mine.readyState === EventSource.CONNECTING) offline.hidden = false;
    }, 3000);
  });
}

function shut() {
  stream?.close();
  stream = null;
}

export function begin() {
  last = document.body.dataset.live || "";
  // A browser keeps few lines open to one machine: a page that nobody sees needs none, and goes on where it was.
  let unseen = 0;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(unseen);
    if (document.hidden) unseen = setTimeout(shut, UNSEEN_MS);
    else if (!stream) open();
  });
  addEventListener("pagehide", shut);
  addEventListener("pageshow", (e) => { if (e.persisted && !stream) open(); });
  // A line that died without a word: the depot says that it is there every few seconds.
  setInterval(() => { if (stream && Date.now() - heardAt > SILENT_MS) open(); }, 5000);
  if (!document.hidden) open();
  tick();
}

// How many notifications are unread, on the bell.
function ring(n) {
  const bell = document.querySelector("[data-bell]");
  if (!bell) return;
  const count = bell.querySelector("b");
  count.hidden = n === 0;
  count.textContent = n > 99 ? "99+" : n;
  bell.classList.toggle("rings", n > 0);
}

// Regions that change without an entry in the log, such as progress, are asked for by the clock.
function tick() {
  const marked = document.querySelector("[data-again]");
  const after = Number(marked?.dataset.again) || 1000;
  setTimeout(() => {
    const region = document.querySelector("[data-again]");
    if (region && document.visibilityState === "visible") {
      const of = region.closest("[data-region]");
      if (of) refresh(`#${of.dataset.region}`);
    }
    tick();
  }, after);
}
