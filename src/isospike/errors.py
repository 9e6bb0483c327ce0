"""Errors a person can act on: where and what, what is supported, what to do."""


class IsospikeError(Exception):
    """Root of all isospike errors; `supported` and `remedy` are the second and third line of the message."""

    def __init__(self, what: str, supported: str = "", remedy: str = "") -> None:
        self.what, self.supported, self.remedy = what, supported, remedy
        super().__init__("\n  ".join(line for line in (what, supported, remedy) if line))


class UnsupportedOperation(IsospikeError):
    """The model holds operations without a spiking counterpart; the message lists every one of them with its place."""


class InvalidModel(IsospikeError):
    """The model cannot be read, exported or trusted (not a network, broken file, NaN weights, import not faithful)."""


class InvalidData(IsospikeError):
    """The data cannot be read or do not fit the model (shape, dtype, NaN, no samples)."""


class OutOfRange(InvalidData):
    """Input values lie outside the range that the network was made for."""


class InvalidFile(IsospikeError):
    """A saved network is missing, truncated, damaged, or of another version; or it cannot be written."""


class InvalidSetting(IsospikeError):
    """A coding, simulator or command was asked for something that it does not offer."""


def first_line(error: Exception) -> str:
    """What an error says first."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
