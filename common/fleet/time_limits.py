"""How long an evaluation may take, and what follows from that; free of Celery, so that settings can name it."""

#: Seconds after which Celery ends an evaluation, unless a worker's settings say otherwise. An evaluation of one frame
#: takes between a tenth of a second and a few seconds.
TIME_LIMIT = 120
#: Time limits after which Redis gives an unacknowledged task to another worker. With one or fewer, a slow frame would
#: be evaluated twice.
_VISIBLE_AFTER = 3


def visibility_timeout(time_limit: int) -> int:
    """Seconds after which Redis gives an unacknowledged task to another worker; a turn has to be known for longer."""
    return _VISIBLE_AFTER * time_limit
