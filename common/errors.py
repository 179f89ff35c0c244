"""Every error that Blindsight raises on purpose.

    BlindsightError
    ├── ConfigurationError      a setting, flag or file of settings is wrong
    ├── ParameterError          encryption parameters are impossible
    │   └── InsecureError       they, or a key set's, have a longer modulus than is secure
    ├── NetworkError            a network can't be compiled, or its file can't be read
    │   └── CapacityError       it needs more slots, or a longer modulus chain, than there are
    ├── PlanError               a plan file is damaged, or isn't the one that was promised
    ├── KeySetError             a key set is missing, damaged, locked, or doesn't fit a plan
    ├── FrameError              a frame isn't what the model takes
    ├── WireError               bytes from outside aren't what they claim to be
    │   └── CorruptedError      they changed on their way
    ├── OutboxError             the device's outbox can't be used
    │   └── OutboxFullError     it has reached its bound, or the disk is full
    ├── RecordError             the console's record of labels can't be used
    ├── HistoryError            the history of labels can't be used, or not be asked so
    ├── BrokerError             a broker can't be reached, or refuses the client
    └── CallbackError           a function or camera that a program gave raised an error

Each message names the field, the value and the fix, so a program that prints only the
message has said enough. No message ever holds key material.
"""


class BlindsightError(Exception):
    """Base of all errors raised by Blindsight; the command line prints its message alone."""


class ConfigurationError(BlindsightError):
    """A setting has a value that can't be used."""


class ParameterError(BlindsightError):
    """Encryption parameters are impossible, or SEAL refuses them."""


class InsecureError(ParameterError):
    """Encryption parameters are below the security floor, such as those of key sets of earlier versions."""


class NetworkError(BlindsightError):
    """A network can't be read or compiled."""


class CapacityError(NetworkError):
    """A network needs more slots or a longer modulus chain than one ciphertext has."""


class PlanError(BlindsightError):
    """A plan file is damaged, or its hash isn't the expected one."""


class KeySetError(BlindsightError):
    """A key set is missing, damaged, locked by a passphrase, or made for another plan."""


class FrameError(BlindsightError):
    """A frame can't be read, or its size or channels aren't the model's."""


class WireError(BlindsightError):
    """Bytes received from outside are not a valid message, ciphertext or key."""


class CorruptedError(WireError):
    """A message's bytes changed on their way; it has to be sent again."""


class OutboxError(BlindsightError):
    """The outbox's file can't be opened, read or written."""


class OutboxFullError(OutboxError):
    """The outbox has reached its bound in bytes, or the disk is full."""


class RecordError(BlindsightError):
    """The console's record of labels can't be opened, read or written."""


class HistoryError(BlindsightError):
    """The history of labels and readings can't be opened, read or written; or a filter, cursor or number is wrong."""


class BrokerError(BlindsightError):
    """A broker can't be reached, or refuses the client."""


class CallbackError(BlindsightError):
    """A function or camera that the embedding program gave raised an error, which is this one's `__cause__`."""
