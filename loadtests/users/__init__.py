"""Users of the load test, one file per post.

A new module adds its user by adding a file here: loadtests/locustfile.py finds every class derived from HospitalUser.
"""

from typing import ClassVar

from locust import User
from locust.exception import StopUser

from loadtests.clinic_day import ClinicDay
from loadtests.desk import Refused, Timing, Unreachable


class HospitalUser(User):
    """Somebody at a desk. Subclasses name their post and say what they do in `turn`."""

    abstract = True
    post: ClassVar[str] = ""
    """Post code of shared/identity/posts.py; the demo's first holder at the campus signs on."""
    share: ClassVar[int] = 0
    """How many of these users a clinic day has at both campuses together."""
    pause: ClassVar[float] = 0.05
    """Seconds until the next look when there was nothing to do."""

    def on_start(self) -> None:
        self.day: ClinicDay = self.environment.clinic_day
        self.campus, self.place = self.day.next_at(type(self).__name__)
        self.desk = self.day.desk(self.sign_on(), self.campus, self.watch)
        self.begin()

    def on_stop(self) -> None:
        self.end()

    def sign_on(self) -> str:
        """Staff number (工号) this user signs on with."""
        return self.day.holder(self.post, self.campus)

    def begin(self) -> None:
        """Before the first turn."""

    def end(self) -> None:
        """After the last turn."""

    def turn(self) -> bool:
        """One piece of work; False when there was none."""
        raise NotImplementedError

    def _work(self) -> None:
        from gevent import sleep

        try:
            if not self.turn():
                sleep(self.pause)
        except Refused as refused:
            self.environment.events.request.fire(
                request_type=self.post,
                name=f"refused {refused.code}",
                response_time=0,
                response_length=0,
                exception=refused,
            )
            sleep(self.pause)
        except Unreachable as lost:
            self.day.unreached[type(self).__name__] += 1
            self.environment.events.request.fire(
                request_type=self.post, name="unreachable", response_time=0, response_length=0, exception=lost
            )
            raise StopUser from lost

    tasks: ClassVar[list[object]] = [_work]

    def watch(self, timing: Timing) -> None:
        """Count an answer in Locust's statistics."""
        kind, _, name = timing.name.partition(" ")
        self.environment.events.request.fire(
            request_type=kind, name=name, response_time=timing.seconds * 1000, response_length=0, exception=None
        )
