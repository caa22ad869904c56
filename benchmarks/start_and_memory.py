"""How long the package takes to be imported, and how much memory IMDb's 100,000 reviews take from file to batches.

    python benchmarks/start_and_memory.py            # imports alone
    python benchmarks/start_and_memory.py --memory   # and the memory; reads IMDb in the folder that ULMFIT_DATA names

Imports are timed in fresh processes: `import ulmfit_lib`, and then all the pure stages together, which is what they
take on top. The memory is the most that a process held that read the reviews, split them, made the vocabulary and the
ids, and laid them out in mini-streams. Writes results/speed_start.json and results/memory_imdb.json.
"""

import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from side_by_side import RESULTS, parser, receipt_of

from ulmfit_lib.receipts import finish_receipt

PURE = "import ulmfit_lib.rules, ulmfit_lib.subwords, ulmfit_lib.vocab, ulmfit_lib.streams, ulmfit_lib.padding"
TIMED = """
import sys, time
began = time.process_time()
import ulmfit_lib
imported = time.process_time()
{pure}
print(imported - began, time.process_time() - imported)
"""


def import_seconds() -> tuple[float, float]:
    """Return the processor time of `import ulmfit_lib` in a fresh process, and what the pure stages add."""
    code = TIMED.format(pure=PURE)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    package, stages = map(float, done.stdout.split())
    return package, stages


def load_imdb(folder: Path) -> dict[str, float]:
    """Read, split, number and lay out all reviews in this process, and return what it took."""
    from ulmfit_lib.data import read_texts
    from ulmfit_lib.material import prepare
    from ulmfit_lib.streams import LMStream

    began = time.process_time()
    texts = read_texts(folder / "imdb")
    n_texts, sha256 = len(texts), texts.sha256
    material = prepare(texts, leak=True)
    stream = LMStream(material.unlabelled.docs, bs=64)
    return {
        "texts": n_texts,
        "sha256": sha256,
        "tokens": stream.n_tokens,
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9, 3),
        "cpu_seconds": round(time.process_time() - began, 1),
    }


def main() -> int:
    """Run the command line above; 1 if a goal is missed."""
    options = parser(__doc__)
    options.add_argument("--memory", action="store_true", help="measure the memory, too; takes a minute")
    options = options.parse_args()
    if options.memory:
        receipt = receipt_of("start_and_memory", seed=0)
        results = load_imdb(Path(os.environ["ULMFIT_DATA"]))
        receipt["data"] = {"name": "imdb", "rows": results["texts"], "sha256": results.pop("sha256")}
        finish_receipt(receipt, results, RESULTS / "memory_imdb.json")
        print(
            f"{results['texts']:,} reviews, {results['tokens']:,} tokens: at most {results['peak_gb']} GB", flush=True
        )
    receipt = receipt_of("start_and_memory")
    package, stages = zip(*(import_seconds() for _ in range(options.repeats)), strict=True)
    results = {
        "import_ulmfit_lib_cpu_seconds": round(statistics.median(package), 4),
        "pure_stages_more_cpu_seconds": round(statistics.median(stages), 4),
    }
    finish_receipt(receipt, results, RESULTS / "speed_start.json")
    print(results)
    return int(statistics.median(package) > 0.05 or statistics.median(stages) > 0.03)


if __name__ == "__main__":
    sys.exit(main())
