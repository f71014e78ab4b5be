"""The trail over HTTP: the same questions as its page answers."""

from __future__ import annotations

from cqrs.runtime import Runtime
from tests.console.browser import Script


def test_the_query_string_of_the_page_means_the_same_here(viewer: Script, runtime: Runtime) -> None:
    for target in ("a", "b", "c"):
        runtime.audit.record(actor="ana", role="admin", address="::1", action="pause", target=target, outcome="done")
    newest = viewer.get("/api/audit?action=pause&limit=1").json
    assert [entry["target"] for entry in newest["entries"]] == ["c"]
    for name in ("before", "cursor"):
        older = viewer.get(f"/api/audit?action=pause&{name}={newest['next']}").json
        assert [entry["target"] for entry in older["entries"]] == ["b", "a"]
        assert viewer.get(f"/api/audit?{name}=soon").json["errors"] == {
            name: ["This must be a whole number from 1 to 9223372036854775807."]
        }
