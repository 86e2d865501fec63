"""How much the run folders of one server may take."""

MAX_RUNS = 50  # run folders
MAX_WAITING = 4  # processes in the queue: each holds some 300 MB of libraries while it waits
MAX_PINNED = 12  # pinned images a run
MAX_DISK = 8 * 1024**3  # bytes of all run folders together
MIN_FREE_DISK = 500 * 1024**2  # bytes left to others
MAX_ARCHIVE = 64 * 1024**2  # bytes of an imported zip; a Bayesian network 2,048 wide takes 41 MB
MAX_UNPACKED = 160 * 1024**2  # bytes of all it holds
MAX_TRIALS = 10_000  # trainings of a sweep, which may fill its folder beyond MAX_RUNS
ASK_ABOVE = 100  # trainings of a sweep on one machine, above which somebody has to say --yes
