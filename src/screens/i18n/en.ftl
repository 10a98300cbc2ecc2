## frame
skip = Skip to content
nav = Screens
nav-work = Daily work
nav-house = The house
nav-today = Today
nav-scan = Scan
nav-cases = Cases
nav-parcels = Parcels
nav-report = Report
nav-imports = Imports
nav-maps = Status maps
nav-printers = Printers
nav-users = People
nav-settings = Settings
nav-jobs = Jobs
nav-audit = Audit
nav-sync = Sync
nav-profile = My account
find = Find a parcel
offline = The depot does not answer. What you scan is kept and sent when it is back.
log-in = Log in
log-out = Log out
login-name = Login
password = Password
password-hint = 10 characters or more; three or four random words are good
password-change = Change password
password-current = Present password
password-new = New password
pin = PIN
pin-hint = 4 to 6 digits, for stations
badge = Badge
badge-hint = Scan it here
door-api = The API
door-trust = Trust this depot (its certificate)
fail-title = That did not work
fail-not-found = There is nothing here
fail-forbidden = This is not for you
fail-back = To the start
refused = Not taken
refused-one = not taken
done-saved = Saved.
done-added = Added.
done-removed = Removed.
done-sent = Sent.
done-begun = Begun.

## set-up
fresh-title = A new depot
fresh-text = This depot has not been set up yet.
fresh-hint = Open the link that the server printed when it started: it ends with a one-time token.
setup-title = Set up this depot
setup-text = Five answers, then it runs.
setup-tenant = Company
setup-tenant-hint = Small letters, digits, _ and -; stands behind the @ of a login
setup-depot = Depot
setup-depot-hint = Its name, as people say it
setup-user = Your login
setup-password = Your password
setup-go = Set up
setup-over = This depot is set up already
zone = Time zone
zone-hint = Such as Europe/Lisbon; when a day begins
language = Language
currency = Currency
currency-hint = Three letters, such as EUR

## words
name = Name
role = Role
roles = Roles
users = Users
email = Mail
address = Address
port = Port
station = Station
device = Device
seen = Last seen
sessions = Where you are logged in
this-one = this one
actions = Actions
save = Save
show = Show
all = All
more = Next page
back = Back
remove = Remove
filter = Filter
yes = yes
state = State
status = Status
status-any = Any
since = Since
to = To
from = From
by = By
when = When
due = Due
overdue-by = overdue by
owner = Owner
about = About
opened = Opened
reason = Reason
reason-any = Any reason
note = Note
note-add = Add note
timeline = What happened
facts = What is known
place = Place
value = Value
weight = Weight
weight-g = Weight in grams
pieces = Pieces
order = Order
service = Service
carrier = Carrier
distributor = Distributor
recipient = Recipient
phone = Phone
promised = Promised
delivered-at = Delivered
remark = Remark
street = Street
zip = Postcode
city = Town
country = Country
source = Source
source-hint = Who the file is from: its words are read by that name
file = File
rows = Rows
lines = Lines
columns = Columns
encoding = Encoding
delimiter = Delimiter
code = Code
codes = Codes
times = Times
parcel = Parcel
label = Label
printer = Printer
media = Labels
dpi = Resolution
waiting = Waiting
unclear = Unclear
attempts = Attempts
last-error = Last error
changes = Changes
release = Release
depots = Depots
progress = Progress
chart-table = The figures
by-at = { $name }, { $at }
rows-more = { $n ->
    [one] One more row; narrow the filter.
   *[other] { $shown } more rows; narrow the filter.
}

## today
today-now = Needs a person now
today-overdue = overdue cases
today-mine = cases of mine
today-here = at the depot
today-open = on their way
today-late = past their promise
today-wrong = with something wrong
today-by-status = Where the open parcels are
today-by-hour = Last steps today, by the hour
today-by-reason = Open cases by reason
today-delivered = Delivered in 14 days
today-delivered-late = { $late } of { $n } came after the promised moment.
today-counting = The parcels are being counted.
line-alone = Works by itself, without headquarters
line-all-known = Headquarters knows everything
line-sending = { $n ->
    [one] Headquarters gets one change
   *[other] Headquarters gets { $shown } changes
}
line-offline = Line cut since { $since }: { $n } changes wait, work goes on
line-depots = { $n } depots, { $silent } of them silent

