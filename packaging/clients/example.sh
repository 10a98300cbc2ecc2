#!/bin/sh
# A delivery from its request to its end, with the functions that generate.py made.
#
#   CROSSDOCK_URL=https://depot:8443 CROSSDOCK_TOKEN=… sh example.sh
set -eu
. "$(dirname "$0")/crossdock.sh"

field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" | head -n 1; }

new='{"pickup_address":"123 Main St","delivery_address":"456 Oak Ave","customer_name":"John Doe","priority":"high"}'
# The key makes it safe to send the same again when no answer came: it is done once.
made=$(post_deliveries -H 'Idempotency-Key: example-sh-1' -d "$new")
again=$(post_deliveries -H 'Idempotency-Key: example-sh-1' -d "$new")
delivery=$(printf '%s' "$made" | sed 's/"assigned_to":{[^}]*}//' | sed -n 's/^{"id":"\([^"]*\)".*/\1/p')
replayed=false
[ "$made" = "$again" ] && replayed=true

customer=$(get_deliveries_id "$delivery" | field customer_name)
post_deliveries_id_cancel "$delivery" -d '{"reason":"only an example"}' > /dev/null
refusal=$(post_deliveries_id_cancel "$delivery" -d '{"reason":"twice"}' | field code)
status=$(get_deliveries_id "$delivery" | field status)
# What happened, for programs: one JSON document a line, from any place on.
events=$(get_events -G -d after=0 -d types=delivery. | grep -c "$delivery")
printf '{"id":"%s","replayed":%s,"customer":"%s","status":"%s","refusal":"%s","events":%s}\n' \
    "$delivery" "$replayed" "$customer" "$status" "$refusal" "$events"
