//! The people of a depot: its houses, who works there, and what they ask for.

use std::time::{Duration, Instant};

use crossdock::app;
use crossdock::config::Config;
use crossdock::identity::secret::Secret;
use crossdock::identity::setup::{self, SetUp};
use crossdock::web::control::FIRST_TENANT;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{Answered, Depot};

/// The password of everybody in the tests.
pub const PASSWORD: &str = "correct horse battery";
/// The login of a house's first administrator.
pub const ADMIN: &str = "admin";

/// A depot that is set up, with one house.
pub fn depot() -> Depot {
    depot_with(|_| {})
}

/// The same with settings of the test's.
pub fn depot_with(change: impl FnOnce(&mut Config)) -> Depot {
    let depot = Depot::with(change, Vec::new());
    house(&depot, "acme", "super_admin");
    depot
}

/// Adds a house whose administrator has `role`; returns its number.
pub fn house(depot: &Depot, tenant: &str, role: &str) -> u32 {
    let new = SetUp {
        tenant: tenant.into(),
        depot: format!("Depot {tenant}"),
        zone: "UTC".into(),
        language: "en".into(),
        login: ADMIN.into(),
        name: format!("Admin of {tenant}"),
        password: Secret::new(PASSWORD.into()),
        role: role.into(),
    };
    let app = &depot.running().app;
    let (made, _) = setup::set_up(&app.store, new, app.clock.now()).unwrap();
    app.gate.changed();
    app.wake.wake();
    made.number
}

/// A route's method, path and body as one asks for it.
pub struct Asked<'a> {
    depot: &'a Depot,
    request: RequestBuilder,
}

impl Asked<'_> {
    pub fn body(mut self, body: &Value) -> Self {
        self.request = self.request.json(body);
        self
    }
    pub fn text(mut self, media: &str, body: impl Into<String>) -> Self {
        self.request = self.request.header("content-type", media).body(body.into());
        self
    }
    pub fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.request = self.request.header(name, value.as_ref());
        self
    }
    /// Says which revision was seen.
    pub fn seen(self, rev: u64) -> Self {
        self.header("if-match", format!("\"{rev}\""))
    }
    pub fn send(self) -> Answered {
        self.depot.send(self.request)
    }
    /// Sends it and expects `status`.
    pub fn gives(self, status: u16) -> Answered {
        let answer = self.send();
        assert_eq!(answer.status, status, "{} {answer:?}", answer.text);
        answer
    }
}

impl Depot {
    /// Something asked for with a bearer; with none when it is empty.
    pub fn ask(&self, bearer: &str, method: &str, path: &str) -> Asked<'_> {
        let request = self.request(method.parse::<Method>().unwrap(), &format!("/api/v1{path}"));
        let request = if bearer.is_empty() { request } else { request.bearer_auth(bearer) };
        Asked { depot: self, request }
    }

    /// Something the depot itself asks for, in the house with this number.
    pub fn itself(&self, tenant: u32, method: &str, path: &str) -> Asked<'_> {
        let control = &self.running().control;
        let url = format!("http://{}/api/v1{path}", control.address);
        let request = self.http.request(method.parse::<Method>().unwrap(), url);
        Asked { depot: self, request: request.bearer_auth(control.bearer(tenant)) }
    }

    /// A request through the control door with a secret that is nearly right.
    pub fn control_forged(&self, method: &str, path: &str) -> RequestBuilder {
        let control = &self.running().control;
        let url = format!("http://{}/api/v1{path}", control.address);
        self.http
            .request(method.parse::<Method>().unwrap(), url)
            .bearer_auth(format!("x{}", control.bearer(1)))
    }

    /// An access token for `login`, made on the machine itself.
    pub fn token(&self, login: &str) -> String {
        let made =
            self.itself(FIRST_TENANT, "POST", "/control/token").body(&json!({ "login": login })).gives(200);
        made.json["access_token"].as_str().unwrap().to_owned()
    }

    /// Adds a user with the role `role` and what else is said of them; returns their id.
    pub fn user(&self, tenant: u32, login: &str, role: &str, more: Value) -> String {
        let mut new = json!({ "login": login, "name": format!("Name of {login}"), "role": role });
        new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let made = self.itself(tenant, "POST", "/users").body(&new).gives(201);
        made.json["id"].as_str().unwrap().to_owned()
    }

    /// Adds a role with these features.
    pub fn role(&self, tenant: u32, name: &str, features: &[&str], reach: &str) {
        let new = json!({ "name": name, "features": features, "reach": reach });
        self.itself(tenant, "POST", "/roles").body(&new).gives(201);
    }

    /// Logs in and returns the answer.
    pub fn login(&self, login: &str, password: &str) -> Answered {
        self.post("/api/v1/auth/login", &json!({ "login": login, "password": password }))
    }

    /// Stops the depot and starts it again on the same folder.
    pub fn restart(&mut self) {
        let config = Config::clone(&self.running().app.config);
        self.stop();
        self.running = Some(app::start(app::open(config, self.clock.clone()).unwrap(), Vec::new()).unwrap());
    }

    /// Asks until it is so: for what the workers do by themselves.
    pub fn until(&self, what: &str, mut so: impl FnMut(&Self) -> bool) {
        let end = Instant::now() + Duration::from_secs(20);
        while !so(self) {
            assert!(Instant::now() < end, "in vain: {what}");
            std::thread::yield_now();
        }
    }
}

