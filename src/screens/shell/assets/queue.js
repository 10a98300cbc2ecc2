// What a driver has done and the depot does not know yet. It lies in the phone's own database, so that it outlives the
// page, and goes out in the order it was done, each step under a key of its own: one that arrives twice counts once.
// Photos follow when no step waits. A plain script, because the page and the service worker both use it.
(() => {
  const NAME = "crossdock-driver";
  const MOST = 500;
  const PATIENCE_MS = 20000;

  const channel = "BroadcastChannel" in self ? new BroadcastChannel(NAME) : null;
  const told = new EventTarget();
  if (channel) channel.onmessage = () => told.dispatchEvent(new Event("change"));

  function tell() {
    told.dispatchEvent(new Event("change"));
    channel?.postMessage("change");
  }

  const ask = (request) => new Promise((ok, no) => {
    request.onsuccess = () => ok(request.result);
    request.onerror = () => no(request.error);
  });

  function open() {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      for (const name of ["steps", "files"]) request.result.createObjectStore(name, { keyPath: "id", autoIncrement: true });
      for (const name of ["contents", "facts"]) request.result.createObjectStore(name);
    };
    return ask(request);
  }

  async function within(mode, f) {
    const db = await open();
    try {
      const tx = db.transaction(["steps", "files", "contents", "facts"], mode, { durability: "strict" });
      const ended = new Promise((ok, no) => {
        tx.oncomplete = ok;
        tx.onerror = tx.onabort = () => no(tx.error || new Error("aborted"));
      });
      const out = await f((name) => tx.objectStore(name));
      await ended;
      return out;
    } finally {
      db.close();
    }
  }

  const fresh = () => `d-${[...crypto.getRandomValues(new Uint8Array(12))].map((b) => b.toString(16).padStart(2, "0")).join("")}`;

  const fact = (name) => within("readonly", (store) => ask(store("facts").get(name)));
  const setFact = (name, value) => within("readwrite", (store) => ask(store("facts").put(value, name)));

  // Everything that waits: this driver's own, and how much is somebody else's who used this phone.
  async function all() {
    return within("readonly", async (store) => {
      const user = await ask(store("facts").get("user"));
      const [steps, files] = [await ask(store("steps").getAll()), await ask(store("files").getAll())];
      const own = (list) => list.filter((x) => x.user === user);
      return { steps: own(steps), files: own(files), others: steps.length - own(steps).length };
    });
  }

  async function add(steps, photos = []) {
    await within("readwrite", async (store) => {
      const user = await ask(store("facts").get("user"));
      if ((await ask(store("steps").count())) + steps.length > MOST) throw new Error("full");
      for (const step of steps) await ask(store("steps").add({ ...step, user, key: fresh(), state: "waiting" }));
      for (const { delivery, hash, content } of photos) {
        const id = await ask(store("files").add({ user, key: fresh(), delivery, hash, state: "waiting" }));
        await ask(store("contents").put(content, id));
      }
    });
    tell();
    navigator.storage?.persist?.();
    // Where the system lets it, what waits goes out even after the page was closed.
    navigator.serviceWorker?.ready.then((r) => r.sync?.register(NAME)).catch(() => {});
  }

  async function change(step, more) {
    await within("readwrite", (store) => ask(store("steps").put({ ...step, ...more })));
    tell();
  }

  async function drop(name, id) {
    await within("readwrite", async (store) => {
      await ask(store(name).delete(id));
      if (name === "files") await ask(store("contents").delete(id));
    });
    tell();
  }

  // Gives a step up, and with it what was to follow it at the same stop.
  async function giveUp(step) {
    const { steps, files } = await all();
    for (const s of steps.filter((s) => s.delivery === step.delivery && s.id >= step.id)) await drop("steps", s.id);
    for (const f of files.filter((f) => f.delivery === step.delivery)) await drop("files", f.id);
  }

  // A new token for changes, from a page of the present session.
  async function token() {
    const page = await fetch("/driver/stops", { credentials: "same-origin", cache: "no-store" });
    const found = !page.redirected && (await page.text()).match(/name="csrf" content="([^"]+)"/);
    if (found) await setFact("csrf", found[1]);
    return Boolean(found);
  }

  async function request(path, method, key, type, body) {
    const headers = { "content-type": type, "idempotency-key": key, "x-csrf-token": (await fact("csrf")) || "", "accept-language": (await fact("language")) || "en" };
    const signal = AbortSignal.timeout ? AbortSignal.timeout(PATIENCE_MS) : undefined;
    return fetch(`/api/v1/deliveries/${path}`, { method, headers, body, credentials: "same-origin", signal });
  }

  // What became of it: taken, refused with a reason, wait for the line, or log in first.
  async function sent(path, method, key, type, body) {
    for (let again = true; ; again = false) {
      const response = await request(path, method, key, type, body);
      const now = Date.parse(response.headers.get("date"));
      if (now) await setFact("ahead", now - Date.now());
      if (response.ok) return { is: "taken" };
      if (response.status >= 500 || [408, 425, 429].includes(response.status)) return { is: "later" };
      const why = await response.json().catch(() => ({}));
      if (response.status === 401) return { is: "login" };
      if (why.code === "auth.csrf") {
        if (again && (await token())) continue;
        return { is: "login" };
      }
      // It left already, as somebody else said before us: nothing is lost.
      if (why.from === "in_transit" && why.requested === "in_transit") return { is: "taken" };
      return { is: "refused", code: why.code || String(response.status), why: (why.errors || []).map((e) => `${e.pointer} ${e.detail}`).join("; ") || why.detail || String(response.status) };
    }
  }

  // The next step that may go: at a stop where one was refused, those behind it wait for the driver.
  function next(steps) {
    const stuck = new Set();
    for (const step of steps) {
      if (step.state === "refused") stuck.add(step.delivery);
      else if (!stuck.has(step.delivery)) return step;
    }
    return null;
  }

  async function pour() {
    for (;;) {
      const { steps, files } = await all();
      const step = next(steps);
      const busy = new Set(steps.map((s) => s.delivery));
      const file = step ? null : files.find((f) => f.state !== "refused" && !busy.has(f.delivery));
      if (!step && !file) return "done";
      if (step) {
        const body = JSON.stringify(step.body);
        const { is, code, why } = await sent(`${step.delivery}/status`, "PATCH", step.key, "application/json", body);
        if (is === "taken") await drop("steps", step.id);
        else if (is === "refused") await change(step, { state: "refused", code, why });
        else return is;
        continue;
      }
      const content = await within("readonly", (store) => ask(store("contents").get(file.id)));
      const path = `${file.delivery}/proof/files?type=photo&name=${file.hash.slice(0, 12)}.jpg`;
      const { is, why } = await sent(path, "POST", file.key, "application/octet-stream", content);
      if (is === "taken") await drop("files", file.id);
      else if (is === "refused") await within("readwrite", (store) => ask(store("files").put({ ...file, state: "refused", why })));
      else return is;
    }
  }

  let pouring = false;

  // Sends what can be sent; says whether all went, or why not.
  async function drain() {
    if (pouring) return "busy";
    pouring = true;
    const guarded = () => pour().catch(() => "later");
    try {
      if (!navigator.locks) return await guarded();
      return await navigator.locks.request(NAME, { ifAvailable: true }, (lock) => (lock ? guarded() : "busy"));
    } finally {
      pouring = false;
    }
  }

  self.crossdockQueue = { NAME, add, all, change, drain, fact, giveUp, setFact, told };
})();
