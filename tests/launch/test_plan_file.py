"""A wrong plan is refused with code, path, line, what is wrong and what would be right."""

import re
from pathlib import Path

import pytest

from launch.errors import PlanError
from launch.findings import InvalidFileError, PlanFinding
from launch.plan_file import load_plan
from launch.plan_rules import CODES


def found(text: str) -> tuple[PlanFinding, ...]:
    with pytest.raises(InvalidFileError) as caught:
        load_plan(text, "small.yaml")
    return caught.value.findings


def edited(plan: Path, old: str, new: str) -> str:
    text = plan.read_text()
    assert old in text
    return text.replace(old, new, 1)


def test_a_valid_plan_loads_with_the_line_of_every_path(small_plan: Path) -> None:
    text = small_plan.read_text()
    loaded = load_plan(text)
    written = text.splitlines()
    assert "replica-near" in written[loaded.lines["checks[0].id"] - 1]
    assert "offset: T-50m" in written[loaded.lines["checks[1].offset"] - 1]
    assert loaded.text == text


def test_words_mean_what_they_say(small_plan: Path) -> None:
    plan = load_plan(small_plan.read_text()).plan
    assert plan.launch_time.time == "07:00"
    assert plan.actions[0].effect.on == "room"  # type: ignore[union-attr]


def test_the_hash_is_of_the_plan_and_not_of_its_spelling(small_plan: Path) -> None:
    text = small_plan.read_text()
    assert load_plan(text).hash == load_plan("# another remark\n" + text.replace("T-60m", "T-1h")).hash
    assert load_plan(text).hash != load_plan(text.replace("T-50m", "T-51m")).hash


