//! The OpenAPI document, made from the table of routes.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

use super::routes::{BASE, Routes, Shape};

/// The document of `areas`, OpenAPI 3.1.
#[must_use]
pub fn document(areas: &[Routes]) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    let mut schemas: Map<String, Value> = Map::new();
    schemas.insert("Problem".into(), problem());
    for area in areas {
        for route in &area.routes {
            let path = format!("{BASE}{}", route.path);
            let mut op = json!({
                "tags": [area.area],
                "summary": route.summary,
                "operationId": format!("{}_{}", route.method.as_str().to_lowercase(), route.path.trim_matches('/').replace(['/', '{', '}', '-', '.'], "_")),
                "responses": { route.status.to_string(): answer(route.answer.as_ref(), &mut schemas),
                    "default": { "description": "a refusal", "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } } } },
            });
            if !route.feature.is_empty() {
                op["description"] = format!("Needs the feature `{}`.", route.feature).into();
                op["security"] = json!([{ "bearer": [] }]);
                op["x-feature"] = route.feature.into();
            }
            let in_path = route.path.split('/').filter_map(|s| s.strip_prefix('{')?.split('}').next());
            let mut parameters: Vec<Value> = in_path
                .map(|n| json!({ "name": n, "in": "path", "required": true, "schema": { "type": "string" } }))
                .collect();
            let query = route.query.iter();
            parameters.extend(query.map(|(n, what)| json!({ "name": n, "in": "query", "description": what, "schema": { "type": "string" } })));
            if !parameters.is_empty() {
                op["parameters"] = parameters.into();
            }
            if let Some(body) = &route.body {
                let mut content = json!({ "schema": refer(body, &mut schemas) });
                if let Some(example) = body.example.and_then(|e| serde_json::from_str::<Value>(e).ok()) {
                    content["example"] = example;
                }
                op["requestBody"] = json!({ "required": true, "content": { "application/json": content } });
            }
            if let Some((media, what)) = route.raw_body {
                let binary = json!({ "type": "string", "format": "binary" });
                let form =
                    json!({ "type": "object", "required": ["file"], "properties": { "file": binary } });
                let schema = |media: &str| if media == "multipart/form-data" { &form } else { &binary };
                let content = media.split(", ").map(|m| (m.to_owned(), json!({ "schema": schema(m) })));
                let content: Map<String, Value> = content.collect();
                op["requestBody"] = json!({ "required": true, "description": what, "content": content });
            }
            let item = paths.entry(path).or_insert_with(|| json!({}));
            item[route.method.as_str().to_lowercase()] = op;
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Crossdock", "version": env!("CARGO_PKG_VERSION"), "description": "One binary that runs a logistics depot.", "license": { "name": "MIT OR Apache-2.0" } },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": { "schemas": schemas, "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer" } } },
    })
}

fn problem() -> Value {
    json!({ "type": "object", "description": "RFC 9457", "required": ["type", "title", "status", "code", "detail"], "properties": {
        "type": { "type": "string" }, "title": { "type": "string" }, "status": { "type": "integer" },
        "code": { "type": "string", "description": "stable, `area.noun`" }, "detail": { "type": "string" }, "request_id": { "type": "string" },
        "errors": { "type": "array", "items": { "type": "object", "properties": { "pointer": { "type": "string" }, "detail": { "type": "string" } } } } } })
}

fn answer(shape: Option<&Shape>, schemas: &mut Map<String, Value>) -> Value {
    match shape {
        None => json!({ "description": "done" }),
        Some(s) => {
            json!({ "description": "done", "content": { "application/json": { "schema": refer(s, schemas) } } })
        }
    }
}

/// Adds the shape and all it refers to, and refers to it. Two types may have the same name (every page of a list is a
/// `Page`): the later one gets a name of its own, and so does what refers to it.
fn refer(shape: &Shape, schemas: &mut Map<String, Value>) -> Value {
    let mut others: Vec<(String, RefOr<Schema>)> = Vec::new();
    (shape.others)(&mut others);
    let mut found: Vec<(String, Value)> = others.iter().map(|(n, s)| (n.clone(), as_value(s))).collect();
    let schema = as_value(&(shape.schema)());
    let own = schema.get("type").is_some_and(|t| t == "object").then(|| (shape.name)());
    if let Some(name) = &own {
        found.retain(|(n, _)| n != name);
        found.push((name.clone(), schema.clone()));
    }
    let names = names(&found, schemas);
    for (name, schema) in &found {
        let name = names.get(name).unwrap_or(name);
        schemas.entry(name.clone()).or_insert_with(|| renamed(schema, &names));
    }
    match own {
        Some(name) => json!({ "$ref": place(names.get(&name).unwrap_or(&name)) }),
        None => renamed(&schema, &names),
    }
}

