"""The one error that a user can mend."""

from pathlib import Path


class InputError(Exception):
    """A file or setting of the user's that cannot be used.

    Its text is one line: what it is about, what is wrong, what to do. Scripts print that line and stop; any other
    exception is a fault of ours and keeps its traceback.
    """

    def __init__(self, subject: str | Path, problem: str, remedy: str) -> None:
        super().__init__(f"{subject}: {problem}. {remedy}")
        self.subject, self.problem, self.remedy = str(subject), problem, remedy

    def __reduce__(self):
        return type(self), (self.subject, self.problem, self.remedy)
