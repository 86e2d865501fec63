"""The one exception type whose message is meant for the person in front of the screen."""


class BnnlibError(ValueError):
    """A foreseen fault: one sentence that says what was wrong, what was expected and what to do.

    The command line prints the sentence and exits with code 2; a page shows it as a message.
    """


# What torch, CUDA, C++ and the system say; the last one is CPython's where there was no memory for
# the MemoryError itself.
NO_MEMORY = (
    "can't allocate memory",
    "cannot allocate memory",
    "out of memory",
    "bad_alloc",
    "can't start new thread",
    "error return without exception set",
)


def is_memory(error: BaseException) -> bool:
    """Whether there was not enough memory."""
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in NO_MEMORY)
