"""Blind listening tests: a page that asks, and an analysis of what was answered.

Two kinds of trials. ABX, here for likeness: X is the target's own voice, A and B are two conversions of one recording
in a random order; which one is more like X? MOS (ITU-T P.800): how natural is one recording, from 1 to 5? The page
holds no names of systems: they are in the key, which stays with whoever asks.
"""

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

from melgan_vc.errors import UserError
from melgan_vc.evaluation import page
from melgan_vc.evaluation.kept import CONVERTED, Evaluation, kind_name, read, tracks
from melgan_vc.evaluation.tables import aligned
from melgan_vc.files import replacing
from melgan_vc.measures.intervals import mean

TEST, KEY = "listening_test.html", "key.json"
KINDS = ("abx", "mos")
LEVEL = 0.05  # root mean square that all recordings get, so that the louder one is not the better one
LOUDEST = 0.95
COLUMNS = ("listener", "trial", "answer", "seconds")
MARKS = ("1", "2", "3", "4", "5")


@dataclass(frozen=True)
class Trial:
    """A question, as the key has it.

    Attributes:
        kind: abx or mos.
        recording: that is heard.
        systems: what A and B are, or what is rated.
    """

    kind: str
    recording: str
    systems: tuple[str, ...]

    def code(self, seed: int) -> str:
        """A name that tells nothing."""
        return hashlib.sha256(json.dumps([seed, self.kind, self.recording, self.systems]).encode()).hexdigest()[:12]


def write(folders: Sequence[Path], output: Path, kinds: Sequence[str], recordings: int, seed: int) -> int:
    """Write the page of a test of evaluations, and its key; returns how many questions there are.

    Args:
        folders: of ``melgan_vc.evaluate``.
        output: gets both files.
        kinds: of trials, "abx" and "mos".
        recordings: of each system, at most.
        seed: of their choice and of what is A and what is B.
    """
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown or not kinds:
        raise UserError(f"kinds is {list(kinds)}: give some of {', '.join(KINDS)}")
    evaluations = read(folders)
    random = np.random.default_rng(seed)
    names = evaluations[0].names("source")
    chosen = sorted(random.permutation(len(names))[:recordings].tolist())
    trials: dict[str, Trial] = {}
    asked = []
    for place in chosen:
        for trial, sounds in questions(evaluations, names[place], place, kinds, random):
            code = trial.code(seed)
            trials[code] = trial
            asked.append({"code": code, "kind": trial.kind, "sounds": sounds})
    order = random.permutation(len(asked))
    content = {
        "title": "Listening test",
        "asked": [asked[one] for one in order],
        "columns": COLUMNS,
        "test": digest(trials),
    }
    page.write(output / TEST, "listening.html", content)
    with replacing(output / KEY) as temporary:
        temporary.write_text(
            json.dumps({code: asdict(one) for code, one in trials.items()}, indent=1), encoding="utf-8"
        )
    return len(asked)


def digest(trials: Mapping[str, Trial]) -> str:
    """A name of the test, so that answers to another one are not mixed up with it."""
    return hashlib.sha256("".join(sorted(trials)).encode()).hexdigest()[:8]


def questions(
    evaluations: Sequence[Evaluation], name: str, place: int, kinds: Sequence[str], random: np.random.Generator
) -> Iterator[tuple[Trial, list[str]]]:
    """The trials of a recording, each with the addresses of its sounds."""
    found = list(tracks(evaluations, name, place))
    rate = evaluations[0].record["audio"]["sample_rate"]
    sounds = {one.label: page.sound(levelled(one.waveform), rate) for one in found}
    if "mos" in kinds:
        for one in found:
            yield Trial("mos", name, (system(one.label, one.kind),)), [sounds[one.label]]
    if "abx" not in kinds:
        return
    models = [kind_name(evaluations, one) for one in evaluations]
    rivals = [one.label for one in found if one.kind in evaluations[0].record["baselines"]]
    pairs = list(combinations(models, 2)) or [(models[0], rival) for rival in rivals]
    like = other_target(evaluations[0], name, random)
    for pair in pairs:
        first, second = (pair[place] for place in random.permutation(2))
        yield Trial("abx", name, (first, second)), [page.sound(levelled(like), rate), sounds[first], sounds[second]]


