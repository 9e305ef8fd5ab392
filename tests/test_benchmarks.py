"""What holds the benchmarks together; they themselves are run by hand."""

from benchmarks.__main__ import BENCHMARKS, ROOT, kept, markdown, write

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
