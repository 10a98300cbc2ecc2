// Keeps what is open up to date: hears that something changed, asks for the page again and takes over the regions that
// are marked for it. What somebody is typing in or has ticked stays as it is.
const FRAGMENT = { "X-Fragment": "1" };

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

function busy(region) {
  const focus = document.activeElement;
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

let asking = false;
let again = false;

export async function refresh(wanted) {
  const regions = [...document.querySelectorAll("[data-region]")].filter(wanted);
  if (regions.length === 0) return;
  if (asking) {
    again = true;
    return;
  }
  asking = true;
  try {
    const { response, page } = await fetchPage(location.href);
    if (response.ok) {
      for (const region of regions) {
        const fresh = page.querySelector(`[data-region="${region.dataset.region}"]`);
        if (fresh && !busy(region)) take(region, fresh);
      }
    }
  } catch {
    // The stream says when the depot is back.
  } finally {
    asking = false;
    if (again) {
      again = false;
      setTimeout(() => refresh(wanted), 150);
    }
  }
}

export function begin() {
  const offline = document.getElementById("offline");
  const stream = new EventSource("/screens/live");
  let timer;
  stream.addEventListener("hello", () => {
    const was = offline && !offline.hidden;
    if (offline) offline.hidden = true;
    document.documentElement.dataset.live = "on";
    document.dispatchEvent(new CustomEvent("line", { detail: true }));
    if (was) refresh(() => true);
  });
  stream.addEventListener("changed", (e) => {
    const kinds = new Set(e.data.split(" "));
    clearTimeout(timer);
    timer = setTimeout(() => refresh((r) => (r.dataset.kinds || "").split(" ").some((k) => kinds.has(k))), 120);
  });
  stream.addEventListener("bell", (e) => {
    ring(Number(e.data));
    refresh((r) => r.dataset.kinds === "bell");
  });
  stream.addEventListener("error", () => {
    delete document.documentElement.dataset.live;
    setTimeout(() => {
      if (stream.readyState !== EventSource.OPEN && offline && stream.readyState !== EventSource.CLOSED) offline.hidden = false;
    }, 3000);
    document.dispatchEvent(new CustomEvent("line", { detail: false }));
  });
  addEventListener("pagehide", () => stream.close());
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
  setTimeout(async () => {
    const region = document.querySelector("[data-again]");
    if (region && document.visibilityState === "visible") {
      const of = region.closest("[data-region]");
      if (of) await refresh((r) => r === of);
    }
    tick();
  }, after);
}
