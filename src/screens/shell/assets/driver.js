// A driver's list and stops: what is done is kept on the phone first and sent from there, so that it makes no difference
// whether there is a line.
import "./queue.js";
import { pad } from "./sign.js";
import { take } from "./photo.js";
import { blake3 } from "./blake3.js";
import { refresh } from "./live.js";

const queue = self.crossdockQueue;
const OLD_MS = 60000;
const EVERY_MS = 5000;

const root = () => document.querySelector("[data-driver]");
const waiting = (steps, delivery) => steps.filter((s) => s.delivery === delivery);

// The page that was made last says who drives and what shows that a change is ours.
async function identify() {
  const { user, made } = root().dataset;
  if (Number(made) < ((await queue.fact("made")) || 0)) return;
  await queue.setFact("made", Number(made));
  await queue.setFact("user", user);
  await queue.setFact("csrf", document.querySelector("meta[name=csrf]").content);
  await queue.setFact("language", document.documentElement.lang);
}

let keptAs = "";

// Brings the list and the pages of its stops onto the phone, when any of them is another than what lies there.
async function keepPages() {
  const list = root();
  if (!("serviceWorker" in navigator) || !list.hasAttribute("data-list")) return;
  const stops = [...list.querySelectorAll("[data-stop]")];
  const pages = stops.map((s) => ({ path: s.querySelector("a").pathname, rev: s.dataset.rev }));
  const rev = blake3(new TextEncoder().encode(JSON.stringify(pages))).slice(0, 16);
  const { active } = await navigator.serviceWorker.ready;
  if (!active || rev === keptAs) return;
  keptAs = rev;
  active.postMessage({ keep: [{ path: location.pathname, rev }, ...pages] });
}

async function happened() {
  return new Date(Date.now() + ((await queue.fact("ahead")) || 0)).toISOString();
}

// Where the phone is, asked for when a stop is opened, so that nobody waits for it at the door.
let place = null;
function locate() {
  const found = ({ coords: { latitude, longitude, accuracy } }) => {
    place = { latitude, longitude, accuracy };
  };
  navigator.geolocation?.getCurrentPosition(found, () => {}, { timeout: 15000, maximumAge: 60000 });
}

function proof(data, form, photos) {
  const shown = {};
  for (const name of ["name", "signature", "code", "scan"]) if (data.get(name)?.trim()) shown[name] = data.get(name).trim();
  if (photos.length) shown.photos = photos.map((p) => p.hash);
  if (!Object.keys(shown).length) return null;
  if (place) {
    shown.position = { lat: Math.round(place.latitude * 1e6), lon: Math.round(place.longitude * 1e6) };
    shown.accuracy_m = Math.round(place.accuracy);
  }
  return shown;
}

function outcomes(data) {
  const handed = new Set(data.getAll("handed"));
  return data.getAll("leg").map((parcel) => (handed.has(parcel)
    ? { parcel, delivered: true }
    : { parcel, delivered: false, reason: data.get(`why_${parcel}`) }));
}

async function step(form, photos) {
  const data = new FormData(form);
  const { status } = form.dataset;
  const body = { status, occurred_at: await happened() };
  if (place) body.location = place;
  if (data.get("note")?.trim()) body.notes = data.get("note").trim();
  if (status === "in_transit") body.confirm_missing = data.has("without");
  if (status === "completed" && data.has("leg")) body.parcels = outcomes(data);
  if (status === "failed") body.reason = data.get("reason");
  const shown = status === "in_transit" ? null : proof(data, form, photos);
  if (shown) body.proof = { ...shown, at: body.occurred_at };
  const { stop, number, customer } = root().dataset;
  return { delivery: stop, number, customer, body };
}

// What is asked for and missing, in the reader's words.
function missing(form, data, photos) {
  const needs = (form.dataset.needs || "").split(" ").filter(Boolean);
  const there = { photo: photos.length > 0, signature: Boolean(data.get("signature")), name: Boolean(data.get("name")?.trim()), code: Boolean(data.get("code")?.trim()), scan: Boolean(data.get("scan")?.trim()) };
  if (form.dataset.status === "failed" && form.querySelector("select[name=reason] option:checked")?.hasAttribute("data-photo")) needs.push("photo");
  return needs.filter((n) => !there[n]).map((n) => form.dataset[`need${n}`] || n);
}

function complain(form, text) {
  const line = form.querySelector("[data-complaint]");
  line.textContent = text;
  line.hidden = false;
  line.scrollIntoView({ block: "center" });
}

function door(form) {
  const photos = [];
  for (const box of form.querySelectorAll("[data-sign]")) pad(box);
  for (const part of form.querySelectorAll("[data-scripted]")) part.hidden = false;
  const picker = form.querySelector("[data-photo]");
  picker?.addEventListener("change", async () => {
    for (const file of picker.files) {
      try {
        const photo = await take(file);
        photos.push(photo);
        form.querySelector("[data-photos]").append(photo.canvas);
      } catch {
        complain(form, root().dataset.nophoto);
      }
    }
    picker.value = "";
  });
  for (const box of form.querySelectorAll("input[name=handed]")) {
    const why = form.querySelector(`[data-why="${CSS.escape(box.value)}"]`);
    const turn = () => { why.hidden = box.checked; };
    box.addEventListener("change", turn);
    turn();
  }
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    const lacks = missing(form, new FormData(form), photos);
    if (lacks.length) return complain(form, `${root().dataset.needed} ${lacks.join(", ")}`);
    const button = form.querySelector("button.primary, button.danger");
    button.disabled = true;
    try {
      const done = await step(form, photos);
      await queue.add([done], photos.map(({ hash, content }) => ({ delivery: done.delivery, hash, content })));
      if (form.dataset.status === "in_transit") {
        send();
        return;
      }
      // A moment is given to a good line, so that the list is right when it opens.
      await Promise.race([send(), new Promise((late) => setTimeout(late, 700))]);
      location.assign("/driver/stops");
    } catch (fault) {
      complain(form, `${root().dataset.full} (${fault.message})`);
      button.disabled = false;
    }
  });
}