def system(label: str, kind: str) -> str:
    """The same for all recordings."""
    return label if kind == CONVERTED else kind


def other_target(evaluation: Evaluation, name: str, random: np.random.Generator) -> np.ndarray:
    """A recording (N,) of the target with other words, if there is one."""
    names = evaluation.names("target")
    others = [one for one in names if one != name] or names
    found = evaluation.waveform(others[int(random.integers(len(others)))], "target")
    assert found is not None
    return found


def levelled(waveform: np.ndarray) -> np.ndarray:
    """A waveform (N,) at one level."""
    rms = float(np.sqrt(np.square(waveform).mean()))
    return waveform * min(LEVEL / max(rms, 1e-9), LOUDEST / max(float(np.abs(waveform).max()), 1e-9))


def read_key(path: Path) -> dict[str, Trial]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {code: Trial(one["kind"], one["recording"], tuple(one["systems"])) for code, one in found.items()}
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror}); give the key.json that the test came with"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: is no key of a listening test; give the key.json that the test came with") from error


def read_answers(paths: Sequence[Path], key: Mapping[str, Trial]) -> list[tuple[str, Trial, str]]:
    """Listener, trial and answer of every line; the last one counts where a listener answered twice."""
    found: dict[tuple[str, str], tuple[str, Trial, str]] = {}
    for path in paths:
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                rows = list(csv.DictReader(file))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise UserError(f"{path}: cannot be read as answers ({error}); give the CSV that the page saved") from error
        if not rows or not set(COLUMNS) <= rows[0].keys():
            raise UserError(f"{path}: holds no answers; give the CSV that the page saved, with {', '.join(COLUMNS)}")
        for number, row in enumerate(rows, start=2):
            trial = key.get(row["trial"])
            if trial is None:
                raise UserError(
                    f"{path}, line {number}: trial {row['trial']!r} is not in the key; give the test's own key"
                )
            allowed = MARKS if trial.kind == "mos" else ("A", "B")
            if row["answer"] not in allowed:
                raise UserError(
                    f"{path}, line {number}: {row['answer']!r} is no answer; one of {', '.join(allowed)} is"
                )
            found[row["listener"], row["trial"]] = (row["listener"], trial, row["answer"])
    return list(found.values())


def analysed(paths: Sequence[Path], key: Path) -> str:
    """What listeners found, as tables with 95 % intervals."""
    answers = read_answers(paths, read_key(key))
    listeners = len({listener for listener, _, _ in answers})
    parts = [f"{len(answers)} answers of {listeners} {'listener' if listeners == 1 else 'listeners'}"]
    marks: dict[str, list[float]] = {}
    wins: dict[tuple[str, str], list[bool]] = {}
    for _, trial, answer in answers:
        if trial.kind == "mos":
            marks.setdefault(trial.systems[0], []).append(float(answer))
        else:
            one, other = sorted(trial.systems)
            wins.setdefault((one, other), []).append(trial.systems["AB".index(answer)] == one)
    if marks:
        rows = [(name, *opinion(found)) for name, found in sorted(marks.items(), key=lambda one: -np.mean(one[1]))]
        parts += ["Naturalness, mean opinion (bootstrap):", aligned(("", "MOS", "95 % interval", "answers"), rows)]
    if wins:
        lines = [preference(*pair, found) for pair, found in sorted(wins.items())]
        headings = ("more like the target", "than", "share", "95 % interval", "answers", "p of chance")
        parts += ["Likeness, share of answers (Wilson, binomial test):", aligned(headings, lines)]
    return "\n\n".join(parts)


def opinion(marks: Sequence[float]) -> tuple[str, str, str]:
    found = mean(marks)
    return f"{found.value:.2f}", f"{found.low:.2f} to {found.high:.2f}", str(found.count)


def preference(one: str, other: str, won: Sequence[bool]) -> tuple[str, ...]:
    """The one that won more often first."""
    if 2 * sum(won) < len(won):
        one, other, won = other, one, [not each for each in won]
    test = binomtest(sum(won), len(won))
    interval = test.proportion_ci(method="wilson")
    span = f"{interval.low:.0%} to {interval.high:.0%}"
    return one, other, f"{sum(won) / len(won):.0%}", span, str(len(won)), f"{test.pvalue:.2g}"
