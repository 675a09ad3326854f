"""What a template of rights is: of a post of people (posts.py), of patients and devices (callers.py)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Dimension = Literal["campus", "department", "own"]


@dataclass(frozen=True, slots=True)
class Post:
    """A post template (岗位模板).

    `consortium_wide`: its holder reads the rows of every campus (总院监管), and still writes only while acting there.
    `privileged`: holders sign on with a second factor and hold the post for 12 months at most (GB/T 22239-2019).
    `dimension`: whose rows the post is about (数据范围): campus, department (its units), own (the own patients).
    """

    code: str
    title: str
    permissions: frozenset[str]
    consortium_wide: bool = False
    privileged: bool = False
    dimension: Dimension = "campus"


def template(
    code: str,
    title: str,
    *permissions: str,
    consortium_wide: bool = False,
    privileged: bool = False,
    dimension: Dimension = "campus",
) -> Post:
    """A template with these permissions."""
    return Post(code, title, frozenset(permissions), consortium_wide, privileged, dimension)


def by_code(*posts: Post) -> Mapping[str, Post]:
    """Templates by their code; nobody adds one later."""
    return MappingProxyType({post.code: post for post in posts})


DESK_READS = (
    "catalogue.prices.read",
    "organisation.structure.read",
    "outpatient.registration.read",
    "outpatient.schedule.read",
    "patients.index.read",
)
"""What every desk that meets patients has to see."""