/// A text field of an answer.
pub fn text(json: &Value, field: &str) -> String {
    json[field].as_str().unwrap_or_else(|| panic!("no {field} in {json}")).to_owned()
}

/// What one house holds: one of each record a path can name, all with `name` in it.
pub struct Records {
    pub tenant: u32,
    pub parcel: String,
    pub number: String,
    pub case: String,
    pub other_case: String,
    /// A case about many parcels.
    pub bulk: String,
    pub import: String,
    pub job: String,
    pub user: String,
    pub session: String,
    pub key: String,
    pub role: String,
    pub source: String,
    pub printer: String,
    pub manifest: String,
    pub unloading: String,
    pub carrier: String,
    pub airline: String,
    pub report: String,
    pub run: String,
    pub mawb: String,
    pub hawb: String,
    pub bill: String,
    pub attachment: String,
    pub category: String,
    pub product: String,
    pub order: String,
    pub delivery: String,
    pub webhook: String,
    pub vehicle: String,
    pub driver: String,
    pub place: String,
    pub route: String,
    pub search: String,
    pub tracked: String,
    pub device: String,
    pub fence: String,
    pub link: String,
    pub customer: String,
    pub erasure: String,
    pub hold: String,
}

impl Records {
    pub fn new(depot: &Depot, tenant: u32, name: &str) -> Self {
        let ask = |method: &str, path: &str| depot.itself(tenant, method, path);
        let number = format!("{}1234567", name.to_uppercase());
        let (role, source) = (format!("{name}_role"), format!("{name}_source"));
        let new = json!({ "tracking_number": number, "distributor": format!("{name}_shop"), "recipient": { "name": format!("{name} recipient") } });
        let parcel = text(&ask("POST", "/parcels").body(&new).gives(201).json, "id");
        let case = |detail: &str| {
            let new = json!({ "reason": "address_incomplete", "subject": number, "detail": detail });
            text(&ask("POST", "/cases").body(&new).gives(201).json, "id")
        };
        let (first, other_case) = (case(&format!("{name} one")), case(&format!("{name} two")));
        let new = json!({ "reason": "disaster", "name": format!("{name} storm"), "subjects": [number] });
        let bulk = text(&ask("POST", "/cases").body(&new).gives(201).json, "id");
        let map = json!({ "rows": [{ "code": format!("{name}-code"), "meaning": "on its way", "status": "in_transit" }] });
        ask("PUT", &format!("/status-maps/{source}")).body(&map).gives(200);
        let mapping = json!({ "mapping": { "columns": { format!("{name} no"): "tracking_number" } } });
        ask("PUT", &format!("/import-mappings/{source}")).body(&mapping).gives(200);
        let sent = |kind: &str, source: &str, csv: String| {
            let path = format!("/imports?kind={kind}&source={source}&file={name}.csv");
            text(&ask("POST", &path).text("text/csv", csv).gives(202).json, "id")
        };
        let customers = sent("customers", "old", format!("customer_id,name\n{name}-1,{name} customer\n"));
        let csv = format!("{name} no,status\n{name}777000,{name}-unheard\n{name}777001,{name}-code\n");
        let import = sent("parcels", &source, csv);
        let job = text(&ask("GET", "/jobs?kind=import.run").gives(200).json["items"][0], "id");
        // A name that leads nowhere: nothing leaves this machine.
        let printer = json!({ "name": format!("{name} printer"), "host": format!("{name}.invalid") });
        let printer = text(&ask("POST", "/printers").body(&printer).gives(201).json, "id");
        let announce = |number: String, line: &str| {
            let lines = json!([{ "tracking_number": format!("{}{line}", name.to_uppercase()) }]);
            text(
                &ask("POST", "/manifests").body(&json!({ "number": number, "lines": lines })).gives(201).json,
                "id",
            )
        };
        let (manifest, unloaded) =
            (announce(format!("{name} truck"), "900001"), announce(format!("{name} flight"), "900002"));
        let dock = json!({ "manifests": [unloaded], "stations": [format!("{name} dock")] });
        let unloading = text(&ask("POST", "/unloadings").body(&dock).gives(201).json, "id");
        let carrier = format!("{name}_carrier");
        let new = json!({ "code": carrier, "name": name, "adapter": "plain" });
        ask("POST", "/carriers").body(&new).gives(201);
        let airline = format!("{}Z", char::from(b'A' + (tenant % 26) as u8));
        let new = json!({ "code": airline, "name": format!("{name} airline"), "prefixes": ["999"] });
        ask("POST", "/air-carriers").body(&new).gives(201);
        let report = json!({ "name": format!("{name} report"), "definition": { "kind": "volumes" } });
        let report = text(&ask("POST", "/reports").body(&report).gives(201).json, "id");
        let run = text(&ask("POST", &format!("/reports/{report}/run")).gives(202).json, "id");
        let goods = format!("{name} goods");
        let new = json!({ "number": "020-73000012", "pieces": 10, "goods": goods });
        let mawb = text(&ask("POST", "/mawbs").body(&new).gives(201).json, "id");
        let new = json!({ "number": format!("{name} house"), "mawb": mawb, "pieces": 4 });
        let hawb = text(&ask("POST", "/hawbs").body(&new).gives(201).json, "id");
        let lines = json!([{ "text": "import service", "minor": 4500 }]);
        let new = json!({ "number": format!("{name} bill"), "kind": "isc", "mawb": mawb, "currency": "EUR", "lines": lines });
        let bill = text(&ask("POST", "/bills").body(&new).gives(201).json, "id");
        let path = format!("/attachments?subject=mawb&id={mawb}&type=other&name={name}.txt");
        let attachment = ask("POST", &path).text("application/octet-stream", format!("{name} document"));
        let attachment = text(&attachment.gives(201).json, "id");
        let category = json!({ "name": format!("{name} things") });
        let category = text(&ask("POST", "/categories").body(&category).gives(201).json, "id");
        let mut product =
            json!({ "name": format!("{name} thing"), "price": 9.5, "stock": 10, "category": category });
        let shelved = ask("POST", "/products").body(&product).send();
        // Headquarters has no shelves, and takes orders only for a depot.
        let at_depot = shelved.status == 201;
        product.as_object_mut().unwrap().remove("stock");
        let shelved = if at_depot { shelved } else { ask("POST", "/products").body(&product).gives(201) };
        let product = text(&shelved.json, "product");
        let order = json!({ "customer_name": format!("{name} buyer"), "delivery_address": "1 Main St", "items": [{ "product_id": product, "quantity": 1 }] });
        let order = if at_depot {
            text(&ask("POST", "/orders").body(&order).gives(201).json, "id")
        } else {
            uuid::Uuid::now_v7().to_string()
        };
        let delivery = json!({ "pickupAddress": "here", "deliveryAddress": "there", "customerName": format!("{name} recipient") });
        let delivery = text(&ask("POST", "/deliveries").body(&delivery).gives(201).json, "id");
        // Of a kind that never happens: nothing leaves this machine.
        let webhook = json!({ "url": format!("https://{name}.invalid/hook"), "types": ["nothing."] });
        let webhook = text(&ask("POST", "/webhooks").body(&webhook).gives(201).json, "id");
        let vehicle = json!({ "name": format!("{name} van") });
        let vehicle = text(&ask("POST", "/vehicles").body(&vehicle).gives(201).json, "id");
        let driver = json!({ "name": format!("{name} driver"), "vehicle": vehicle });
        let driver = text(&ask("POST", "/drivers").body(&driver).gives(201).json, "id");
        let place = json!({ "address": format!("{name} street 1"), "latitude": 52.5, "longitude": 13.4 });
        let place = text(&ask("POST", "/places").body(&place).gives(201).json, "id");
        let stop = json!({ "reference": format!("{name} delivery"), "address": format!("{name} street 1") });
        // A day on which the van's shift is not over yet.
        let wish = json!({ "stops": [stop], "date": "2090-05-06", "steps": 5 });
        let plan = ask("POST", "/routes/optimize").body(&wish).gives(200).json;
        let (search, route) = (text(&plan, "id"), text(&plan["routes"][0], "id"));
        let tracked = format!("{name}-delivery");
        let new = json!({ "delivery_id": tracked, "vehicle": format!("{name}-van"), "latitude": 10.0, "longitude": 5.0 });
        ask("POST", "/tracking/stops").body(&new).gives(200);
        let told = json!({ "latitude": 10.01, "longitude": 5.0 });
        ask("POST", &format!("/tracking/{tracked}")).body(&told).gives(200);
        let new = json!({ "name": format!("{name} phone"), "vehicle": format!("{name}-van") });
        let device = text(&ask("POST", "/tracking/devices").body(&new).gives(201).json, "id");
        let new =
            json!({ "name": format!("{name} yard"), "latitude": 10.0, "longitude": 5.0, "radius_m": 100 });
        let fence = text(&ask("POST", "/tracking/fences").body(&new).gives(201).json, "id");
        let new = json!({ "delivery_id": tracked });
        let link = text(&ask("POST", "/tracking/links").body(&new).gives(201).json, "id");
        // Both ran while the rest was made.
        depot.until("the imports are done", |d| {
            [&customers, &import].iter().all(|id| {
                let seen = d.itself(tenant, "GET", &format!("/imports/{id}")).gives(200);
                ["done", "failed"].contains(&seen.json["state"].as_str().unwrap())
            })
        });
        let customer = text(&ask("GET", "/customers").gives(200).json["items"][0], "id");
        let erase = json!({ "subjects": [{ "kind": "parcel", "id": parcel, "role": "recipient" }], "reason": format!("{name} letter") });
        let erasure = text(&ask("POST", "/privacy/erase").body(&erase).gives(201).json, "id");
        let hold = json!({ "kind": "hawb", "id": hawb, "reason": format!("{name} claim") });
        let hold = text(&ask("POST", "/privacy/holds").body(&hold).gives(201).json, "id");
        depot.role(tenant, &role, &["parcels.view", "profile.own"], "tenant");
        let user = depot.user(tenant, &format!("{name}_user"), &role, json!({}));
        let houses = ask("GET", "/tenants").gives(200).json;
        let house = houses.as_array().unwrap().iter().find(|t| t["number"] == tenant).unwrap();
        let login = format!("{name}_user@{}", text(house, "name"));
        let token = depot.token(&login);
        let session = text(&depot.ask(&token, "GET", "/auth/sessions").gives(200).json[0], "id");
        let key = json!({ "name": format!("{name} key"), "features": ["parcels.view"], "user": user });
        let key = text(&ask("POST", "/api-keys").body(&key).gives(201).json, "id");
        Self {
            tenant,
            parcel,
            number,
            case: first,
            other_case,
            bulk,
            import,
            job,
            user,
            session,
            key,
            role,
            source,
            printer,
            manifest,
            unloading,
            carrier,
            airline,
            report,
            run,
            mawb,
            hawb,
            bill,
            attachment,
            category,
            product,
            order,
            delivery,
            webhook,
            vehicle,
            driver,
            place,
            route,
            search,
            tracked,
            device,
            fence,
            link,
            customer,
            erasure,
            hold,
        }
    }

