"""Asking for long work: what is refused at once, and the operation that a worker carries out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cqrs.drift.check import LOG, WRITE_MODEL
from cqrs.drift.checking import Level
from cqrs.errors import InvalidMessage, OperationInTheWay, PreflightChanged, TooLittleSpace
from cqrs.projections.projections import Projections
from cqrs.workers.operation import Operation
from cqrs.workers.operations import Operations

#: How much a check looks at, and what it holds rows against.
LEVELS = tuple(level.value for level in Level)
REFERENCES = (LOG, WRITE_MODEL)

#: A replay needs this many times its estimate to be free.
LEAST_ROOM = 1.5

Repairable = Callable[[str, Sequence[str] | None, str | None], None]


class Requests:
    """Each method gives the operation as it was asked for."""

    def __init__(self, projections: Projections, operations: Operations, repairable: Repairable) -> None:
        """`repairable` raises what would refuse a repair of these keys, or of what this check found."""
        self._projections = projections
        self._operations = operations
        self._repairable = repairable

    def replay(
        self,
        name: str,
        *,
        actor: str,
        reason: str | None = None,
        review: bool = False,
        throttle: float | None = None,
        digest: str | None = None,
        known: Sequence[str] = (),
        outgrown: str | None = None,
    ) -> Operation:
        """Ask for a new generation, which a worker builds. With `review` it waits for approval before readers see it.

        `throttle` is how long to rest for each second of work; `digest` that of the preflight somebody decided on;
        `known` are texts of keys whose rows will differ, which surprises nobody; `outgrown` says which change of
        columns made the program start it by itself.
        Raises NotFound, OperationInTheWay, TooLittleSpace, PreflightChanged.
        """
        preflight = self._projections.preflight(name)
        held = self._operations.holder(name)
        if held is not None:
            raise OperationInTheWay(title=held.title, id=held.id)
        if digest is not None and digest != preflight.digest:
            raise PreflightChanged(projection=name)
        needed, free = preflight.bytes_needed, preflight.bytes_free
        if needed is not None and free is not None and free < needed * LEAST_ROOM:
            raise TooLittleSpace(projection=name, needed=f"{needed:,}", free=f"{free:,}")
        parameters = {"review": review, "throttle": throttle, "known": list(known), "outgrown": outgrown}
        return self._operations.request("replay", name, actor=actor, reason=reason, parameters=parameters)

    def roll_back(self, name: str, *, actor: str, reason: str | None = None) -> Operation:
        """Ask for the generation that readers saw before this one.

        Raises NotFound, OperationInTheWay, NothingToRollBack; RollBackRefused when its columns are not the code's;
        InvalidMessage without a reason where other code made it.
        """
        target = self._projections.roll_back_target(name)
        if target.logic_changed and not (reason or "").strip():
            raise InvalidMessage({"reason": [f"Generation {target.number} was made by other code: say why."]})
        return self._operations.request(
            "rollback", name, actor=actor, reason=reason, parameters={"generation": target.number}
        )

    def check(
        self, name: str, *, actor: str, level: str = "full", reference: str = "log", reason: str | None = None
    ) -> Operation:
        """Ask for a check of the rows of a read model. Raises NotFound; InvalidMessage for a level or reference that
        there is not, or not for this one."""
        errors = {
            field: [f"Choose one of: {', '.join(choices)}."]
            for field, value, choices in (("level", level, LEVELS), ("reference", reference, REFERENCES))
            if value not in choices
        }
        offered = self.checks_of(name)
        if not errors and reference not in {each for _, each in offered}:
            errors["reference"] = [f"{name} declares no write_model: its rows can only be compared with the log."]
        elif not errors and (level, reference) not in offered:
            what = "Against the write model" if reference == WRITE_MODEL else "Of a SQL projection"
            errors["level"] = [f"{what} all rows are compared: choose full."]
        if errors:
            raise InvalidMessage(errors)
        parameters = {"level": level, "reference": reference}
        return self._operations.request("check", name, actor=actor, reason=reason, parameters=parameters)

    def checks_of(self, name: str) -> list[tuple[str, str]]:
        """The levels and references that a check of this projection may have. Raises NotFound."""
        projection = self._projections.definition(name)
        if not projection.keyed:
            return [(Level.FULL.value, LOG)]
        against = [(Level.FULL.value, WRITE_MODEL)] if projection.write_model is not None else []
        return [*((level, LOG) for level in LEVELS), *against]

    def repair(
        self,
        name: str,
        *,
        actor: str,
        keys: Sequence[str] | None = None,
        check: str | None = None,
        reason: str | None = None,
    ) -> Operation:
        """Ask for rows to be written anew from the log: those of `keys`, or all that a check found to differ.

        Raises NotFound, OperationInTheWay; RepairRefused when that check cannot be relied on; InvalidMessage unless
        there is something to repair; NotKeyed.
        """
        self._repairable(name, keys, check)
        parameters = {"keys": None if keys is None else list(keys), "check": check, "reason": reason}
        return self._operations.request("repair", name, actor=actor, reason=reason, parameters=parameters)
