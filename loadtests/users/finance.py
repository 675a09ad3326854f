"""门诊收费处财务: watches shifts and refunds during the day."""

from gevent import sleep

from loadtests.users import HospitalUser
from loadtests.window import CASHIER


class Finance(HospitalUser):
    """Reads the shifts of the campus; receives the closed ones after the day."""

    post = "finance"
    share = 2

    def turn(self) -> bool:
        self.desk.get(f"{CASHIER}/shifts", limit=50)
        sleep(2)
        return True
