// A delivery from its request to its end, with the client that generate.py made.
//
//   CROSSDOCK_URL=https://depot:8443 CROSSDOCK_TOKEN=… node example.ts     (Node 22.18 or newer runs it as it is)
import { Crossdock, Problem } from "./crossdock.ts";

const depot = new Crossdock(process.env.CROSSDOCK_URL ?? "", process.env.CROSSDOCK_TOKEN ?? "");
const asked = { pickup_address: "123 Main St", delivery_address: "456 Oak Ave", customer_name: "John Doe", priority: "high" };

// The key makes it safe to send the same again when no answer came: it is done once.
const key = { headers: { "Idempotency-Key": "example-ts-1" } };
const made = await depot.post_deliveries(asked, key);
const again = await depot.post_deliveries(asked, key);
const delivery = String(made.json.id);

const seen = await depot.get_deliveries_id(delivery);
await depot.post_deliveries_id_cancel(delivery, { reason: "only an example" });
let refusal = "";
try {
  await depot.post_deliveries_id_cancel(delivery, { reason: "twice" });
} catch (problem) {
  if (!(problem instanceof Problem)) throw problem;
  refusal = problem.code;
}

// What happened, for programs: one JSON document a line, from any place on.
const events = await depot.get_events({ query: { after: 0, types: "delivery." } });
console.log(JSON.stringify({
  id: delivery,
  replayed: again.headers.get("idempotent-replay") === "true" && String(again.json.id) === delivery,
  customer: seen.json.customer_name,
  status: (await depot.get_deliveries_id(delivery)).json.status,
  refusal,
  events: events.text.split("\n").filter((line) => line.includes(delivery)).length,
}));
