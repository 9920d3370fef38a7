"""A program: the work of a part of the readers, for a size and its double, and the modules they reached, as JSON."""

import json
import sys

from tests.growth import counting

SIZE = 64


def main(part: int, parts: int) -> None:
    counting.install()
    from tests.growth.readers import READERS

    found = {}
    for name in [*READERS][part::parts]:
        acts = [READERS[name](n) for n in (SIZE, 2 * SIZE)]
        for act in acts:
            act()  # whatever is cached is cached
        found[name] = [counting.work_of(act) for act in acts]
    json.dump({"work": found, "modules": sorted(counting.WORK.modules)}, sys.stdout)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
