"""The adapters' table: what a comparison found, and which one is served."""

from __future__ import annotations

from procy.places import Places
from procy.store import comparisons, servings
from procy.store.write import written

from .conftest import Site
from .test_trainings import PAGE, add_adapter, add_training

EVIL = '"><script>d</script>'


def compare_and_serve(places: Places) -> None:
    result = {"basis": "60 held-out pairs of 12 sessions", "reasons": [f"content: preference 0.40 → 1.00 {EVIL}"]}
    serving = {"name": "proxy", "adapter_id": "A1", "adapter_path": "/somewhere", "base": "tiny", "engine": "vllm",
               "place": "local", "url": "http://127.0.0.1:8000/v1", "server": {}, "arguments": {}}  # fmt: skip
    with written(places.db) as connection:
        values = {"adapter": "proxy", "against": "base", "kind": "pairs", "verdict": "better", "result": result}
        comparisons.add(connection, "C1", 0, values)
        servings.add(connection, "S1", 0, serving)
        servings.make_ready(connection, "S1", 1, None)


def test_a_comparison_and_what_is_served_are_shown(site: Site) -> None:
    add_adapter(site.places, add_training(site.places, 1, "done"))
    html = site.text(PAGE)
    assert 'title="procy compare proxy"' in html
    assert ">served<" not in html
    compare_and_serve(site.places)
    html = site.text(PAGE)
    assert ">better than its base<" in html
    assert "60 held-out pairs of 12 sessions&#10;content: preference 0.40 → 1.00" in html
    assert ">served<" in html
    assert "<script>d" not in html