// The forms that fit what was done so far, also what the depot does not know of yet.
function showStop(steps) {
  const page = root();
  const state = steps.at(-1)?.body.status || page.dataset.state;
  if (page.dataset.shown === state) return;
  page.dataset.shown = state;
  if (steps.length) {
    for (const part of page.querySelectorAll("section[data-when]")) part.remove();
    const template = page.querySelector(`template[data-when="${state}"]`);
    if (template) template.after(template.content.cloneNode(true));
    chip(page.querySelector("[data-chip-here]"), state);
  }
  for (const form of page.querySelectorAll("form[data-status]:not([data-begun])")) {
    form.dataset.begun = "1";
    door(form);
  }
}

function chip(place, state) {
  const template = document.querySelector(`template[data-chip="${state}"]`);
  if (place && template && place.dataset.says !== state) {
    place.dataset.says = state;
    place.replaceChildren(template.content.cloneNode(true));
  }
}

function showList(steps) {
  for (const stop of root().querySelectorAll("[data-stop]")) {
    const own = waiting(steps, stop.dataset.stop);
    stop.classList.toggle("unsent", own.length > 0);
    if (!own.length) continue;
    const state = own.at(-1).body.status;
    chip(stop.querySelector("[data-chip-here]"), state);
    // What is done goes below what is still to do.
    if (state !== "in_transit" && !stop.classList.contains("over")) {
      stop.classList.add("over");
      stop.parentElement.append(stop);
    }
  }
  const idle = idleStops(steps);
  const all = root().querySelector("[data-start-all]");
  if (all) {
    all.hidden = idle.length < 2;
    all.querySelector("b").textContent = idle.length;
  }
}

function idleStops(steps) {
  const all = [...root().querySelectorAll("[data-stop][data-state=assigned]:not([data-lacks])")];
  return all.filter((s) => waiting(steps, s.dataset.stop).length === 0);
}

async function startAll() {
  const { steps } = await queue.all();
  const at = await happened();
  await queue.add(idleStops(steps).map((s) => ({
    delivery: s.dataset.stop,
    number: s.dataset.number,
    customer: s.dataset.customer,
    body: { status: "in_transit", occurred_at: at, confirm_missing: false },
  })));
  send();
}

function button(text, act) {
  const b = document.createElement("button");
  b.type = "button";
  b.textContent = text;
  b.addEventListener("click", act);
  return b;
}

function showRefused(steps) {
  const words = root().dataset;
  const box = document.getElementById("refused");
  const refused = steps.filter((s) => s.state === "refused");
  box.hidden = refused.length === 0;
  box.querySelector("ul").replaceChildren(...refused.map((s) => {
    const item = document.createElement("li");
    const what = document.createElement("p");
    what.textContent = `${s.number} ${s.customer}: ${s.why}`;
    const again = (body) => async () => {
      await queue.change(s, { state: "waiting", key: `${s.key}x`, body: { ...s.body, ...body } });
      send();
    };
    const act = s.code === "delivery.parcels_missing" ? button(words.without, again({ confirm_missing: true })) : button(words.again, again({}));
    item.append(what, act, button(words.drop, () => queue.giveUp(s)));
    return item;
  }));
}

let last = "";
async function show() {
  const page = root();
  if (!page) return;
  const { steps, files, others } = await queue.all();
  const n = steps.length + files.length;
  const pill = document.getElementById("waiting");
  pill.hidden = n + others === 0;
  const parts = [];
  if (n) parts.push(`${n} ${page.dataset.waits}`);
  if (others) parts.push(`${others} ${page.dataset.others}`);
  if (last === "login") parts.push(page.dataset.login);
  pill.textContent = parts.join(" · ");
  pill.dataset.n = n;
  showRefused(steps);
  const age = Date.now() + ((await queue.fact("ahead")) || 0) - Number(page.dataset.made);
  const on = document.documentElement.dataset.live === "on";
  document.getElementById("asof").hidden = on || age < OLD_MS;
  if (page.hasAttribute("data-list")) showList(steps);
  else showStop(waiting(steps, page.dataset.stop));
}

async function send() {
  const { steps, files } = await queue.all();
  if (steps.length + files.length === 0) return;
  last = await queue.drain();
  await show();
  if (last === "done" && root()?.hasAttribute("data-list")) refresh("*");
}

export async function begin() {
  await identify();
  queue.told.addEventListener("change", show);
  document.addEventListener("region", () => { show(); keepPages(); });
  document.addEventListener("line", (e) => {
    show();
    if (!e.detail) return;
    send();
    if (root().hasAttribute("data-list")) refresh("*");
    keptAs = "";
    keepPages();
  });
  addEventListener("online", send);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) send(); });
  setInterval(send, EVERY_MS);
  document.addEventListener("click", (e) => { if (e.target.closest("[data-start-all]")) startAll(); });
  if (root().dataset.stop) locate();
  if ("serviceWorker" in navigator) {
    navigator.serviceWorker.addEventListener("message", (e) => {
      if (e.data?.kept !== undefined) {
        document.documentElement.dataset.kept = e.data.kept;
        const line = document.getElementById("kept");
        if (line) line.hidden = false;
      }
    });
    navigator.serviceWorker.register("/driver/worker.js", { scope: "/driver/" }).catch(() => {});
    keepPages();
  }
  await show();
  send();
}