## scan
scan-field = Scan or type anything
scan-go = Go
scan-ready = Ready
scan-ready-hint = Parcel, carrier number, SSCC, air waybill, container or a code on the wall
scan-ok = Good
scan-exception = Stop and look
scan-unknown = Unknown
scan-duplicate = Again
scan-again = Scanned a moment ago, or nothing is left to do.
scan-nobody-knows = Nobody has announced this code.
scan-moved = Done
scan-confirmed = It is where it was
scan-pending = Next parcel: { $action }
scan-placed = Parcels go to { $place }
scan-cleared = Back to arriving parcels
scan-undone = The last scan was taken back
scan-case-opened = A case is open for this piece
scan-open-case = Open a case: piece without data
scan-several = Several parcels carry this number
scan-could-be = It could be
scan-hello = Hello, { $name }
scan-last = Last ten
scan-where = Where
scan-where-hint = The name of this station; kept on this device.
scan-badge-hint = Scan your badge to take over.
scan-pin = Without a badge
scan-switch = That is me
scan-leave = I am leaving
scan-help = Codes on the wall
scan-help-text = Without a code before it, a scan arrives a parcel. A code on the wall says what the next one does: load, hold, damaged, a place, or undo.
scan-wall = Print the wall sheet
scan-away = Kept: the depot does not answer
scan-waits = scans wait to be sent

## cases
cases-open = Open
cases-overdue = Overdue
cases-mine = Mine
cases-free = Nobody's
cases-closed = Closed
cases-none = Nothing needs a person
cases-none-hint = New cases come here by themselves, the most urgent first.
cases-refused = { $n ->
    [one] One case did not take the step.
   *[other] { $shown } cases did not take the step.
}
case-new = New case
case-open = Open the case
case-subject = Parcel
case-subject-hint = Its number; empty when it is about no parcel
case-detail = What is the matter
case-take = Take
case-wait-for = for
case-how = how
case-why-again = Why it is not done
case-state-open = open
case-state-acknowledged = seen
case-state-in_progress = in work
case-state-waiting = waiting
case-state-resolved = resolved
case-state-merged = merged
case-step-acknowledge = Seen
case-step-start = Start
case-step-wait = Wait
case-step-resolve = Resolve
case-step-reopen = Reopen
case-step-merge = Merge
case-step-assign = Assign
case-step-note = Note
resolution-solved = solved
resolution-delivered = delivered
resolution-redirected = redirected
resolution-returned = returned
resolution-disposed = disposed of
resolution-claimed = claimed
resolution-false_alarm = false alarm
resolution-other = other (say in the note)
pick = Pick
pick-case = Pick the case of { $what }
keys-move = move
keys-pick = pick
keys-open = open
escalated = Escalated
waiting-until = Waits until
advice-address = Ask the shipper or the recipient for the address, then correct it.
advice-recipient = Agree with the recipient on the next attempt.
advice-payment = Ask for what is owed; it goes on when it is paid.
advice-customs = Send the broker what customs asks for.
advice-handling = Find the piece, look at it, take a picture.
advice-transport = Ask the line where it is; search the dock first.
advice-external = Nothing to do but to tell those who wait.
advice-data = Ask for what is missing, or say what the word means.
advice-security = Do not touch it. Call whoever is in charge.
advice-operation = Tell whoever keeps the machine running.
step-opened = opened
step-acknowledged = seen
step-started = work began
step-waited = put aside until { $until }
step-woken = the wait is over
step-resolved = resolved
step-reopened = reopened
step-merged = lives on in another case
step-assigned = given to { $name }
step-freed = given back to the desk
step-escalated = escalated: nobody had begun
step-joined = { $n ->
    [one] one parcel joined
   *[other] { $shown } parcels joined
}
step-parted = { $n ->
    [one] one parcel left it
   *[other] { $shown } parcels left it
}
step-blamed = whose doing: { $fault }
step-costed = cost { $amount }
step-answered = answered: { $answer }
fault-shipper = the shipper
fault-carrier = the carrier
fault-depot = the depot
fault-recipient = the recipient
fault-authority = an authority
fault-nature = nature
fault-none = nobody
answer-new_address = bring it to another address
answer-redeliver = try once more
answer-return = send it back
answer-dispose = destroy it
answer-other = something else