    /// `path` with one of these records where it names one; none where it names nothing.
    pub fn fill(&self, path: &str) -> Option<String> {
        let id = match path[1..].split('/').next().unwrap_or_default() {
            _ if path.starts_with("/auth/sessions/") => &self.session,
            _ if path.starts_with("/tracking/devices/") => &self.device,
            _ if path.starts_with("/tracking/fences/") => &self.fence,
            _ if path.starts_with("/tracking/links/") => &self.link,
            // A vehicle goes by the name it was told by.
            _ if path.starts_with("/tracking/vehicles/") => {
                let van = self.tracked.replace("-delivery", "-van");
                return Some(path.replace("{id}", &van));
            }
            "tracking" => return Some(path.replace("{delivery_id}", &self.tracked)),
            "cases" if path.ends_with("/parcels") => &self.bulk,
            _ if path.starts_with("/routes/optimize/") => &self.search,
            "vehicles" => &self.vehicle,
            "drivers" => &self.driver,
            "places" => &self.place,
            "routes" => return Some(path.replace("{id}", &self.route).replace("{stop}", "0")),
            "parcels" => &self.parcel,
            "cases" => &self.case,
            "imports" => &self.import,
            "jobs" => &self.job,
            "users" => &self.user,
            "api-keys" => &self.key,
            "roles" => &self.role,
            "printers" => &self.printer,
            "manifests" => &self.manifest,
            "unloadings" => &self.unloading,
            "carriers" => &self.carrier,
            "undo" => &self.import,
            "exports" => return Some(path.replace("{kind}", "parcels")),
            "reports" => &self.report,
            "templates" => return Some(path.replace("{topic}", "cases.new").replace("{language}", "es")),
            "report-runs" => return Some(path.replace("{id}", &self.run).replace("{form}", "csv")),
            "mawbs" | "workflows" => &self.mawb,
            "hawbs" => &self.hawb,
            "bills" => &self.bill,
            "attachments" => &self.attachment,
            "air-carriers" => &self.airline,
            "categories" => &self.category,
            "products" => &self.product,
            "orders" => &self.order,
            "deliveries" => &self.delivery,
            "webhooks" => &self.webhook,
            "customers" => &self.customer,
            _ if path.starts_with("/privacy/erasures/") => &self.erasure,
            _ if path.starts_with("/privacy/holds/") => &self.hold,
            "status-maps" | "import-mappings" => &self.source,
            "case-filters" => return Some(path.replace("{name}", &self.case)),
            // Of headquarters' own there is nothing at a depot; whoever may ask is told so.
            "sites" => return Some(path.replace("{number}", "1")),
            "sync" => return Some(path.replace("{eid}", &"0".repeat(32))),
            _ => return (!path.contains('{')).then(|| path.to_owned()),
        };
        let filled =
            path.replace("{id}", id).replace("{name}", id).replace("{source}", id).replace("{code}", id);
        let filled = filled.replace("{delivery}", &self.delivery).replace("{hash}", &"0".repeat(64));
        assert!(!filled.contains('{'), "{path} names something the tests don't know");
        Some(filled)
    }

