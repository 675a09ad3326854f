"""收费窗口: looks up what a patient owes and takes the money."""

from loadtests.preparing import registrars
from loadtests.users import HospitalUser
from loadtests.window import BILLING, Tally, Till


class Cashier(HospitalUser):
    """Sits at the last counters of the campus, with a shift of their own."""

    post = "cashier"
    share = 2

    def sign_on(self) -> str:
        desks = registrars(self.campus)
        self.counter = f"counter-{len(desks) + 1 - self.place}"
        return desks[-self.place].staff_no

    def begin(self) -> None:
        self.tally = Tally(f"{self.campus} 收费{self.place}")
        self.day.tallies.append(self.tally)
        self.till = Till(self.desk, self.counter, self.tally, self.day.town)
        self.till.open()

    def turn(self) -> bool:
        owing = self.day.owing[self.campus]
        if not owing:
            return False
        visit, pays_by = owing.popleft()
        pending = self.desk.get(f"{BILLING}/charges/pending", patient_id=visit["patient_id"])
        mine = {charge["charge_id"] for charge in visit["charges"]}
        lines = [charge for group in pending["groups"] for charge in group["charges"] if charge["charge_id"] in mine]
        if len(lines) != len(mine):
            self.tally.failures.append(f"{len(mine)} charges of visit {visit['visit_no']}, {len(lines)} to be paid")
        self.till.collect(lines, pays_by)
        return True

    def end(self) -> None:
        self.till.close()
