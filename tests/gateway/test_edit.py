import os
from pathlib import Path

import pytest

from procy.errors import ConfigError
from procy.gateway.edit import add, change_settings, delete, put_section, rename, section_text, set_value, use
from procy.places import Places

TEXT = """# mine
agent = "claude"   # as ever

[gateway]
# rules
routes = [
    {model = "a*", to_upstream = "work"},          # first
    {model = "b*", to_upstream = ["work", "home"]},
    {upstream = "work", to_model = "m"},
]

[[gateway.filters]]
find = "secret" # of work
upstreams = ["work"]

[[gateway.filters]]
find = "[upstreams.work]"
upstreams = ["home", 'work']

[upstreams.work] # the firm's
service = "claude"
base_url = "https://work.example.com" # slow
active = true
  [upstreams.work.headers]
  profile = "protocol"

# at home
[upstreams.home]
service = "claude"
base_url = "http://localhost:8000"

[upstreams."other.one"]
service = "codex"
base_url = "http://localhost:8001"
active = true
"""


@pytest.fixture
def places(tmp_path: Path) -> Places:
    (tmp_path / "config.toml").write_text(TEXT)
    return Places(str(tmp_path), str(tmp_path / "procy.db"), str(tmp_path / "spool"), str(tmp_path / "config.toml"))


def text(places: Places) -> str:
    return Path(places.config).read_text()


def test_use_switches_within_a_service_and_leaves_everything_else_as_it_stands(places: Places) -> None:
    before = []
    settings = change_settings(places, lambda document: before.append(use(document, "home")))
    assert before == ["work"]
    assert [name for name, one in settings.upstreams.items() if one.active] == ["home", "other.one"]
    lines = set(TEXT.splitlines()) - set(text(places).splitlines())
    assert lines == set(), "active = true is still there, of another upstream"
    assert text(places).count("active = true") == 2 and "# at home" in text(places) and "# slow" in text(places)
    change_settings(places, lambda document: before.append(use(document, "home")))
    assert before == ["work", "home"], "twice is once"


def test_rename_carries_routes_and_filters_along_and_keeps_the_order(places: Places) -> None:
    settings = rename(places, "work", "firm.1")
    assert list(settings.upstreams) == ["firm.1", "home", "other.one"]
    assert [one.to_upstreams for one in settings.gateway.routes] == [("firm.1",), ("firm.1", "home"), ()]
    assert settings.gateway.routes[2].upstream == "firm.1"
    assert [one.upstreams for one in settings.gateway.filters] == [("firm.1",), ("home", "firm.1")]
    assert settings.gateway.filters[1].find == "[upstreams.work]", "a text that looks like a heading is none"
    assert '[upstreams."firm.1"] # the firm\'s' in text(places)
    assert text(places).count("#") == TEXT.count("#")
    assert list(rename(places, "other.one", "two").upstreams)[-1] == "two"


def test_rename_moves_a_table_that_is_written_in_another_way(places: Places) -> None:
    Path(places.config).write_text('upstreams = {a = {service = "claude", base_url = "http://h"}}\n')
    assert list(rename(places, "a", "b").upstreams) == ["b"]


def test_delete_takes_along_what_is_about_nothing_else(places: Places) -> None:
    gone: list[str] = []
    settings = change_settings(places, lambda document: gone.extend(delete(document, "work")))
    assert gone == ["route 1", "route 3", "filter 1"]
    assert [one.to_upstreams for one in settings.gateway.routes] == [("home",)]
    assert [one.upstreams for one in settings.gateway.filters] == [("home",)], "not for all, because its own is gone"
    assert "work.example.com" not in text(places)


