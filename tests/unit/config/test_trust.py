"""A project's settings count once they are trusted, and only as they were when they were trusted."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from acp_agent.config import paths
from acp_agent.config.demands import LONGEST_LINE, MOST_BYTES, demands_of, phrases
from acp_agent.config.load import Overrides, load
from acp_agent.config.project import Project
from acp_agent.config.trust import title, trusted_roots
from acp_agent.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from acp_agent.config.trust import Trust
    from tests.unit.config.conftest import Place

FAR = {"provider_type": "custom", "base_url": "https://far.example/v1", "model": "m"}
LINT = {"command": "python3", "args": ["tools/lint.py"]}
ALLOW_NPM = {"operation": "execute", "pattern": "npm *", "action": "allow"}
DENY_RM = {"operation": "execute", "pattern": "rm *", "action": "deny"}
many = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


@pytest.fixture(autouse=True)
def _homes(place: Place, tmp_path: Path) -> None:
    place.env.update(HOME=str(tmp_path / "home"), ACP_AGENT_DATA_DIR=str(tmp_path / "data"))


def project(place: Place) -> Project:
    return Project(place.cwd, place.env, lambda: place.load().trust)


def seen(place: Place) -> Trust:
    trust = place.load().trust
    assert trust is not None
    return trust


def give(place: Place) -> Trust:
    """The user looks and says yes."""
    given = project(place).give(seen(place).demands.digest)
    assert given is not None
    return given


def record(place: Place) -> Path:
    return paths.project_dir(place.env, place.cwd) / "trust.json"


# What counts, and when ---------------------------------------------------------------------------------


def test_a_project_that_asks_for_nothing_needs_no_trust(place: Place) -> None:
    assert place.load().trust is None
    place.write_project({"context_files": False, "permission": {"mode": "plan", "rules": [DENY_RM]}})
    assert place.load().trust is None
    assert not paths.data_dir(place.env).exists()


def test_trusted_all_of_it_counts(place: Place) -> None:
    place.write_own({"permission": "standard"})
    place.write_project(
        {
            "mcp_servers": {"lint": LINT},
            "provider": "far",
            "providers": {"far": FAR},
            "permission": {"mode": "accept", "rules": [ALLOW_NPM, DENY_RM]},
            "max_agent_turns": 500,
            "timeouts": {"bash_secs": 7},
        }
    )  # fmt: skip
    before = place.load()
    assert before.trust is not None
    assert before.trust.state == "untrusted"
    assert (before.settings.mcp_servers, before.settings.provider) == ({}, None)
    assert before.settings.permission.mode == "standard"
    assert before.settings.timeouts.bash_secs == 7
    assert len(before.notes) == 6

    assert give(place).state == "trusted"
    after = place.load()
    assert after.trust is not None
    assert after.trust.holds
    assert after.notes == ()
    assert after.settings.mcp_servers["lint"].args == ("tools/lint.py",)
    assert (after.settings.provider, after.settings.max_agent_turns) == ("far", 500)
    assert after.settings.permission.mode == "accept"
    assert [(rule.action, rule.only_tightens) for rule in after.settings.permission.rules] == [
        ("allow", False),
        ("deny", True),
    ]
    assert after.settings.timeouts.bash_secs == 7


def test_rules_that_a_trusted_project_allows_by_never_outweigh_the_users(place: Place) -> None:
    own = [{"operation": "execute", "pattern": "npm publish *", "action": "deny"}]
    place.write_own({"permission": {"rules": own}})
    place.write_project({"permission": {"rules": [DENY_RM, ALLOW_NPM]}})
    give(place)
    rules = place.load().settings.permission.rules
    assert [(rule.pattern, rule.action) for rule in rules] == [
        ("npm *", "allow"),
        ("npm publish *", "deny"),
        ("rm *", "deny"),
    ]


def test_flags_beat_what_is_trusted(place: Place) -> None:
    place.write_project({"permission": "yolo"})
    give(place)
    assert place.load(Overrides(mode="plan")).settings.permission.mode == "plan"


def test_withdrawn_it_counts_no_more(place: Place) -> None:
    place.write_project({"mcp_servers": {"lint": LINT}})
    assert project(place).withdraw() is False
    give(place)
    assert project(place).withdraw() is True
    assert seen(place).state == "untrusted"


def test_a_flag_trusts_this_once(place: Place) -> None:
    place.write_project({"mcp_servers": {"lint": LINT}})
    loaded = place.load(Overrides(trust_project=True))
    assert "lint" in loaded.settings.mcp_servers
    assert loaded.notes == ()
    assert seen(place).state == "untrusted"
    assert not record(place).exists()


@pytest.mark.parametrize("name", ["ACP_AGENT_TRUST_PROJECT", "ACP_AGENT_TRUST", "TRUST_PROJECT"])
def test_the_environment_trusts_nothing(place: Place, name: str) -> None:
    place.env[name] = "1"
    place.write_project({"mcp_servers": {"lint": LINT}, "trust_project": True})
    assert seen(place).state == "untrusted"


# What it is bound to -----------------------------------------------------------------------------------


def test_another_setting_is_not_trusted(place: Place) -> None:
    place.write_project({"mcp_servers": {"lint": LINT}})
    give(place)
    place.write_project({"mcp_servers": {"lint": {**LINT, "args": ["-c", "evil"]}}})
    now = seen(place)
    assert now.state == "changed"
    assert now.changes == (
        '- mcp_servers.lint.args[] = "tools/lint.py"',
        '+ mcp_servers.lint.args[] = "-c"',
        '+ mcp_servers.lint.args[] = "evil"',
    )
    assert place.load().settings.mcp_servers == {}
    place.write_project({"mcp_servers": {"lint": LINT}})
    assert seen(place).holds


def test_settings_that_need_no_trust_may_change(place: Place) -> None:
    place.write_project({"mcp_servers": {"lint": LINT}})
    give(place)
    place.write_project({"timeouts": {"bash_secs": 3}, "mcp_servers": {"lint": LINT}})
    assert seen(place).holds


NAMED = {
    "an argument": {"command": "python3", "args": ["tools/lint.py"]},
    "the command": {"command": "./tools/lint.py"},
    "an absolute path": {"command": "{cwd}/tools/lint.py"},
    "the value of an option": {"command": "node", "args": ["--require=./tools/lint.py", "x"]},
    "words of a shell": {"command": "sh", "args": ["-c", "cd . && python3 'tools/lint.py'"]},
    "a variable": {"command": "node", "args": ["x"], "env": {"NODE_OPTIONS": "--require ./tools/lint.py"}},
    "a reference": {"command": "python3", "args": ["${WHERE}/lint.py"]},
    "a module": {"command": "python3", "args": ["-m", "tools.lint"]},
    "a name without its ending": {"command": "node", "args": ["tools/lint"]},
}


@pytest.mark.parametrize("how", NAMED)
def test_another_script_is_not_trusted(place: Place, how: str) -> None:
    script = place.cwd / "tools" / "lint.py"
    script.parent.mkdir()
    script.write_text("print(1)", encoding="utf-8")
    place.env["WHERE"] = str(script.parent)
    entry = json.loads(json.dumps(NAMED[how]).replace("{cwd}", str(place.cwd)))
    place.write_project({"mcp_servers": {"lint": entry}})
    assert give(place).holds
    script.write_text("print(2)", encoding="utf-8")
    now = seen(place)
    assert now.state == "changed"
    assert any(line.startswith("+ file tools/lint.py = ") for line in now.changes)
    script.unlink()
    assert seen(place).state == "changed"
    script.write_text("print(1)", encoding="utf-8")
    assert seen(place).holds


def test_a_script_that_comes_later_is_not_trusted(place: Place) -> None:
    place.write_project({"mcp_servers": {"lint": LINT}})
    give(place)
    (place.cwd / "tools").mkdir()
    (place.cwd / "tools" / "lint.py").write_text("", encoding="utf-8")
    assert seen(place).state == "changed"


def test_a_link_to_another_program_is_not_trusted(place: Place) -> None:
    (place.cwd / "tools").mkdir()
    link = place.cwd / "tools" / "lint.py"
    link.symlink_to("/bin/true")
    place.write_project({"mcp_servers": {"lint": LINT}})
    give(place)
    link.unlink()
    link.symlink_to("/bin/false")
    assert seen(place).state == "changed"


def test_the_recipe_of_a_task_runner_is_watched(place: Place) -> None:
    package = place.cwd / "package.json"
    package.write_text('{"scripts": {"mcp": "node a.js"}}', encoding="utf-8")
    place.write_project({"mcp_servers": {"lint": {"command": "npm", "args": ["run", "mcp"]}}})
    give(place)
    package.write_text('{"scripts": {"mcp": "node b.js"}}', encoding="utf-8")
    assert seen(place).state == "changed"


def test_the_script_of_a_model_is_watched(place: Place) -> None:
    script = place.project.parent / "model.json"
    script.write_text("{}", encoding="utf-8")
    entry = {"provider_type": "scripted", "script": "model.json"}
    place.write_project({"provider": "s", "providers": {"s": entry}})
    give(place)
    script.write_text('{"rules": []}', encoding="utf-8")
    assert seen(place).state == "changed"


def test_files_that_rules_name_are_not_watched(place: Place) -> None:
    rule = {"operation": "edit", "pattern": "a.txt", "action": "allow"}
    place.write_project({"permission": {"rules": [rule]}})
    (place.cwd / "a.txt").write_text("1", encoding="utf-8")
    assert dict(give(place).demands.files) == {}


def test_programs_of_the_system_are_not_watched(place: Place) -> None:
    place.write_project({"mcp_servers": {"lint": {"command": "/bin/sh", "args": ["/etc/passwd"]}}})
    assert dict(seen(place).demands.files) == {}


def test_a_folder_below_shares_the_word(place: Place) -> None:
    (place.cwd / ".git").mkdir()
    (place.cwd / "tools").mkdir()
    (place.cwd / "tools" / "lint.py").write_text("", encoding="utf-8")
    place.write_project({"mcp_servers": {"lint": LINT}})
    give(place)
    trust = load(place.cwd / "tools", place.env).trust
    assert trust is not None
    assert trust.holds


def test_the_word_is_about_one_place(place: Place, tmp_path: Path) -> None:
    place.write_project({"mcp_servers": {"lint": LINT}})
    give(place)
    place.cwd.rename(tmp_path / "elsewhere")
    trust = load(tmp_path / "elsewhere", place.env).trust
    assert trust is not None
    assert trust.state == "untrusted"
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").rename(place.cwd)
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to(place.cwd)
    by_link = load(tmp_path / "link", place.env).trust
    assert by_link is not None
    assert by_link.holds


def test_what_was_shown_is_what_is_trusted(place: Place) -> None:
    place.write_project({"mcp_servers": {"lint": LINT}})
    digest = seen(place).demands.digest
    place.write_project({"mcp_servers": {"lint": {"command": "evil"}}})
    now = project(place).give(digest)
    assert now is not None
    assert now.state == "untrusted"
    assert now.demands.digest != digest
    assert not record(place).exists()
    place.write_project({})
    assert project(place).give(digest) is None


# What cannot be trusted --------------------------------------------------------------------------------


def refused(place: Place, why: str) -> None:
    now = seen(place)
    assert now.state == "refused"
    assert why in now.reason
    assert why in title(now)
    given = project(place).give(now.demands.digest)
    assert given is not None
    assert given.state == "refused"
    loaded = place.load(Overrides(trust_project=True))
    assert loaded.settings.mcp_servers == {}
    assert loaded.notes != ()


def test_settings_by_a_link_out_of_the_project(place: Place, tmp_path: Path) -> None:
    place.write_project({"mcp_servers": {"lint": LINT}})
    place.project.rename(tmp_path / "outside.json")
    place.project.symlink_to(tmp_path / "outside.json")
    refused(place, "leads out of the project")


def test_a_settings_folder_that_is_a_link_out_of_the_project(place: Place, tmp_path: Path) -> None:
    place.write_project({"mcp_servers": {"lint": LINT}})
    place.project.parent.rename(tmp_path / "outside")
    place.project.parent.symlink_to(tmp_path / "outside")
    refused(place, "leads out of the project")


def test_the_home_folder(place: Place) -> None:
    place.write_project({"mcp_servers": {"lint": LINT}})
    place.env["HOME"] = str(place.cwd)
    refused(place, "is no project")


def test_a_project_that_holds_the_users_data(place: Place) -> None:
    place.write_project({"mcp_servers": {"lint": LINT}})
    place.env["ACP_AGENT_DATA_DIR"] = str(place.cwd / "data")
    refused(place, "could write your word itself")


def test_what_nobody_looks_over(place: Place) -> None:
    place.write_project({"mcp_servers": {"lint": {"command": "x" * LONGEST_LINE}}})
    refused(place, "too long")


def test_programs_too_large_to_watch(place: Place) -> None:
    (place.cwd / "tools").mkdir()
    with (place.cwd / "tools" / "lint.py").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    place.write_project({"mcp_servers": {"lint": LINT}})
    refused(place, "too large")


@pytest.mark.timeout(10)
def test_what_is_no_file_is_not_waited_for(place: Place) -> None:
    (place.cwd / "tools").mkdir()
    os.mkfifo(place.cwd / "tools" / "lint.py")
    place.write_project({"mcp_servers": {"lint": LINT}})
    assert dict(seen(place).demands.files) == {}


# The user's word ---------------------------------------------------------------------------------------


def test_it_is_kept_for_the_user_alone_and_out_of_the_project(place: Place, tmp_path: Path) -> None:
    place.write_project({"mcp_servers": {"lint": LINT}})
    give(place)
    kept = record(place)
    assert kept.parent.parent == tmp_path / "data" / "projects"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert [each.root for each in trusted_roots(place.env)] == [str(place.cwd)]
    assert not [path for path in place.cwd.rglob("*") if path.name == "trust.json"]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"version": 1}', '{"version": 9}', "[" * 100_000])
def test_a_damaged_record_is_none(place: Place, damage: str) -> None:
    place.write_project({"mcp_servers": {"lint": LINT}})
    give(place)
    record(place).write_text(damage, encoding="utf-8")
    assert seen(place).state == "untrusted"
    assert list(trusted_roots(place.env)) == []


def test_a_record_that_others_may_write_is_none(place: Place) -> None:
    place.write_project({"mcp_servers": {"lint": LINT}})
    give(place)
    record(place).chmod(0o622)
    assert seen(place).state == "untrusted"


def test_a_record_of_another_project_is_none(place: Place) -> None:
    place.write_project({"mcp_servers": {"lint": LINT}})
    give(place)
    data = json.loads(record(place).read_text(encoding="utf-8"))
    record(place).write_text(json.dumps({**data, "root": "/elsewhere"}), encoding="utf-8")
    assert seen(place).state == "untrusted"


def test_a_word_that_cannot_be_kept_is_said(place: Place, tmp_path: Path) -> None:
    place.write_project({"mcp_servers": {"lint": LINT}})
    (tmp_path / "data").write_text("no folder", encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot be kept"):
        give(place)


# On paper ----------------------------------------------------------------------------------------------


def test_secrets_are_neither_shown_nor_kept_but_watched(place: Place) -> None:
    server = {
        "url": "https://joe:hunter2@tracker.example/mcp?key=hunter2",
        "headers": {"Authorization": "Bearer hunter2", "X-Ok": "Bearer ${MY_TOKEN}"},
        "env": {"API_KEY": "hunter2", "NODE_OPTIONS": "--require ./x.js"},
    }
    providers = {"p": {"provider_type": "custom", "base_url": "https://p.example", "api_key": "hunter2"}}
    place.write_project({"mcp_servers": {"t": server}, "providers": providers})
    given = give(place)
    assert "hunter2" not in "\n".join(given.demands.lines) + title(given)
    assert "hunter2" not in record(place).read_text(encoding="utf-8")
    assert 'mcp_servers.t.headers.X-Ok = "Bearer ${MY_TOKEN}"' in given.demands.lines
    assert 'mcp_servers.t.env.NODE_OPTIONS = "--require ./x.js"' in given.demands.lines
    for place_of in ("Authorization", "API_KEY"):
        changed = json.loads(json.dumps({"mcp_servers": {"t": server}, "providers": providers}))
        changed["mcp_servers"]["t"]["headers" if place_of == "Authorization" else "env"][place_of] = "other"
        place.write_project(changed)
        assert seen(place).state == "changed"
        assert any(place_of in line for line in seen(place).changes)


def test_no_project_sets_a_key_or_what_commands_are_given(place: Place) -> None:
    """Trusted or not; it may name the variable that a key is in."""
    entry = {"provider_type": "custom", "base_url": "https://p.example", "model": "m"}
    own = {"p": {**entry, "api_key": "hunter2"}, "q": {**entry, "api_key": "file:~/.key"}}
    place.write_project(
        {"providers": {**own, "r": {**entry, "api_key": "${MINE}"}}, "environment": {"pass": ["*"]}}
    )
    given = give(place)
    assert "environment" not in str(given.demands.settings)
    loaded = place.load()
    keys = {name: entry.api_key for name, entry in loaded.settings.providers.items()}
    assert keys == {"p": None, "q": None, "r": "${MINE}"}
    assert loaded.settings.environment.pass_ == ()
    assert any("environment is ignored" in note for note in loaded.notes)
    assert any("providers.q.api_key is ignored" in note for note in loaded.notes)


def test_nothing_hides_on_paper(tmp_path: Path) -> None:
    names = {"a\nfile x = 1\u202e": {"command": "run\u200b\x1b[2J `rm`"}}
    found = demands_of({"mcp_servers": names}, (tmp_path,), tmp_path, {})
    assert all(line.isprintable() for line in (*found.lines, *phrases(found.settings)))
    assert not any(line.startswith("file x") for line in found.lines)


def test_the_notice_names_what_is_wanted(place: Place) -> None:
    place.write_project({"mcp_servers": {"lint": LINT}, "permission": {"mode": "yolo", "rules": [ALLOW_NPM]}})
    assert title(seen(place)) == (
        "This project's settings want to run the MCP server `lint` (python3 tools/lint.py); choose the mode "
        "yolo; allow execute `npm *`. That is ignored until you trust it: /trust."
    )


# The digest --------------------------------------------------------------------------------------------

SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False) | st.text(max_size=4)
JSON: st.SearchStrategy[object] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
INERT = st.dictionaries(
    st.sampled_from(["mcp_servers", "providers", "provider", "permission", "terminal", "later"]),
    JSON,
    min_size=1,
)


def digest(settings: dict[str, object], folder: Path) -> str:
    return demands_of(settings, (folder,), folder, {}).digest


def reordered(value: object) -> object:
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        return {key: reordered(fields[key]) for key in reversed(fields)}
    return [reordered(item) for item in cast("list[object]", value)] if isinstance(value, list) else value


@given(wanted=INERT)
@many
def test_the_order_of_keys_does_not_matter(tmp_path: Path, wanted: dict[str, object]) -> None:
    assert digest(cast("dict[str, object]", reordered(wanted)), tmp_path) == digest(wanted, tmp_path)


@given(one=INERT, other=INERT)
@many
def test_other_demands_have_another_digest(
    tmp_path: Path, one: dict[str, object], other: dict[str, object]
) -> None:
    assume(json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True))
    assert digest(one, tmp_path) != digest(other, tmp_path)


@given(wanted=INERT, data=st.data())
@many
def test_any_change_changes_the_digest(
    tmp_path: Path, wanted: dict[str, object], data: st.DataObject
) -> None:
    changed = data.draw(changes(wanted))
    assume(json.dumps(wanted, sort_keys=True) != json.dumps(changed, sort_keys=True))
    assert digest(cast("dict[str, object]", changed), tmp_path) != digest(wanted, tmp_path)


@st.composite
def changes(draw: st.DrawFn, value: object) -> object:
    """`value` with one thing in it replaced."""
    if isinstance(value, dict) and value:
        fields = cast("dict[str, object]", value)
        key = draw(st.sampled_from(sorted(fields)))
        return {**fields, key: draw(changes(fields[key]))}
    if isinstance(value, list) and value:
        items = cast("list[object]", value)
        at = draw(st.integers(0, len(items) - 1))
        return [*items[:at], draw(changes(items[at])), *items[at + 1 :]]
    return draw(JSON)


MODES_OF_RULES = st.lists(
    st.fixed_dictionaries(
        {
            "operation": st.just("execute"),
            "pattern": st.sampled_from(["a", "b", "*"]),
            "action": st.sampled_from(["allow", "ask", "deny"]),
        }
    ),
    max_size=4,
)


@given(own=MODES_OF_RULES, theirs=MODES_OF_RULES)
@many
def test_trust_never_puts_a_rule_above_the_users(
    new_place: Callable[[], Place],
    own: list[dict[str, str]],
    theirs: list[dict[str, str]],
) -> None:
    place = new_place()
    place.env.update(HOME=str(place.cwd.parent / "home"), ACP_AGENT_DATA_DIR=str(place.cwd.parent / "data"))
    place.write_own({"permission": {"rules": own}})
    place.write_project({"permission": {"rules": theirs}})
    rules = place.load(Overrides(trust_project=True)).settings.permission.rules
    allowing = [rule for rule in theirs if rule["action"] == "allow"]
    others = [rule for rule in theirs if rule["action"] != "allow"]
    assert [(rule.pattern, rule.action) for rule in rules] == [
        (rule["pattern"], rule["action"]) for rule in (*allowing, *own, *others)
    ]
    assert all(rule.only_tightens for rule in rules[len(allowing) + len(own) :])
