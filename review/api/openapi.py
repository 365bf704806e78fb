"""The OpenAPI 3.1 document of the doors for programs, made of what each declares; nothing in it is written twice."""

import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from review import problems
from review.api.door import LARGEST, ApiDoor, Nothing
from review.doors import LONGEST_FORM, SESSION_COOKIE, TOKEN_HEADER
from review.problems import Problem

JsonSchema = dict[str, Any]
_PART: Final = re.compile(r"{(\w+)(?::(\w+))?}")
_PARTS: Final[Mapping[str, JsonSchema]] = {
    "int": {"type": "integer", "minimum": 1, "maximum": LARGEST},
    "uuid": {"type": "string", "format": "uuid"},
    "path": {"type": "string", "minLength": 1},
    "": {"type": "string", "minLength": 1},
}
_OF_ANY: Final = (400, 401, 403, 422, 429, 500, 503)
_OF_POSTS: Final = (413, 415)
_TEXT: Final = f"""
The same rules hold as on the pages: who may do what, what nobody is told before their own answer, what stands in the
custody log.  `x-roles` of each operation says whom it is for.  Whatever fails is told as problem details (RFC 9457),
with what to do.  Bodies are JSON of {LONGEST_FORM // 1024} KiB at most; fields that are not known are refused.
"""


def document(doors: Sequence[ApiDoor], root: str = "") -> JsonSchema:
    """The whole document; `root`: where the application is mounted."""
    schemas, components = _schemas(doors)
    paths: dict[str, JsonSchema] = {}
    for door in doors:
        path = _PART.sub(r"{\1}", door.path)
        paths.setdefault(path, {})[door.method.lower()] = _operation(door, schemas, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": "lastseen", "version": version("lastseen"), "description": _TEXT.strip()},
        "servers": [{"url": root or "/"}],
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": _security_schemes()},
    }


def _schemas(doors: Iterable[ApiDoor]) -> tuple[dict[type[BaseModel], JsonSchema], dict[str, JsonSchema]]:
    """(model -> the reference to its schema, name -> schema)."""
    wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [(Problem, "serialization"), (Nothing, "validation")]
    for door in doors:
        wanted += [(door.takes, "validation")] if door.takes else []
        wanted += [(door.gives, "serialization")] if door.gives else []
    found, definitions = models_json_schema(list(dict.fromkeys(wanted)), ref_template="#/components/schemas/{model}")
    return {model: found[model, mode] for model, mode in wanted}, definitions["$defs"]


def _operation(
    door: ApiDoor, schemas: Mapping[type[BaseModel], JsonSchema], components: Mapping[str, JsonSchema]
) -> JsonSchema:
    summary, rest = door.says
    posts = door.method == "POST"
    said: JsonSchema = {
        "operationId": name_of(door),
        "tags": [door.does.__module__.rpartition(".")[2]],
        "summary": summary,
        "description": rest,
        "x-roles": sorted(door.roles),
        "security": [{"session": [], "form_token": []} if posts else {"session": []}, {"program": []}],
        "parameters": [*_parts(door), *([] if posts else _parameters(door, schemas, components))],
        "responses": _responses(door, schemas),
    }
    if posts:
        content = {"application/json": {"schema": schemas[door.takes or Nothing]}}
        said["requestBody"] = {"required": True, "content": content}
    return said


def name_of(door: ApiDoor) -> str:
    """What the operation of a door is called."""
    return f"{door.does.__module__.rpartition('.')[2]}.{door.does.__name__}".rstrip("_")


def parts(path: str) -> list[tuple[str, str]]:
    """(name, kind) of what stands within an address."""
    return [(found[1], found[2] or "") for found in _PART.finditer(path)]


def _parts(door: ApiDoor) -> list[JsonSchema]:
    """What stands within the address."""
    return [{"name": name, "in": "path", "required": True, "schema": _PARTS[kind]} for name, kind in parts(door.path)]


def _parameters(
    door: ApiDoor, schemas: Mapping[type[BaseModel], JsonSchema], components: Mapping[str, JsonSchema]
) -> list[JsonSchema]:
    """What stands behind the question mark: it is there or not, and never null."""
    if door.takes is None:
        return []
    model = components[schemas[door.takes]["$ref"].rpartition("/")[2]]
    required = model.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, **_described(schema)}
        for name, schema in model["properties"].items()
    ]


def _described(schema: JsonSchema) -> JsonSchema:
    left = {key: value for key, value in schema.items() if key not in {"description", "title", "default", "anyOf"}}
    options = [one for one in schema.get("anyOf", []) if one.get("type") != "null"]
    about = {"description": schema["description"]} if "description" in schema else {}
    return {**about, "schema": {**left, **(options[0] if options else {})}}


def _responses(door: ApiDoor, schemas: Mapping[type[BaseModel], JsonSchema]) -> JsonSchema:
    statuses = {*_OF_ANY, *door.refuses, *(_OF_POSTS if door.method == "POST" else ()), *([404] if door.names else [])}
    refused = {problems.MEDIA_TYPE: {"schema": schemas[Problem]}}
    done: JsonSchema = {"description": "Done."}
    if door.gives:
        done = {"description": "Here it is.", "content": {"application/json": {"schema": schemas[door.gives]}}}
    told = {str(status): {"description": problems.title_of(status), "content": refused} for status in sorted(statuses)}
    return {str(door.status): done, **told}


def _security_schemes() -> JsonSchema:
    return {
        "program": {"type": "http", "scheme": "bearer", "description": "a token that `lastseen user token` makes"},
        "session": {"type": "apiKey", "in": "cookie", "name": SESSION_COOKIE, "description": "of a browser"},
        "form_token": {
            "type": "apiKey",
            "in": "header",
            "name": TOKEN_HEADER,
            "description": "see /session",
        },
    }
