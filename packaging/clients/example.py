"""A delivery from its request to its end, with the client that generate.py made.

    CROSSDOCK_URL=https://depot:8443 CROSSDOCK_TOKEN=… python3 example.py
"""

import json
import os

from crossdock import Crossdock, Problem

depot = Crossdock(os.environ["CROSSDOCK_URL"], os.environ["CROSSDOCK_TOKEN"])
new = {"pickup_address": "123 Main St", "delivery_address": "456 Oak Ave", "customer_name": "John Doe", "priority": "high"}

# The key makes it safe to send the same again when no answer came: it is done once.
key = {"Idempotency-Key": "example-py-1"}
made = depot.post_deliveries(new, headers=key)
again = depot.post_deliveries(new, headers=key)
delivery = made.json["id"]

seen = depot.get_deliveries_id(delivery).json
depot.post_deliveries_id_cancel(delivery, {"reason": "only an example"})
try:
    depot.post_deliveries_id_cancel(delivery, {"reason": "twice"})
    refusal = None
except Problem as problem:
    refusal = problem.code

# What happened, for programs: one JSON document a line, from any place on.
events = depot.get_events(after=0, types="delivery.").content.decode().splitlines()
print(json.dumps({
    "id": delivery,
    "replayed": again.headers.get("Idempotent-Replay") == "true" and again.json["id"] == delivery,
    "customer": seen["customer_name"],
    "status": depot.get_deliveries_id(delivery).json["status"],
    "refusal": refusal,
    "events": sum(delivery in event for event in events),
}))
