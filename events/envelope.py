"""Typed events: one class per CloudEvents type.

    class VisitRegistered(Event, type="outpatient.registration.visit_registered", subject="encounter_id"):
        '''A patient has a number for a clinic session; triage queues the visit.'''
        encounter_id: UUID
        ...

The full type is `cn.consortium.<type>.v<version>`. A class only gains fields; a breaking change is a new version
beside the old one.
"""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

PREFIX = "cn.consortium."


class Event(BaseModel):
    """A past-tense fact other modules may care about. Carries ids and amounts, never names or documents."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    event_type: ClassVar[str] = ""
    """Full CloudEvents type."""
    event_source: ClassVar[str] = ""
    """CloudEvents source: the emitting function, `/<area>/<module>`."""
    subject_field: ClassVar[str] = ""

    types: ClassVar[dict[str, type["Event"]]] = {}

    def __init_subclass__(cls, *, type: str = "", version: int = 1, subject: str = "", **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not type:
            return
        area, module, _ = type.split(".")
        cls.event_type = f"{PREFIX}{type}.v{version}"
        cls.event_source = f"/{area}/{module}"
        cls.subject_field = subject
        known = Event.types.get(cls.event_type)
        if known is not None and known.__qualname__ != cls.__qualname__:
            raise TypeError(f"{cls.event_type} is declared twice: {known.__qualname__} and {cls.__qualname__}")
        Event.types[cls.event_type] = cls

    @property
    def subject(self) -> str:
        """What the fact is about; deliveries of one subject keep their order."""
        return str(getattr(self, self.subject_field))
