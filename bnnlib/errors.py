"""The one exception type whose message is meant for the person in front of the screen."""


class BnnlibError(ValueError):
    """A foreseen fault: one sentence that says what was wrong, what was expected and what to do.

    The command line prints the sentence and exits with code 2; a page shows it as a message.
    """


def is_memory(error: BaseException) -> bool:
    """Whether there was not enough memory, in the words of Python, torch or CUDA."""
    words = ("can't allocate memory", "out of memory")
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)
