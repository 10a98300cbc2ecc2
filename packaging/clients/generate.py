#!/usr/bin/env python3
"""Writes a client of crossdock from its OpenAPI file, with one function for each route.

    curl -s https://depot:8443/api/v1/openapi.json > openapi.json
    python3 generate.py python     openapi.json > crossdock.py
    python3 generate.py typescript openapi.json > crossdock.ts
    python3 generate.py javascript openapi.json > crossdock.mjs
    python3 generate.py curl       openapi.json > crossdock.sh

Nothing but Python's own library is needed. Make the client anew after an upgrade; names of functions follow from method and
path and don't change.
"""

import json
import keyword
import re
import sys

METHODS = ("get", "post", "put", "patch", "delete")


def operations(document):
    """Every route: name, method, path, names in the path, whether it takes JSON, a file, and the schema of its answer."""
    seen = set()
    for path, item in document["paths"].items():
        for method in METHODS:
            operation = item.get(method)
            if operation is None:
                continue
            name = re.sub(r"_+", "_", operation["operationId"]).strip("_")
            while name in seen:
                name += "_also"
            seen.add(name)
            content = operation.get("requestBody", {}).get("content", {})
            answers = operation["responses"]
            good = next((answers[s] for s in sorted(answers) if s.startswith("2")), {})
            yield {
                "name": name,
                "method": method.upper(),
                "path": path,
                "names": re.findall(r"{([^}]+)}", path),
                "body": content.get("application/json", {}).get("schema"),
                "example": content.get("application/json", {}).get("example"),
                "is_file": bool(content) and "application/json" not in content,
                "answer": good.get("content", {}).get("application/json", {}).get("schema"),
                "summary": operation.get("summary", ""),
            }


# ---- Python -------------------------------------------------------------------------------------------------------------

PYTHON_HEAD = '''"""A client of crossdock, made from its OpenAPI file by generate.py. Needs nothing but Python's own library."""

import json
import urllib.error
import urllib.parse
import urllib.request


class Problem(Exception):
    """A refusal: its status, its stable code, and what to do about it."""

    def __init__(self, status, document):
        self.status, self.document = status, document
        self.code = document.get("code", "")
        super().__init__(f"{status} {self.code}: {document.get('detail', '')}")


class Answer:
    """What was answered: the JSON document, or the bytes of any other file."""

    def __init__(self, status, headers, content):
        self.status, self.headers, self.content = status, headers, content
        is_json = headers.get("content-type", "").startswith("application/json") and content
        self.json = json.loads(content) if is_json else None


class Crossdock:
    """A depot or headquarters at `url`; `token` is an access token or an API key."""

    def __init__(self, url, token, context=None):
        self.url, self.token, self.context = url.rstrip("/"), token, context

    def call(self, method, path, body=None, query=None, headers=None, media="application/json"):
        query = {name: value for name, value in (query or {}).items() if value is not None}
        url = self.url + path + ("?" + urllib.parse.urlencode(query) if query else "")
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, method=method, headers=dict(headers or {}))
        request.add_header("authorization", "Bearer " + self.token)
        if data is not None:
            request.add_header("content-type", media)
        try:
            with urllib.request.urlopen(request, context=self.context) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as refused:
            content = refused.read()
            try:
                document = json.loads(content)
            except ValueError:
                document = {"detail": content.decode(errors="replace")}
            raise Problem(refused.code, document) from None
'''


def python(document):
    def plain(name):
        name = re.sub(r"\W", "_", name)
        return name + "_" if keyword.iskeyword(name) else name

    lines = [PYTHON_HEAD]
    for op in operations(document):
        names = [plain(n) for n in op["names"]]
        takes = op["body"] is not None or op["is_file"] or op["method"] in ("POST", "PUT", "PATCH")
        given = ["self", *names, *(["body=None"] if takes else []), "headers=None"]
        if op["is_file"]:
            given.append('media="application/octet-stream"')
        path = op["path"]
        for shown, name in zip(op["names"], names):
            path = path.replace("{%s}" % shown, "{urllib.parse.quote(str(%s), safe='')}" % name)
        how = ["query", "headers"] if takes else ["None", "query", "headers"]
        told = ", ".join((["body"] if takes else []) + how) + (", media" if op["is_file"] else "")
        lines.append(f"    def {plain(op['name'])}({', '.join(given)}, **query):")
        lines.append(f"        {json.dumps(op['summary'] or op['path'])}")
        lines.append(f"        return self.call({op['method']!r}, f{json.dumps(path)}, {told})")
        lines.append("")
    return "\n".join(lines)