## parcels
parcel-number = Number
parcel-new = Announce a parcel
parcel-announce = Announce
parcel-same-number = Others carry the same number:
parcel-no-cases = Nothing is wrong with it.
parcels-exceptional = something wrong
parcels-late = late
parcels-none = No parcels yet
parcels-none-hint = Import a file, or scan the first one.
parcels-nothing = Nothing fits
parcels-nothing-hint = Widen the filter, or type the beginning of a number.
next-steps = Next step
step-more = With a note or a reason
step-reason = Reason
step-reason-hint = A reason code, or why a step is forced
step-force = Force a step
step-force-go = Force it
event-registered = announced here
event-reported = reported
event-described = facts changed
event-corrected = corrected
event-remapped = read anew with the changed map
event-stale = no news for too long
event-flag-on = flag set
event-flag-off = flag taken away
event-handed-over = handed over to depot { $site }
event-pickup-noticed = people were told that it waits
event-forced = forced
label-alt = The label of this parcel
label-no-printer = No label printer is set up.
label-reason = Why again
label-reason-hint = Needed from the second label on
label-print = Print the label
label-page = Print with this browser
label-waiting = waits
label-sending = being sent
label-unknown = nobody knows
label-printed = printed
label-dropped = dropped
label-test = test label
label-it-lies-there = It lies there
label-again = Print again
label-drop = Drop

## report
report-numbers = Numbers
report-hint = { $n ->
    [one] One line for each parcel.
   *[other] One a line, at most { $shown }; a status of its own may follow behind a comma.
}
report-send = Report
report-taken = { $n ->
    [one] One report was taken
   *[other] { $shown } reports were taken
}
report-refused = { $n ->
    [one] one was not; it stays in the list
   *[other] { $shown } were not; they stay in the list
}
report-verdicts = Verdicts

## imports
imports-new = Import a file
imports-none = No file yet
imports-none-hint = A CSV from a shop or a carrier; what it is written in is found out.
import-kind = What its rows are
import-parcels = parcels
import-status = reports on parcels
file-hint = CSV or text, in any encoding and with any delimiter; drop it here
import-look = Look first
import-take = Import it
import-queued = waits
import-running = running
import-previewed = looked at, nothing taken
import-done = done
import-done-some = done, some rows not taken
import-failed = failed
import-undoing = being taken back
import-undone = taken back
import-rows-of = { $n ->
    [one] one row
   *[other] { $shown } rows
}
import-errors = { $n ->
    [one] The row that was not taken (CSV)
   *[other] The { $shown } rows that were not taken (CSV)
}
import-undo = Take it back
import-undo-hint = Everything this file changed goes back; what others reported since stays.
import-warnings = To look at
import-found = What the file is
refused-rows = Not taken
verdict-created = made
verdict-updated = changed
verdict-unchanged = known already
verdict-duplicate = said twice
verdict-refused = not taken

## maps
maps-unmapped = Words nobody has explained
maps-all-known = Every word is understood
maps-all-known-hint = A word no map knows comes here by itself.
maps-sources = Sources
map-means = Means
map-info = information only, changes nothing
map-whose = Map
map-own = your own
map-shipped = shipped with Crossdock
map-add = Explain a word
map-in-words = In words

