"""What holds the benchmarks together; they themselves are run by hand."""

import numpy as np
import pytest

from benchmarks.__main__ import BENCHMARKS, ROOT, kept, markdown, write
from benchmarks.known_answers import Answering, answers, first_sentence
from melgan_vc.bundle import Bundle

FOLDER = ROOT / "benchmarks"


def test_every_benchmark_is_run_and_explained():
    scripts = {path.stem for path in FOLDER.glob("*.py") if "def main()" in path.read_text()} - {"__main__"}
    assert {module for module, *_ in BENCHMARKS.values()} == scripts
    explained = (FOLDER / "README.md").read_text()
    assert all(f"`{name}`" in explained for name in BENCHMARKS)


def test_results_that_are_not_run_again_are_kept(tmp_path):
    path = tmp_path / "results.md"
    assert kept(path) == {}
    write(path, {"windows": "| a |\n| - |\n\nframework/bare 1.0", "memory": "old"})
    write(path, kept(path) | {"memory": "new"})
    assert kept(path) == {"windows": "| a |\n| - |\n\nframework/bare 1.0", "memory": "new"}
    assert path.read_text().startswith("# Results\n\nWritten by")


def test_lines_that_are_no_table_stay_lines():
    assert (
        markdown("1 of 2\n3 of 4\n\n| a |\n| - |\n\nratio 1.0")
        == "    1 of 2\n    3 of 4\n\n| a |\n| - |\n\n    ratio 1.0"
    )


def test_models_whose_fault_is_known_have_that_fault(tiny_bundle: Bundle) -> None:
    rate = tiny_bundle.audio.sample_rate
    source, target = (
        {name: np.random.default_rng(seed).uniform(-1, 1, rate).astype(np.float32) for name, seed in seeds.items()}
        for seeds in ({"a": 1, "b": 2}, {"a": 3, "b": 4})
    )
    found = {
        name: Answering(tiny_bundle, answer).convert(source["b"][None], rate)[0]
        for name, answer in answers(source, target).items()
    }
    copy, one_sentence, noise, own = found.values()
    assert (copy == source["b"]).all() and (one_sentence == target["a"]).all()
    assert own == pytest.approx(10 ** (-5 / 20) * target["b"], rel=1e-5)
    assert max(abs(np.corrcoef(noise, one)[0, 1]) for one in (copy, one_sentence, own)) < 0.1


def test_a_verdict_is_cut_to_its_first_sentence() -> None:
    assert first_sentence("The model is NOT usable yet: all words are lost. Word error rate 1.2.").endswith("lost")
    assert first_sentence("It beats some: quality 0.94 of 1 (a: 0.2). All is") == "It beats some"
