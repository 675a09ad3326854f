"""门诊办: watches the numbers left at both campuses."""

from gevent import sleep

from loadtests.preparing import SCHEDULE
from loadtests.users import HospitalUser


class ScheduleClerk(HospitalUser):
    """Looks at the rest numbers again and again, as the department load strip does."""

    post = "schedule_clerk"
    share = 2

    def turn(self) -> bool:
        self.desk.get(f"{SCHEDULE}/availability", day=self.day.today.isoformat(), limit=50)
        self.desk.get(f"{SCHEDULE}/clinics", limit=50)
        sleep(1)
        return True
