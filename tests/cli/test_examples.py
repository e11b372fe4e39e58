"""The examples and the lab's scenarios, of both versions, go through every command."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_harness import Romana

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(
    path
    for folder in ("examples", "src/romana/lab/scenarios")
    for path in (ROOT / folder).iterdir()
    if path.suffix in (".yaml", ".json")
)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_valid_applies_once_and_exports(romana: Romana, path: Path) -> None:
    assert romana("topology", "validate", str(path)).out.startswith("valid: ")
    assert romana("topology", "apply", str(path)).status == 0
    assert romana("topology", "apply", str(path)).out == "nothing changes\n"
    exported = romana("topology", "export").out
    assert romana("topology", "plan", "-", stdin=exported).out == "nothing changes\n"
    if path.suffix == ".json":
        second = romana("topology", "export", "--format", "v2").out
        assert romana("topology", "plan", "-", stdin=second).out == "nothing changes\n"
    tree = romana("topology", "show", "-o", "json").json
    assert [network["name"] for network in tree["networks"]]
    assert romana("verify").status == 0