# ---- TypeScript ---------------------------------------------------------------------------------------------------------

TYPESCRIPT_HEAD = """// A client of crossdock, made from its OpenAPI file by generate.py. Needs nothing but fetch.

export class Problem extends Error {
  status: number;
  code: string;
  document: Record<string, unknown>;
  constructor(status: number, document: Record<string, unknown>) {
    super(`${status} ${String(document.code ?? "")}: ${String(document.detail ?? "")}`);
    this.status = status;
    this.code = String(document.code ?? "");
    this.document = document;
  }
}

export interface Answer<T> { status: number; headers: Headers; json: T; text: string }
export interface More { query?: Record<string, string | number | boolean | undefined>; headers?: Record<string, string>; media?: string }
"""

TYPESCRIPT_CLASS = """
export class Crossdock {
  url: string;
  token: string;
  constructor(url: string, token: string) {
    this.url = url.replace(/\\/+$/, "");
    this.token = token;
  }

  async call<T>(method: string, path: string, body?: unknown, more: More = {}): Promise<Answer<T>> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(more.query ?? {})) if (value !== undefined) query.set(name, String(value));
    const headers: Record<string, string> = { authorization: `Bearer ${this.token}`, ...more.headers };
    const isRaw = typeof body === "string" || body instanceof Uint8Array;
    if (body !== undefined) headers["content-type"] = more.media ?? (isRaw ? "application/octet-stream" : "application/json");
    const sent = body === undefined || isRaw ? (body as string | undefined) : JSON.stringify(body);
    const asked = query.size > 0 ? `${path}?${query}` : path;
    const answer = await fetch(this.url + asked, { method, headers, body: sent });
    const text = await answer.text();
    const isJson = /[/+]json/.test(answer.headers.get("content-type") ?? "");
    const json = isJson && text !== "" ? JSON.parse(text) : undefined;
    if (!answer.ok) throw new Problem(answer.status, json ?? { detail: text });
    return { status: answer.status, headers: answer.headers, json: json as T, text };
  }
"""


JAVASCRIPT_HEAD = """// A client of crossdock, made from its OpenAPI file by generate.py. Needs nothing but fetch.

export class Problem extends Error {
  constructor(status, document) {
    super(`${status} ${String(document.code ?? "")}: ${String(document.detail ?? "")}`);
    this.status = status;
    this.code = String(document.code ?? "");
    this.document = document;
  }
}
"""


def without_types(code):
    """The class of the TypeScript client as JavaScript: what stands behind names is left out."""
    for typed_part, bare in (
        ("  url: string;\n  token: string;\n", ""),
        ("(url: string, token: string)", "(url, token)"),
        ("call<T>(method: string, path: string, body?: unknown, more: More = {}): Promise<Answer<T>>", "call(method, path, body, more = {})"),
        ("const headers: Record<string, string> =", "const headers ="),
        ("? (body as string | undefined) :", "? body :"),
        ("json: json as T", "json"),
    ):
        assert typed_part in code, typed_part
        code = code.replace(typed_part, bare)
    return code


def type_name(name):
    return re.sub(r"\W", "_", name)


def typed(schema):
    """A schema as a TypeScript type."""
    if schema is None or schema is True:
        return "unknown"
    if schema is False:
        return "never"
    if "$ref" in schema:
        return type_name(schema["$ref"].rsplit("/", 1)[-1])
    for join, how in (("oneOf", " | "), ("anyOf", " | "), ("allOf", " & ")):
        if join in schema:
            return "(" + how.join(typed(part) for part in schema[join]) + ")"
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    if "const" in schema:
        return json.dumps(schema["const"])
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(typed({**schema, "type": one}) for one in kind)
    if kind == "array":
        return f"Array<{typed(schema.get('items'))}>"
    if kind == "object":
        fields = schema.get("properties")
        if not fields:
            return f"Record<string, {typed(schema.get('additionalProperties') or None)}>" if not isinstance(
                schema.get("additionalProperties"), bool) else "Record<string, unknown>"
        needed = set(schema.get("required", []))
        inner = "; ".join(f"{json.dumps(n)}{'' if n in needed else '?'}: {typed(s)}" for n, s in fields.items())
        return "{ " + inner + " }"
    return {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}.get(kind, "unknown")