CASES = {
    "a tag": ("name: Cockpit", "name: !!binary Cockpit", "P001", "product.name", "has no meaning"),
    "a key twice": ("    offset: T-2d\n", "    offset: T-2d\n    offset: T-3d\n", "P002", "checks[0].offset", "twice"),
    "an unknown key": ("    offset: T-2d", "    ofset: T-2d", "P003", "checks[0].ofset", 'did you mean "offset"?'),
    "an unknown key of a probe": (
        "{ask: replication, of",
        "{ask: replication, off",
        "P003",
        "checks[0].probes[0].off",
        'did you mean "of"?',
    ),
    "a missing key": ("    what: The standby is near\n", "", "P004", "checks[0].what", "'what' is missing; add `what`"),
    "an unknown probe": (
        "ask: replication",
        "ask: replicaton",
        "P005",
        "checks[0].probes[0]",
        "there is no ask 'replicaton'; did you mean \"replication\"?",
    ),
    "an unknown effect": ("do: post-message", "do: post-mesage", "P005", "actions[0].effect", '"post-message"?'),
    "a wrong word": ("mode: automated", "mode: automatic", "P005", "checks[0].mode", "'automated'"),
    "a wrong type": ("schema_version: 1", "schema_version: [1]", "P005", "schema_version", "a list"),
    "a bad offset": ("offset: T-2d", "offset: two days", "P006", "checks[0].offset", "is not an offset from T0"),
    "a bad duration": ("duration: 10m", "duration: ten", "P006", "actions[0].duration", "is not a duration"),
    "an offset beyond reason": ("offset: T-2d", "offset: T-900d", "P006", "checks[0].offset", "more than two years"),
    "an unknown zone": ("Europe/Berlin", "Europe/Berlyn", "P006", "launch_time.timezone", "is not a time zone"),
    "a bad id": ("id: replica-near", "id: Replica Near", "P005", "checks[0].id", "is not well formed"),
    "an item at odds with itself": ("    attested_by: [captain]\n", "", "P006", "checks[1]", "names nobody"),
    "a load test no check judges": (
        "effect: {do: post-message, on: room, channel: launch, message: done, text: done}",
        "effect: {do: run-load-test, on: room, test: checkout, users: 50, lasting: 4h}",
        "P225",
        "actions[1].effect.test",
        "no check judges what load test 'checkout' finds",
    ),
    "an unknown role": (
        "attested_by: [captain]",
        "attested_by: [capten]",
        "P101",
        "checks[1].attested_by[0]",
        '"captain"',
    ),
    "a person's unknown role": ("roles: [sre]", "roles: [sres]", "P101", "people[1].roles[0]", 'did you mean "sre"?'),
    "an unknown phase": ("    phase: hardening", "    phase: hardning", "P101", "checks[0].phase", '"hardening"?'),
    "an unknown system": ("of: database", "of: databse", "P101", "checks[0].probes[0].of", '"database"?'),
    "an unknown gate": ("gate: go\n", "gate: stop\n", "P101", "checks[1].gate", "there is go"),
    "an unknown action": ("after: [deploy]", "after: [deplo]", "P101", "actions[1].after[0]", '"deploy"?'),
    "an unknown undo": ("action: rb-deploy}", "action: rb-deplo}", "P101", "actions[0].undo.action", '"rb-deploy"?'),
    "an unknown guard": (
        "guards: [errors-high]",
        "guards: [errors]",
        "P101",
        "rollback.triggers[0].guards[0]",
        "guard",
    ),
    "an unknown channel": (
        "channel: war-room, text",
        "channel: room, text",
        "P101",
        "comms.templates[0].channel",
        "channel",
    ),
    "an unknown template": ("template: status", "template: stats", "P101", "comms.cadences[0].template", '"status"?'),
    "an unknown check of a checkpoint": (
        "criteria: [replica-near]",
        "criteria: [near]",
        "P101",
        "checkpoints[0].criteria[0]",
        "no check",
    ),
    "an unknown item in the timeline": ("refs: [deploy]", "refs: [depoy]", "P101", "timeline[0].refs[0]", '"deploy"?'),
    "an unknown ambiguity": ("{id: amb-1, reading", "{id: amb-2, reading", "P101", "checks[1].notes[0].id", '"amb-1"?'),
    "an unknown service": (
        "depends_on: [api",
        "depends_on: [apis",
        "P101",
        "rollout.services[1].depends_on[0]",
        '"api"?',
    ),
    "a block for no system": (
        "room: slack/",
        "rum: slack/",
        "P101",
        "environments[0].blocks.rum",
        "there is database, room",
    ),
    "restoring nothing": (
        "effect: {do: post-message, on: room, channel: launch, message: back, text: back}",
        "effect: {do: restore, of: deplox}",
        "P101",
        "actions[2].effect.of",
        '"deploy"?',
    ),
    "an id taken": ("id: staff-briefed", "id: deploy", "P102", "actions[0].id", "taken by checks[1]"),
    "a role taken": ("{id: sre, title", "{id: captain, title", "P102", "roles[1].id", "taken by roles[0]"),
    "a phase backwards": (
        "start: T-60m, end: T0",
        "start: T0, end: T-60m",
        "P201",
        "phases[1].end",
        "before it starts",
    ),
    "outside the phase": (
        "offset: T-2d",
        "offset: T-2h",
        "P202",
        "checks[0].offset",
        "T-2h lies outside phase 'hardening'",
    ),
    "due before asked": ("offset: T-2d", "offset: T-2d\n    due: T-3d", "P203", "checks[0].due", "before it is asked"),
    "a checkpoint too early": ("offset: T+1h", "offset: T-1h", "P203", "checkpoints[0].offset", "not after go-live"),
    "a seat for nobody": ("roles: [sre]", "roles: [captain]", "P210", "gates[0].seats[1]", "0 of `people` hold it"),
    "a gate that decides nothing": (
        "style: approval\n    seats:\n      - {role: captain, signs: true}\n      - {role: sre}\n    criteria:\n      - {what: Everything so far is green, all_before: true}",
        "style: automatic\n    criteria:\n      - {what: A good feeling}",
        "P212",
        "gates[0].criteria",
        "no criterion names",
    ),
    "a trigger that watches nothing": (
        "guards: [errors-high], automatic",
        "automatic",
        "P212",
        "rollback.triggers[0]",
        "neither a guard nor a check",
    ),
    "more people than there are": (
        "{tier: all, who: [captain]}",
        "{tier: all, who: [captain], count: 2}",
        "P213",
        "rollback.authority[0].count",
        "2 of captain must agree, 1 of `people` can",
    ),
    "a breach that nobody decides on": (
        "guards: [errors-high], automatic: true",
        "guards: [errors-high]",
        "P214",
        "rollback.triggers[0]",
        "nothing decides on it",
    ),
    "a NO-GO that is no rollback": (
        "guards: [errors-high], automatic: true}\n  authority:\n    - {tier: all, who: [captain]}",
        "guards: [errors-high], decided_at: go}\n  authority:\n    - {tier: all, who: [captain, sre], count: 2}",
        "P215",
        "gates[0].on_no_go",
        "whose NO-GO is a rollback",
    ),
    "flags alone, and no switch": (
        "title: All the way back",
        "title: All the way back\n      kind: flags-only",
        "P216",
        "rollback.procedures[0]",
        "has no kill switch",
    ),
    "a circle of actions": (
        "    duration: 10m\n",
        "    duration: 10m\n    after: [announce]\n",
        "P220",
        "actions[0].after",
        "wait for each other",
    ),
    "a step nobody can let go": (
        "rollout:\n  strategy: rolling\n",
        "rollout:\n  strategy: rolling\n  steps:\n    - {n: 1, target: all, actions: [deploy], automatic: false}\n",
        "P223",
        "rollout.steps[0].automatic",
        "no gate decides on it",
    ),
    "an approval at a moment of its own": (
        "    duration: 10m\n",
        "    duration: 10m\n    approval: go\n",
        "P224",
        "actions[0].approval",
        "a moment of its own",
    ),
    "an undo by something else": ("role: undoes", "role: announces", "P221", "actions[0].undo.action", "role: undoes"),
    "a circle of services": (
        "{id: api, version: v2}",
        "{id: api, version: v2, depends_on: [web]}",
        "P222",
        "rollout.services[0].depends_on",
        "wait for each other",
    ),
    "a metric nobody measures": (
        "metric: replication_lag",
        "metric: replicaton_lag",
        "P240",
        "checks[0].thresholds[0].metric",
        'did you mean "replication_lag"?',
    ),
    "a figure that does not fit": (
        "comparator: <, value: 5,",
        "comparator: in, value: 5,",
        "P241",
        "checks[0].thresholds[0].value",
        "write low..high",
    ),
    "nothing that could fail": (
        "value: 5, unit: s}",
        "value: 5, unit: s, not_judged: because}",
        "P242",
        "checks[0]",
        "nothing can make it fail",
    ),
    "a malformed block address": (
        "postgres/sandbox-database",
        "postgres:sandbox",
        "P250",
        "environments[0].blocks.database",
        "type-slug/block-name",
    ),
    "a system without a block": (
        "{database: postgres/sandbox-database, room",
        "{room",
        "P251",
        "environments[0].blocks",
        "has no block",
    ),
    "a system without a use": (
        "  - {id: room, integration",
        "  - {id: spare, integration: slack, what: Spare}\n  - {id: room, integration",
        "P252",
        "systems[1]",
        "nothing asks or changes",
    ),
    "a template that does not parse": (
        "{{ launch }} is",
        "{{ launch is",
        "P260",
        "comms.templates[0].text",
        "does not parse",
    ),
    "an effect's template that does not parse": (
        "{{ release.version }} begins",
        "{% if %} begins",
        "P260",
        "actions[0].effect.text",
        "does not parse",
    ),
    "an effect's template that names no action": (
        "{{ release.version }} begins",
        "{{ actions['migrat'].began_at }} begins",
        "P262",
        "actions[0].effect.text",
        "names no action of the plan: 'migrat'",
    ),
    "an effect that needs what comes later": (
        "{{ release.version }} begins",
        "{{ actions['deploy'].outputs.address }} begins",
        "P263",
        "actions[0].effect.text",
        "does not wait for it",
    ),
    "channels in a circle": (
        "integration: slack, system: room}",
        "integration: slack, system: room, fallback: war-room}",
        "P261",
        "comms.channels[0].fallback",
        "fall back on each other",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_mistake_is_found_where_it_is(small_plan: Path, case: str) -> None:
    old, new, code, path, words = CASES[case]
    text = edited(small_plan, old, new)
    matching = [finding for finding in found(text) if finding.code == code and finding.path == path]
    assert len(matching) == 1, [str(finding) for finding in found(text)]
    assert words in str(matching[0])
    # The line is that of the item, at worst: never the top of the file.
    assert matching[0].line > 0


def test_two_gates_do_not_decide_one_thing(small_plan: Path) -> None:
    gate = """\
  - {{id: {id}, name: Go, phase: countdown, offset: {offset}, style: approval, seats: [{{role: captain}}],
     criteria: [{{what: Briefed, checks: [staff-briefed]}}], on_no_go: stop, at_deadline: no-go}}
"""
    more = "gates:\n" + gate.format(id="go-a", offset="T-41m") + gate.format(id="go-b", offset="T-40m")
    findings = found(edited(small_plan, "gates:\n", more))
    assert [(one.code, one.path) for one in findings] == [
        ("P211", "gates[1].criteria[0].checks[0]"),
        ("P211", "gates[2].offset"),
    ]
    assert 'check "staff-briefed" decides gate "go-a" already' in findings[0].problem


def test_all_findings_are_told_at_once_in_the_order_of_the_file(small_plan: Path) -> None:
    text = edited(small_plan, "    phase: hardening", "    phase: hardning").replace(
        "after: [deploy]",
        "after: [deplo]",
    )
    findings = found(text)
    assert [one.path for one in findings] == ["checks[0].phase", "actions[1].after[0]"]
    assert findings[0].line < findings[1].line


def test_every_code_of_a_finding_is_documented() -> None:
    sources = "".join(path.read_text() for path in Path("launch").rglob("*.py"))
    used = set(re.findall(r'"(P\d{3})"', sources))
    assert used == set(CODES)


@pytest.mark.parametrize("code", sorted(set(CODES) - {"P211", "P230", "P231", "P243", "P270"}))
def test_every_code_has_a_plan_that_shows_it(code: str) -> None:
    assert code in {case[2] for case in CASES.values()}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [1,\nb: 2", r"^bad.yaml:3: this is not YAML: "),
        ("\x00", r"^bad.yaml: this is not YAML: "),
        ("a: 1\n---\nb: 2", r"^bad.yaml:2: this file holds more than one document"),
        ("[" * 200 + "]" * 200, "nested beyond 40 levels"),
        ("a: &a [*a]", r"^bad.yaml:1: the alias \*a stands for nothing"),
        (
            "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
            + "".join(f"{n}: &{n} [{','.join([f'*{p}'] * 10)}]\n" for p, n in zip("abcdef", "bcdefg", strict=True)),
            "aliases",
        ),
    ],
)
def test_what_is_not_yaml_is_one_sentence_with_its_line(text: str, sentence: str) -> None:
    with pytest.raises(PlanError, match=sentence) as caught:
        load_plan(text, "bad.yaml")
    assert not isinstance(caught.value, InvalidFileError)


@pytest.mark.parametrize("text", ["", "hello", "- 1", "? [a]\n: b"])
def test_yaml_that_is_no_plan_is_a_finding(text: str) -> None:
    assert found(text)
