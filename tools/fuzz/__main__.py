"""python -m tools.fuzz: mutate what melgan_vc opens, and see that it is read, or refused in one line.

    python -m tools.fuzz seconds=60                    all areas for a minute
    python -m tools.fuzz seconds=600 area=decode,store seed=7
    python -m tools.fuzz replay=FILE                   a failure that was kept; shows its traceback

    area=NAME[,NAME]   all, or: {areas}
    seconds=S          how long (60); cases=N instead for so many cases
    seed=N             of all choices (0): the same seed gives the same cases
    keep=DIR           where failures are kept ({keep})
    jobs=N             cases at a time (2)
    limit=S            seconds for a case (20); memory_mb=M above what the process has (1024)

A case passes where the function that the command calls succeeds or ends with a line for the user. It fails by any other
exception, a crash, a hang, too much memory, a file written outside of its folder, a process, a connection, or code that
a file has chosen. Exit code 1 where any case failed.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

KEEP = "fuzz-failures"
DEFAULTS = {
    "area": "all", "seconds": "", "cases": "", "seed": "0", "keep": KEEP, "replay": "", "jobs": "2", "limit": "20",
    "memory_mb": "1024",
}  # fmt: skip


def settings(words: list[str]) -> dict[str, str]:
    """Return KEY=VALUE words with the defaults of what is not given."""
    given = dict(word.partition("=")[::2] for word in words)
    unknown = given.keys() - DEFAULTS.keys()
    if unknown:
        raise SystemExit(f"error: unknown {', '.join(sorted(unknown))}; --help shows what there is")
    return DEFAULTS | given


def main() -> int:
    os.environ |= {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "WANDB_MODE": "offline"}
    sys.dont_write_bytecode = True
    if {"-h", "--help"} & set(sys.argv):
        from tools.fuzz.areas import AREAS

        print(__doc__.format(areas=", ".join(AREAS), keep=KEEP))
        return 0
    given = settings(sys.argv[1:])
    begun = time.monotonic()
    from tools.fuzz import campaign, warm
    from tools.fuzz.areas import AREAS
    from tools.fuzz.sandbox import FAILED, Limits

    warm.quieten()
    limits = Limits(float(given["limit"]), int(given["memory_mb"]) << 20)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as home:
        scratch = Path(os.path.realpath(home))
        wanted = given["area"].split(",")
        if given["replay"]:
            wanted = [campaign.read_case(Path(given["replay"]))[0]]
        elif wanted == ["all"]:
            wanted = list(AREAS)
        if unknown := sorted(set(wanted) - set(AREAS)):
            raise SystemExit(f"error: unknown area {', '.join(unknown)}; there are {', '.join(AREAS)}")
        areas = {name: make(scratch / "seeds") for name, make in AREAS.items() if name in wanted}
        warm.check_seeds(areas, scratch / "warm", quick=bool(given["cases"] or given["replay"]))
        if given["replay"]:
            found = campaign.replay(Path(given["replay"]), areas, scratch, limits)
            print(f"{found.kind}: {found.what} [{found.where}]\n{found.text}")
            return int(found.kind == FAILED)
        cases = int(given["cases"] or 10**9)
        seconds = float(given["seconds"] or (60 if not given["cases"] else 10**9))
        sys.stderr.write(f"ready after {time.monotonic() - begun:.1f} s: {', '.join(areas)}\n")
        begun = time.monotonic()
        tally = campaign.fuzz(
            areas, int(given["seed"]), scratch, Path(given["keep"]), limits, int(given["jobs"]), cases, begun + seconds
        )
        print(campaign.report(tally, time.monotonic() - begun))
    return int(tally.failures > 0)


if __name__ == "__main__":
    raise SystemExit(main())