fn as_value(schema: &RefOr<Schema>) -> Value {
    serde_json::to_value(schema).unwrap_or_default()
}

fn place(name: &str) -> String {
    format!("#/components/schemas/{name}")
}

/// New names for those of `found` that stand for something else already, or could for anything.
fn names(found: &[(String, Value)], schemas: &Map<String, Value>) -> BTreeMap<String, String> {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for (name, schema) in found.iter().filter(|(name, _)| name == "Page") {
        names.insert(name.clone(), format!("{}Page", item(schema).unwrap_or("Any")));
    }
    // A new name changes those who refer to it, and they may then differ from their namesakes: until nothing changes.
    loop {
        let before = names.clone();
        for (name, schema) in found {
            let said = renamed(schema, &names);
            let free = |n: &String| schemas.get(n).is_none_or(|known| *known == said);
            let present = names.get(name).unwrap_or(name).clone();
            if !free(&present) {
                let next = (2..).map(|n| format!("{name}{n}")).find(|n| free(n));
                names.insert(name.clone(), next.unwrap_or(present));
            }
        }
        if names == before {
            return names;
        }
    }
}

/// What a page is of.
fn item(page: &Value) -> Option<&str> {
    let item = page.pointer("/properties/items/items")?;
    item.get("$ref").or_else(|| item.get("type"))?.as_str()?.rsplit('/').next()
}

/// `schema` with what it refers to under new names.
fn renamed(schema: &Value, names: &BTreeMap<String, String>) -> Value {
    match schema {
        Value::Object(fields) => {
            let field = |(key, value): (&String, &Value)| {
                let name = value.as_str().filter(|_| key == "$ref").and_then(|r| r.rsplit('/').next());
                match name.and_then(|n| names.get(n)) {
                    Some(name) => (key.clone(), place(name).into()),
                    None => (key.clone(), renamed(value, names)),
                }
            };
            Value::Object(fields.iter().map(field).collect())
        }
        Value::Array(items) => items.iter().map(|i| renamed(i, names)).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use utoipa::ToSchema;

    use super::*;
    use crate::base::page::Page;

    mod one {
        /// A row.
        #[derive(utoipa::ToSchema)]
        #[allow(dead_code)] // only its shape is looked at
        pub struct Row {
            pub a: u64,
        }
        /// Holds it.
        #[derive(utoipa::ToSchema)]
        #[allow(dead_code)]
        pub struct Holder {
            pub row: Row,
        }
    }

    mod two {
        /// Another row.
        #[derive(utoipa::ToSchema)]
        #[allow(dead_code)]
        pub struct Row {
            pub b: String,
        }
        /// Holds that one.
        #[derive(utoipa::ToSchema)]
        #[allow(dead_code)]
        pub struct Holder {
            pub row: Row,
        }
    }

    fn shape<T: ToSchema>() -> Shape {
        Shape { schema: T::schema, name: || T::name().into_owned(), others: T::schemas, example: None }
    }

    fn target<'a>(schemas: &'a Map<String, Value>, refers: &Value) -> &'a Value {
        &schemas[refers["$ref"].as_str().unwrap().rsplit('/').next().unwrap()]
    }

    #[test]
    fn namesakes_stand_beside_one_another_and_the_same_stands_once() {
        let mut schemas = Map::new();
        let mut refer = |s: &Shape| super::refer(s, &mut schemas);
        let (one, two) = (refer(&shape::<one::Holder>()), refer(&shape::<two::Holder>()));
        let pages = [refer(&shape::<Page<one::Row>>()), refer(&shape::<Page<two::Row>>())];
        let again = [
            refer(&shape::<one::Holder>()),
            refer(&shape::<two::Holder>()),
            refer(&shape::<Page<two::Row>>()),
        ];
        assert_eq!(again, [one.clone(), two.clone(), pages[1].clone()]);
        let row =
            |holder| target(&schemas, &target(&schemas, holder)["properties"]["row"])["properties"].clone();
        assert!(row(&one).get("a").is_some() && row(&two).get("b").is_some(), "{schemas:#?}");
        let item = |page| {
            target(&schemas, &target(&schemas, page)["properties"]["items"]["items"])["properties"].clone()
        };
        assert!(item(&pages[0]).get("a").is_some() && item(&pages[1]).get("b").is_some(), "{schemas:#?}");
        assert_eq!(schemas.len(), 6, "{schemas:#?}");
    }
}