## printers
printer-new = Add a printer
printer-ready = ready
printer-trouble = needs a hand
printer-untried = not tried yet
printer-host-hint = A private address such as 192.168.7.20
printer-station-hint = Where it stands; printed on labels
printer-answers = It says how it does (~HS); switch this off for emulations that never answer
printer-test = Print a test label
printer-queue = Queue
printer-queue-empty = The queue is empty
printer-queue-hint = Labels go out one at a time; an unclear one waits for your word.
printer-remove = Remove this printer
printers-none = No printer yet
printers-none-hint = Any ZPL printer on this network will do; browsers print labels without one.

## people
user-new = Add a person or station
user-add = Add
user-on = may log in
user-off = switched off
user-waits = waits for your yes
user-station = station
user-is-station = It is a station: people switch on to it by badge or PIN
user-active = May log in
user-approved = Approved
user-distributors = Only these distributors
user-distributors-hint = For partners, with commas; empty: as the role says
user-secrets = Password, PIN, badge
user-secrets-hint = What is left empty stays as it is. A new password logs them out everywhere.
user-overrides = Exceptions from the role
user-log-out = Log them out everywhere
right = Right
rights = Rights
roles-hint = Choose a role to change what its people may do.
reach = Sees the records of
reach-tenant = the whole house
reach-distributors = their distributors
reach-own = themselves
role-super_admin = Super administrator
role-admin = Administrator
role-supervisor = Supervisor
role-clerk = Clerk
role-planner = Planner
role-driver = Driver
role-partner = Partner
role-import_agent = Import agent
role-broker = Customs broker
role-accounts = Accounts
role-auditor = Auditor
role-station = Station

## settings
settings-house = The house
limits = How long a parcel may stay
limits-hint = Working hours in a status before somebody is told; 0 is for ever.
limit-hours = Hours
limits-special = { $n ->
    [one] One limit for a single carrier or service stays as it is.
   *[other] { $shown } limits for single carriers or services stay as they are.
}

## jobs
job-kind = Job
job-scheduled = waiting
job-running = running
job-done = done
job-dead = given up
job-retry = Try again
job-cancel = Give up
jobs-none = Nothing here
jobs-none-hint = What the depot does by itself shows up here.

## audit
audit-verify = Check the chain
audit-table = Record
audit-action = Action
audit-field = Field
audit-before = Before
audit-after = After
audit-none = Nothing fits
audit-none-hint = Leave the filters empty to see everything.
audit-holds = { $n ->
    [one] The chain holds: one entry, unchanged
   *[other] The chain holds: { $shown } entries, none changed
}
audit-broken = The chain is broken at entry { $at }

## sync
sync-now = Exchange now
sync-business = changes not sent
sync-audit = audit entries not sent
sync-telemetry = measurements not sent
sync-hq = Headquarters
sync-site = Number
sync-last = Last answer
sync-next = Next exchange
sync-oldest = Oldest not sent
sync-refused = Refused there
sync-trouble = Trouble
sync-join-hint = To join a headquarters, ask it for a code and run this on the depot's machine:
site-ok = heard of
site-silent = silent
site-hold = on hold: two copies seem alive
site-revoked = key taken away
site-invited = invited
site-add = Add a depot
site-code = give this code to the depot; it is shown once:
site-code-until = Good until

