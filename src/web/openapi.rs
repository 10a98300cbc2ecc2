//! The OpenAPI document, made from the table of routes.

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
                let form = json!({ "type": "object", "required": ["file"], "properties": { "file": binary } });
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

/// Adds the shape and all it refers to, and refers to it.
fn refer(shape: &Shape, schemas: &mut Map<String, Value>) -> Value {
    let mut others: Vec<(String, RefOr<Schema>)> = Vec::new();
    (shape.others)(&mut others);
    for (name, schema) in others {
        schemas.entry(name).or_insert_with(|| serde_json::to_value(schema).unwrap_or_default());
    }
    let schema = serde_json::to_value((shape.schema)()).unwrap_or_default();
    if schema.get("type").is_some_and(|t| t == "object") {
        let name = (shape.name)();
        schemas.insert(name.clone(), schema);
        json!({ "$ref": format!("#/components/schemas/{name}") })
    } else {
        schema
    }
}
