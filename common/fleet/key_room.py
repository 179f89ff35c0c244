"""Redis's memory, and how much of it evaluation keys may take."""

#: Bytes that Redis may take, its `maxmemory`, in the configuration that ships.
SHIPPED_MEMORY = 2 * 2**30
#: The share of Redis's memory up to which keys are taken. Frames could never leave a Redis that keys had filled.
_KEYS_SHARE = 0.75


def room_for_keys(memory: int) -> int:
    """Bytes up to which keys are taken by a Redis that may take `memory` bytes."""
    return int(_KEYS_SHARE * memory)


def memory_for_keys(size: int) -> int:
    """The `maxmemory` in bytes that a Redis needs, so that it takes keys while it holds so many bytes."""
    return int(size / _KEYS_SHARE) + 1
