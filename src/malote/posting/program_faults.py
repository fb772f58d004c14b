"""Faults of this program as refusals: told apart by kind and place, each reported once."""

import traceback
from pathlib import Path

from malote import incidents
from malote.erp.protocol import ErpError


class ProgramFaultError(ErpError):
    """A fault of this program over these documents. ``sign`` tells one such fault from another."""

    def __init__(self, sign: str, incident: str) -> None:
        facts = {"incident": incident, "fault": sign}
        super().__init__("server_failed", transient=False, detail=f"{sign} {incident}", facts=facts)
        self.sign = sign


class ProgramFaults:
    """Of one poster."""

    def __init__(self) -> None:
        self._incidents: dict[str, str] = {}  # by the fault's sign

    def of(self, error: BaseException) -> ProgramFaultError:
        """One incident for each fault, however many documents meet it."""
        sign = sign_of(error)
        if sign not in self._incidents:
            self._incidents[sign] = incidents.report("document_breaks_program", error)
        return ProgramFaultError(sign, self._incidents[sign])


def sign_of(error: BaseException) -> str:
    """Kind and place of a fault of the program; never its message, which may quote a document."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).stem}.{frames[-1].name}" if frames else "?"
    return f"{type(error).__qualname__} {place}"
