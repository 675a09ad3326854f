"""挂号窗口: finds or files the patient, registers, takes the money, prints, pays back who changed their mind."""

from loadtests.preparing import registrars
from loadtests.users import HospitalUser
from loadtests.window import Tally, Window

PAYS_ELSEWHERE = 5
"""Every so many patients go to the cashier's window to pay."""


class Registrar(HospitalUser):
    """Each registrar has a window of their own and counts the drawer at the end."""

    post = "registrar"
    share = 8

    def sign_on(self) -> str:
        mine = registrars(self.campus)
        self.counter = f"counter-{self.place}"
        return mine[self.place - 1].staff_no

    def begin(self) -> None:
        self.tally = Tally(f"{self.campus} {self.place}号窗口")
        self.day.tallies.append(self.tally)
        self.window = Window(self.desk, self.counter, self.tally, self.day.town, self.day.people, self.day.today)
        self.window.open()

    def turn(self) -> bool:
        waiting = self.day.waiting[self.campus]
        if not waiting:
            return False
        self.window.serve(waiting.popleft(), self._pays_elsewhere)
        return True

    def end(self) -> None:
        self.window.close()

    def _pays_elsewhere(self, visit: object, pays_by: str) -> bool:
        if self.tally.visits % PAYS_ELSEWHERE:
            return False
        self.day.owing[self.campus].append((visit, pays_by))
        return True
