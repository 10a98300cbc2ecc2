// Vehicles on the live map: each position as it comes. What the table says is asked for anew by the clock.
export function begin() {
  const svg = document.querySelector("[data-vehicles]");
  if (!svg || svg.dataset.begun) return;
  svg.dataset.begun = "1";
  const [north, west, east, south] = svg.dataset.vehicles.split(" ").map(Number);
  const stream = new EventSource("/api/v1/tracking/live");
  stream.addEventListener("positions", (e) => {
    if (!svg.isConnected) { stream.close(); return; }
    for (const v of JSON.parse(e.data)) {
      const mark = svg.querySelector(`[data-vehicle="${CSS.escape(v.id)}"]`);
      if (!mark) continue;
      const x = Math.round((v.longitude * 1e6 - west) * east), y = Math.round((north - v.latitude * 1e6) * south);
      mark.setAttribute("transform", `translate(${x} ${y})`);
      mark.classList.toggle("stale", v.stale);
      svg.dataset.heard = "1";
    }
  });
  addEventListener("pagehide", () => stream.close());
}