    /// Everything a reader of the whole house sees, to tell whether anything changed.
    pub fn snapshot(&self, depot: &Depot) -> Value {
        let mut seen = serde_json::Map::new();
        let lists = [
            "/parcels?limit=500",
            "/cases?limit=500",
            "/imports",
            "/users",
            "/roles",
            "/rules",
            "/calendars",
            "/settings",
            "/status-maps",
            "/carriers",
            "/printers",
            "/manifests?limit=500",
            "/unloadings",
            "/stale-limits",
            "/dock-rules",
            "/templates",
            "/alert-plan",
            "/reports",
            "/report-runs",
            "/case-filters",
            "/mawbs?limit=500",
            "/hawbs?limit=500",
            "/bills?limit=500",
            "/vehicles",
            "/drivers",
            "/places",
            "/routes?limit=500",
            "/conditions",
            "/air-carriers",
            "/terminals",
            "/workflow-steps",
            "/categories",
            "/products",
            "/orders",
            "/deliveries",
            "/webhooks",
            "/api-keys",
            "/tenants",
            "/backups",
            "/jobs?limit=500",
            "/audit-log?limit=500",
            "/retention",
            "/tracking/vehicles",
            "/tracking/devices",
            "/tracking/fences",
            "/tracking/links",
            "/auth/sessions?user=all",
        ];
        let own = [
            format!("/parcels/{}/history", self.parcel),
            format!("/cases/{}/history", self.case),
            format!("/status-maps/{}", self.source),
            format!("/import-mappings/{}", self.source),
            format!("/tracking/{}", self.tracked),
        ];
        for path in lists.iter().map(|p| (*p).to_owned()).chain(own) {
            seen.insert(path.clone(), depot.itself(self.tenant, "GET", &path).gives(200).json);
        }
        seen.into()
    }

    /// The snapshot once the workers have nothing left to do.
    pub fn at_rest(&self, depot: &Depot) -> Value {
        let (mut last, mut same) = (Value::Null, 0);
        depot.until("the depot is at rest", |d| {
            let now = self.snapshot(d);
            same = if now == last { same + 1 } else { 0 };
            last = now;
            same >= 5
        });
        last
    }
}