## routes and fleet
nav-routes = Routes
nav-live = Live map
nav-fleet = Fleet
nav-places = Places
nav-figures = Route figures
nav-my-figures = My figures
fleet-vehicle = Vehicle
fleet-vehicles = Vehicles
fleet-driver = Driver
fleet-drivers = Drivers
fleet-deliveries = Deliveries
fleet-number = Number
fleet-customer = Customer
fleet-priority = Priority
fleet-priority-low = low
fleet-priority-normal = normal
fleet-priority-high = high
fleet-priority-urgent = urgent
fleet-available = Can be planned with
fleet-away = Away
fleet-new-vehicle = Add a vehicle
fleet-new-driver = Add a driver
fleet-none = No vehicles yet
fleet-none-hint = Without any, plans assume as many as are needed.
fleet-plate = Plate
fleet-kg = Kilograms that fit in
fleet-pieces = Pieces
fleet-litres = Litres
fleet-from = Drives from
fleet-to = Until
fleet-shift = Shift
fleet-skills = Skills
fleet-skills-hint = With commas between them, such as cooled, tail_lift
fleet-max-stops = Stops a day at most
fleet-max-km = Kilometres a day at most
fleet-user = Logs in as
fleet-licence = Driving licence
routes-count = Routes
routes-none = No routes on this day
routes-none-hint = Plan the day: choose deliveries and vehicles, and look at what comes of it.
routes-none-own = When you are given a route it is shown here.
route-planned = planned
route-dispatched = on the road
route-completed = completed
route-cancelled = cancelled
route-deleted = deleted
route-day = Day
route-plan = Plan for
route-plan-day = Plan a day
route-day-anew = Plan what is not on the road anew
route-map = Map of the routes
route-strips = Against the clock
route-drag-hint = Drag a stop onto another vehicle to see what that costs; nothing changes before you accept it.
route-stops = Stops
route-stops-done = Stops done
route-distance = Distance
route-late = Late
route-hours = Out and back
route-at-wheel = At the wheel
route-source = Travel times from
route-rests-on = Rests on:
route-arrival = Arrival
route-begins = begins
route-window = Window
route-done = done
route-move = Move to
route-look = What if
route-dispatch = Give to the driver
route-replan = Plan anew
route-cancel = Cancel the route
route-goal = What counts
route-goal-both = Distance and time
route-goal-distance = Distance
route-goal-time = Time
route-goal-fuel = Fuel
route-seconds = Seconds to search
route-fewest = As few vehicles as possible come first
route-search = Search
route-choose = Choose
route-no-vehicles = There are none: as many as are needed are assumed.
route-no-place = nobody knows where it is
route-nothing = Nothing to plan
route-nothing-hint = Every open delivery is on a route already.
route-searching = Searching
route-waiting = Waiting for its turn
route-plans-found = Plans found
route-served = Stops served
route-stop-search = Take the best so far
route-cut-short = Ended early: the best plan up to then.
route-left-out = Left out
route-score = Points of 100
route-failed = No plan was found
route-search-cancelled = The search was called off
route-to-day = To the day
route-whatif = What if
route-same = as before
route-would-end = The first route would have no stop left, and goes.
route-accept = Accept
route-leave = Leave as it is
route-after = How it would be
act-deliver = leave
act-collect = collect
act-fetch = fetch
act-drop = leave
act-reload = load again
act-pause = pause
travel-map_server = map server
travel-cached = map server, within the hour
travel-own_map = imported road map
travel-estimated = estimate
lack-skills = skills
lack-capacity = capacity
lack-windows = windows
lack-shift = shift
lack-route_time = time out
lack-route_distance = distance
lack-stops = stops
lack-not_worth = not worth it
accuracy-exact = the very door
accuracy-street = the street
accuracy-postcode = the postcode
accuracy-city = the town
place-given = came with it
place-hand = put right by hand
place-remembered = an earlier stop
place-file = an imported file
places-find = Where is it
places-by-hand = Put right by hand
places-none = Nothing was put right yet
places-none-hint = Look for an address above; where it is put wrong, say where it is.
places-position = Position
places-put-right = Say where it is
places-latitude = Degrees north
places-longitude = Degrees east
places-accuracy = How exact
live-none = Nobody tells a position
live-none-hint = Phones and boxes are added under /tracking/devices; a driver's phone tells by itself.
live-heard = Heard
live-next = Next stop
live-eta = Expected
live-left = Left
live-stale = no news
live-moves = on time
figures-none = No routes in these days
figures-none-hint = Choose other days.
figures-per-day = Stops done per day
figures-on-time = On time
figures-duration = Mean duration
figures-efficiency = Efficiency
figures-cut = There were more routes than are counted; choose fewer days.
efficiency-means = Efficiency = 100 × actual / estimated duration of completed routes, from dispatch (or the planned departure, when dispatched before) to the last stop: below 100 is faster than planned.
route-unknown-places = { $n ->
    [one] Of one delivery nobody knows where it goes.
   *[other] Of { $shown } deliveries nobody knows where they go.
}
live-late = { $n ->
    [one] one minute late
   *[other] { $shown } minutes late
}