def test_add_and_set(places: Places) -> None:
    change_settings(
        places, lambda document: add(document, "new", {"service": "openai", "base_url": "http://h", "key": {"env": "A"}})
    )
    change_settings(places, lambda document: set_value(document, "new", "rpm", "30"))
    change_settings(places, lambda document: set_value(document, "new", "headers.profile", "protocol"))
    settings = change_settings(places, lambda document: set_value(document, "new", "base_url", "https://h/v1"))
    found = settings.upstreams["new"]
    assert (found.rpm, found.headers.profile, found.base_url, str(found.key)) == (30.0, "protocol", "https://h/v1", "env A")
    settings = change_settings(places, lambda document: set_value(document, "new", "rpm", ""))
    assert settings.upstreams["new"].rpm == 0
    assert text(places).startswith(TEXT)


def test_what_would_be_wrong_is_not_written(places: Places) -> None:
    for edit in (
        lambda document: set_value(document, "work", "service", "x"),
        lambda document: set_value(document, "work", "nonsense", "1"),
        lambda document: use(document, "nobody"),
        lambda document: add(document, "home", {}),
    ):
        with pytest.raises(ConfigError):
            change_settings(places, edit)
    for new in ("home", "a/b"):
        with pytest.raises(ConfigError):
            rename(places, "work", new)
    assert text(places) == TEXT


@pytest.mark.parametrize("broken", [b"[upstreams.work\n", b"agent = '\xff'", b"a = 1\na = 2\n"])
def test_a_file_that_is_no_toml_is_never_overwritten(places: Places, broken: bytes) -> None:
    Path(places.config).write_bytes(broken)
    for edit in (lambda: change_settings(places, lambda document: None), lambda: rename(places, "work", "b")):
        with pytest.raises(ConfigError, match="is not valid TOML"):
            edit()
    assert Path(places.config).read_bytes() == broken


def test_a_file_that_changes_meanwhile_is_not_overwritten(places: Places) -> None:
    def edit(document) -> None:
        use(document, "home")
        Path(places.config).write_text(TEXT + "# new\n")

    with pytest.raises(ConfigError, match="was changed meanwhile"):
        change_settings(places, edit)
    assert text(places) == TEXT + "# new\n"


def test_mode_and_link_of_the_file_stay_and_a_new_one_is_private(places: Places, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    Path(places.config).rename(real)
    os.symlink(real, places.config)
    os.chmod(real, 0o640)
    change_settings(places, lambda document: use(document, "home"))
    assert os.path.islink(places.config) and real.stat().st_mode & 0o777 == 0o640
    real.unlink()
    os.unlink(places.config)
    change_settings(places, lambda document: add(document, "a", {"service": "claude", "base_url": "http://h"}))
    assert Path(places.config).stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob(".*")), "nothing is left beside it"


def test_a_table_is_replaced_as_a_person_wrote_it(places: Places) -> None:
    ups = section_text(places, "upstreams")
    assert ups.startswith("[upstreams.work] # the firm's") and "# at home" in ups
    settings = put_section(
        places, "upstreams", ups, ups.replace("# at home", "# far away").replace("active = true\n  ", "rpm = 9\n  ")
    )
    assert settings.upstreams["work"].rpm == 9
    assert "# far away" in text(places) and text(places).startswith(TEXT[:200]), "all else stays"
    assert put_section(places, "upstreams", section_text(places, "upstreams"), ups).upstreams["work"].active
    written = text(places)
    now = section_text(places, "upstreams")
    for before, after, words in (
        ("something else", now, "was changed meanwhile"),
        (now, now + "[gateway]\n", "gateway does not belong to"),
        (now, "[upstreams", "is not valid TOML"),
        (now, now.replace('service = "claude"', 'service = "x"'), "is none of claude"),
    ):
        with pytest.raises(ConfigError, match=words):
            put_section(places, "upstreams", before, after)
    assert text(places) == written


def test_a_table_may_come_and_go(places: Places) -> None:
    Path(places.config).write_text("# mine\n")
    assert section_text(places, "gateway") == ""
    assert put_section(places, "gateway", "", "[gateway]\nretries = 5 # many\n").gateway.retries == 5
    assert text(places).startswith("# mine\n") and "# many" in text(places)
    assert put_section(places, "gateway", section_text(places, "gateway"), "").gateway.retries == 2
    assert "retries" not in text(places)
