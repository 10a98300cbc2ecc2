// What every page does where scripts run. All of it works without them, only less quickly.
import { begin as live, fetchPage, showPage } from "./live.js";
import { begin as keys } from "./keys.js";
import { begin as scan } from "./scan.js";
import { listen } from "./wedge.js";
import { begin as drag } from "./drag.js";
import { begin as vehicles } from "./vehicles.js";

// A form that is marked for it is sent without leaving the page.
document.addEventListener("submit", async (e) => {
  const form = e.target;
  if (e.defaultPrevented || !form.hasAttribute("data-swap")) return;
  e.preventDefault();
  if (form.dataset.sent) return;
  form.dataset.sent = "1";
  const body = new URLSearchParams(new FormData(form));
  if (e.submitter?.name) body.append(e.submitter.name, e.submitter.value);
  try {
    const { response, page } = await fetchPage(e.submitter?.hasAttribute("formaction") ? e.submitter.formAction : form.action, { method: "POST", body });
    showPage(page, response.redirected ? response.url : null);
  } catch {
    const offline = document.getElementById("offline");
    if (offline) offline.hidden = false;
  } finally {
    delete form.dataset.sent;
  }
});

// A file goes up with its progress.
function upload(form) {
  const line = form.querySelector("#progress");
  const drop = form.querySelector("[data-drop]");
  const file = form.querySelector("input[type=file]");
  for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, (e) => { e.preventDefault(); drop.classList.add("over"); });
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (e) => { e.preventDefault(); if (e.dataTransfer.files.length) file.files = e.dataTransfer.files; });
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    const request = new XMLHttpRequest();
    // A button that names no address of its own gives that of the page.
    const to = e.submitter?.hasAttribute("formaction") ? e.submitter.formAction : form.action;
    request.open("POST", to);
    request.setRequestHeader("X-Fragment", "1");
    request.upload.addEventListener("progress", (p) => {
      if (!p.lengthComputable) return;
      const done = Math.round((p.loaded * 100) / p.total);
      line.hidden = false;
      line.querySelector("progress").value = done;
      line.querySelector("output").textContent = `${done} %`;
    });
    request.addEventListener("load", () => {
      const page = new DOMParser().parseFromString(request.responseText, "text/html");
      if (!page.body.hasChildNodes()) { location.reload(); return; }
      showPage(page, request.responseURL.split("?")[0] === to.split("?")[0] ? null : request.responseURL);
    });
    request.addEventListener("error", () => { document.getElementById("offline").hidden = false; });
    request.send(new FormData(form));
  });
}

function ready() {
  for (const form of document.querySelectorAll("[data-upload]")) upload(form);
  for (const select of document.querySelectorAll("[data-submit]")) select.addEventListener("change", () => select.form.requestSubmit());
  for (const button of document.querySelectorAll("[data-print]")) button.addEventListener("click", () => print());
  const driver = document.querySelector("[data-driver]");
  if (driver && !driver.dataset.begun) { driver.dataset.begun = "1"; import("./driver.js").then((m) => m.begin()); }
  const station = document.querySelector("[data-scan]");
  if (station && !station.dataset.begun) { station.dataset.begun = "1"; scan(station); }
  vehicles();
  // What was just done is said once.
  const url = new URL(location);
  if (url.searchParams.has("done") || url.searchParams.has("refused")) {
    url.searchParams.delete("done");
    url.searchParams.delete("refused");
    history.replaceState(null, "", url);
  }
  // The filter somebody works with is there again when they come back.
  if (document.querySelector("[data-remember]")) {
    const path = `/${location.pathname.split("/")[1]}`;
    if (location.pathname === path) sessionStorage.setItem(`filter${path}`, location.search);
  }
  for (const link of document.querySelectorAll(".rail a")) {
    const kept = sessionStorage.getItem(`filter${link.getAttribute("href")}`);
    if (kept) link.search = kept;
  }
}

document.addEventListener("page", ready);
document.addEventListener("click", (e) => {
  for (const open of document.querySelectorAll(".me[open]")) if (!open.contains(e.target)) open.open = false;
});
keys();
drag();
if (!document.querySelector("[data-scan]")) {
  // Anywhere else a scan is a question: which parcel is that?
  listen((code) => { if (document.getElementById("find")) location.href = `/find?q=${encodeURIComponent(code)}`; });
}
if (document.body.hasAttribute("data-live")) live();
// Whoever comes next to this phone finds nobody's list on it. What is not sent yet stays, for the one whose it is.
else if ("caches" in self) caches.delete("crossdock-pages");
ready();