## statuses
status-unknown = unknown
status-announced = announced
status-accepted = accepted
status-in_transit = in transit
status-customs = at customs
status-at_depot = at depot
status-out_for_delivery = out for delivery
status-ready_for_pickup = ready for pickup
status-attempted = attempted
status-on_hold = on hold
status-returning = returning
status-lost = lost
status-delivered = delivered
status-returned = returned
status-disposed = disposed of
status-cancelled = cancelled

## reasons
reason-address_incomplete = Address incomplete
reason-address_not_found = Address not found
reason-recipient_unknown = Recipient unknown
reason-recipient_moved = Recipient moved
reason-recipient_absent = Recipient absent
reason-business_closed = Business closed
reason-access_restricted = No access to the door
reason-safe_place_unavailable = No safe place
reason-appointment = Appointment
reason-hold_requested = To be held back
reason-redirect_requested = To be redirected
reason-rescheduled = Rescheduled
reason-refused = Refused
reason-shipper_cancelled = Cancelled by the shipper
reason-identity_failed = Identity not shown
reason-cod_unpaid = Cash on delivery unpaid
reason-charges_unpaid = Charges unpaid
reason-duties_unpaid = Duties unpaid
reason-duties_disputed = Duties disputed
reason-insufficient_postage = Postage too low
reason-pickup_not_collected = Not collected
reason-customs_hold = Held by customs
reason-customs_documents = Customs papers missing
reason-customs_refused = Refused by customs
reason-inspection = Inspection
reason-prohibited = Prohibited goods
reason-damaged = Damaged
reason-repacked = Repacked
reason-relabelled = Relabelled
reason-lost = Lost
reason-investigation = Under investigation
reason-short_shipped = Pieces missing
reason-overcarried = Carried too far
reason-offloaded = Taken off for room
reason-loading_exception = Trouble in loading
reason-missorted = Missorted
reason-missed_cutoff = Missed its departure
reason-linehaul_delay = Line late
reason-capacity = No room
reason-vehicle_breakdown = Vehicle broke down
reason-equipment_failure = Equipment failed
reason-weather = Weather
reason-disaster = Disaster
reason-civil_unrest = Unrest
reason-labour_dispute = Strike
reason-power_outage = Power cut
reason-not_ready = Not ready at the shipper
reason-label_unreadable = Label unreadable
reason-data_missing = Data missing
reason-shipper_data_error = Shipper's data wrong
reason-overweight_oversize = Too heavy or large
reason-out_of_area = Out of area
reason-service_suspended = Service suspended
reason-carrier_rejected = Rejected by the carrier
reason-dangerous_goods = Dangerous goods
reason-security_hold = Security hold
reason-seized = Seized
reason-undeliverable = Undeliverable
reason-unspecified = No reason given
reason-status_stale = No news for too long
reason-piece_without_data = Piece without data
reason-data_without_piece = Data without piece
reason-status_conflict = Reports contradict
reason-duplicate = Twice the same
reason-duplicate_scan = Scanned twice
reason-wrong_route_loaded = Loaded on the wrong route
reason-unmapped_code = Word nobody knows
reason-over_received = More pieces than announced
reason-job_dead = Job given up
reason-job_late = Job late
reason-job_blocked = Job blocked
reason-server_errors = Server errors
reason-backup_overdue = Backup overdue
reason-sync_offline = Line to headquarters cut
reason-sync_held = Exchange on hold
reason-clock_wrong = Clock wrong
reason-disk_low = Disk nearly full
reason-audit_broken = Audit chain broken
