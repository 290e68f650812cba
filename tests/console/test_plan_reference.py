"""The published reference and schema are those of the model, and the schema accepts what the model accepts."""

import json

import pytest

from console.plan_reference import REFERENCE, ROOT, SCHEMA, reference, schema
from launch.plan_rules import CODES


@pytest.mark.parametrize(("path", "content"), [(REFERENCE, reference), (SCHEMA, schema)])
def test_the_published_file_is_what_the_model_says(path, content) -> None:
    assert (ROOT / path).read_text() == content(), "run python -m console.plan_reference"


def test_every_class_and_code_has_its_place() -> None:
    text = reference()
    for definition in json.loads(schema())["$defs"].values():
        fields = definition.get("properties", {})
        word = fields.get("ask", fields.get("do", {})).get("const")
        if word:
            assert f"### `{word}`\n" in text
        elif fields:
            assert f"## {definition['title']}\n" in text
    for code in CODES:
        assert f"| {code} |" in text


def test_no_type_is_left_as_python_writes_it() -> None:
    text = reference()
    for leftover in ("timedelta", "Annotated", "NoneType", "typing.", "<class"):
        assert leftover not in text
