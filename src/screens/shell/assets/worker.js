// The service worker of the driver's pages: they open without a line, as they were when there last was one, and what
// waits on the phone goes out when the line is back.
importScripts("./queue.js");

const FILES = ["./icon.svg", "./icon-192.png", "./app.css", "./sound.js", "./wedge.js", "./live.js", "./keys.js", "./scan.js", "./blake3.js", "./sign.js", "./photo.js", "./queue.js", "./driver.js", "./drag.js", "./vehicles.js", "./app.js"];
const KEPT = "crossdock-files";
const PAGES = "crossdock-pages";
const LIST = "/driver/stops";
const PATIENCE_MS = 2500;
const SLOW_MS = 30000;
const MOST = 200;

let slowUntil = 0;

self.addEventListener("install", (e) => {
  e.waitUntil(caches.open(KEPT).then((cache) => cache.addAll(FILES)).then(() => self.skipWaiting()));
});

async function tidy() {
  const cache = await caches.open(KEPT);
  for (const request of await cache.keys()) {
    if (!FILES.includes(new URL(request.url).pathname)) await cache.delete(request);
  }
  await self.clients.claim();
}

self.addEventListener("activate", (e) => e.waitUntil(tidy()));

// Under its path and the revision it was made from; a reader finds it by its path.
async function keep(path, rev, response) {
  const cache = await caches.open(PAGES);
  await cache.delete(path, { ignoreSearch: true });
  await cache.put(`${path}?rev=${rev}`, response);
}

async function kept(path) {
  return (await caches.open(PAGES)).match(path, { ignoreSearch: true });
}

async function fetched(request, path) {
  const response = await fetch(request);
  if (response.ok && !response.redirected && response.type === "basic") await keep(path, "", response.clone());
  return response;
}

// What the depot says, or what it said last when it takes too long.
async function page(request, path) {
  const fresh = fetched(request, path);
  const old = await kept(path);
  if (!old) {
    return fresh.catch(async () => ((await kept(LIST)) && path !== LIST ? Response.redirect(LIST) : Response.error()));
  }
  if (Date.now() < slowUntil) {
    fresh.catch(() => {});
    return old;
  }
  const late = new Promise((done) => setTimeout(done, PATIENCE_MS));
  const first = await Promise.race([fresh.catch(() => null), late]);
  if (first && first.status < 500) return first;
  slowUntil = Date.now() + SLOW_MS;
  fresh.then(() => { slowUntil = 0; }, () => {});
  return old;
}

self.addEventListener("fetch", (e) => {
  const url = new URL(e.request.url);
  if (e.request.method !== "GET" || url.origin !== self.location.origin) return;
  if (url.pathname.startsWith("/assets/")) {
    e.respondWith(caches.match(e.request).then((file) => file || fetch(e.request)));
  } else if (e.request.mode === "navigate" && url.pathname.startsWith(LIST)) {
    e.respondWith(page(e.request, url.pathname));
  }
});

// Brings the pages of a list onto the phone, and lets go of those that are no longer on it.
async function fill(wanted) {
  const cache = await caches.open(PAGES);
  const paths = new Set(wanted.map((w) => w.path));
  for (const request of await cache.keys()) {
    const { pathname } = new URL(request.url);
    if (!paths.has(pathname)) await cache.delete(request);
  }
  let there = 0;
  for (const { path, rev } of wanted.slice(0, MOST)) {
    if (!(await cache.match(`${path}?rev=${rev}`))) {
      const response = await fetch(path, { credentials: "same-origin", cache: "no-store" });
      if (!response.ok || response.redirected) continue;
      await keep(path, rev, response);
    }
    there += 1;
  }
  return there;
}

self.addEventListener("message", (e) => {
  if (e.data?.keep) e.waitUntil(fill(e.data.keep).then((n) => e.source?.postMessage({ kept: n }), () => {}));
});

self.addEventListener("sync", (e) => {
  if (e.tag !== self.crossdockQueue.NAME) return;
  e.waitUntil(self.crossdockQueue.drain().then((end) => { if (end === "later") throw new Error(end); }));
});