def javascript(document):
    return typescript(document, types=False)


def typescript(document, types=True):
    lines = [TYPESCRIPT_HEAD if types else JAVASCRIPT_HEAD]
    for name, schema in sorted(document["components"]["schemas"].items()) if types else []:
        lines.append(f"export type {type_name(name)} = {typed(schema)};")
    lines.append(TYPESCRIPT_CLASS if types else without_types(TYPESCRIPT_CLASS))
    for op in operations(document):
        names = [re.sub(r"\W", "_", n) for n in op["names"]]
        path = op["path"]
        for shown, name in zip(op["names"], names):
            path = path.replace("{%s}" % shown, "${encodeURIComponent(%s)}" % name)
        takes = op["body"] is not None or op["is_file"] or op["method"] in ("POST", "PUT", "PATCH")
        body = typed(op["body"]) if op["body"] is not None else ("string | Uint8Array" if op["is_file"] else "unknown")
        told = [f"{n}: string" for n in names] + ([f"body?: {body}"] if takes else []) + ["more: More = {}"]
        bare = names + (["body"] if takes else []) + ["more = {}"]
        lines.append(f"  /** {op['summary'].replace('*/', '')} */")
        answer = f": Promise<Answer<{typed(op['answer'])}>>" if types else ""
        lines.append(f"  {op['name']}({', '.join(told if types else bare)}){answer} {{")
        lines.append(f"    return this.call({json.dumps(op['method'])}, `{path}`, {'body' if takes else 'undefined'}, more);")
        lines.append("  }")
        lines.append("")
    lines.append("}")
    return "\n".join(lines)


# ---- curl ---------------------------------------------------------------------------------------------------------------

CURL_HEAD = """# Functions for curl, made from crossdock's OpenAPI file by generate.py. Source it, with CROSSDOCK_URL and CROSSDOCK_TOKEN set.
# A function takes the names in its path, then whatever curl takes: -d '{...}', -H 'Idempotency-Key: ...', -G -d limit=10.

crossdock_call() {
    crossdock_method=$1; crossdock_path=$2; shift 2
    curl --silent --show-error --request "$crossdock_method" --header "Authorization: Bearer $CROSSDOCK_TOKEN" \\
        --header "Content-Type: application/json" "$@" "$CROSSDOCK_URL$crossdock_path"
}
"""


def curl(document):
    lines = [CURL_HEAD]
    for op in operations(document):
        path, take = op["path"], ""
        for n, name in enumerate(op["names"], 1):
            path = path.replace("{%s}" % name, "$crossdock_%d" % n + "\0")
        path = re.sub(r"\$(crossdock_\d+)\0", r"${\1}", path)
        for n in range(1, len(op["names"]) + 1):
            take += f"crossdock_{n}=$1; shift; "
        lines.append(f"# {op['summary']}")
        if op["example"] is not None:
            lines.append("#   -d '" + json.dumps(op["example"], ensure_ascii=False).replace("'", "'\\''") + "'")
        lines.append(f'{op["name"]}() {{ {take}crossdock_call {op["method"]} "{path}" "$@"; }}')
        lines.append("")
    return "\n".join(lines)


def main():
    writers = {"python": python, "typescript": typescript, "javascript": javascript, "curl": curl}
    if len(sys.argv) != 3 or sys.argv[1] not in writers:
        sys.exit("usage: generate.py python|typescript|javascript|curl openapi.json")
    with open(sys.argv[2], encoding="utf-8") as file:
        document = json.load(file)
    sys.stdout.reconfigure(encoding="utf-8")
    print(writers[sys.argv[1]](document))


if __name__ == "__main__":
    main()
