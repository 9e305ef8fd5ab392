"""Analysis of the answers to a blind listening test."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

from melgan_vc.errors import UserError
from melgan_vc.evaluation import documents
from melgan_vc.evaluation.listening import COLUMNS, KINDS, Trial
from melgan_vc.evaluation.tables import aligned
from melgan_vc.measures.intervals import FEWEST, mean
from melgan_vc.text import counted

log = logging.getLogger(__name__)
NO_INTERVAL = "-"  # of fewer than 5 answers
MARKS = ("1", "2", "3", "4", "5")


def read_key(path: Path) -> dict[str, Trial]:
    """Read the key of a test.

    Args:
        path: of the file.

    Raises:
        UserError: it is no key.
    """
    try:
        found = documents.read_json(path)
    except UserError as error:
        raise UserError(f"{path.parent / str(error)}; give the key.json that the test came with") from error
    trials = {code: trial_of(one) for code, one in found.items()}
    known = {code: one for code, one in trials.items() if one is not None}
    if len(known) < len(trials):
        raise UserError(f"{path}: is no key of a listening test; give the key.json that the test came with")
    return known


def trial_of(entry: object) -> Trial | None:
    """Return the trial that an entry of a key describes; None if it describes none."""
    if not isinstance(entry, dict):
        return None
    kind, recording, systems = (entry.get(name) for name in ("kind", "recording", "systems"))
    if kind not in KINDS or not isinstance(recording, str) or not isinstance(systems, list):
        return None
    right = len(systems) == {"mos": 1, "abx": 2}[kind] and all(isinstance(one, str) for one in systems)
    return Trial(kind, recording, tuple(systems)) if right else None


def read_answers(paths: Sequence[Path], key: Mapping[str, Trial]) -> list[tuple[str, Trial, str]]:
    """Return listener, trial and answer of every line; the last one counts where a listener answered twice.

    Args:
        paths: of the files; one that is damaged or of another test is skipped with a warning.
        key: of the test.

    Raises:
        UserError: no file is left.
    """
    found: dict[tuple[str, str], tuple[str, Trial, str]] = {}
    problems = []
    for path in paths:
        try:
            answers = answers_of(path, key)
        except UserError as error:
            problems.append(str(error))
            continue
        found.update({(listener, code): (listener, key[code], answer) for listener, code, answer in answers})
    if not found:
        raise UserError(problems[0] if problems else "no answers were given")
    for problem in problems:
        log.warning("%s; skipped", problem)
    return list(found.values())


def answers_of(path: Path, key: Mapping[str, Trial]) -> list[tuple[str, str, str]]:
    """Return listener, code and answer of every line of a file.

    Raises:
        UserError: it holds something else, or answers to another test.
    """
    try:
        rows = list(documents.read_table(path, COLUMNS))
    except UserError as error:
        raise UserError(f"{path.parent / str(error)}; give the CSV that the page saved") from error
    if not rows:
        raise UserError(f"{path}: holds no answers; give the CSV that the page saved, with {', '.join(COLUMNS)}")
    for number, row in enumerate(rows, start=2):
        trial = key.get(row["trial"])
        if trial is None:
            raise UserError(f"{path}, line {number}: trial {row['trial']!r} is not in the key; give the test's own key")
        allowed = MARKS if trial.kind == "mos" else ("A", "B")
        if row["answer"] not in allowed:
            raise UserError(f"{path}, line {number}: {row['answer']!r} is no answer; one of {', '.join(allowed)} is")
    return [(row["listener"], row["trial"], row["answer"]) for row in rows]


def analysed(paths: Sequence[Path], key: Path) -> str:
    """Return the result of a listening test as tables with 95 % intervals."""
    answers = read_answers(paths, read_key(key))
    listeners = len({listener for listener, _, _ in answers})
    parts = [f"{counted(len(answers), 'answer')} of {counted(listeners, 'listener')}"]
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
    span = f"{found.low:.2f} to {found.high:.2f}" if found.has_interval else NO_INTERVAL
    return f"{found.value:.2f}", span, str(found.count)


def preference(one: str, other: str, won: Sequence[bool]) -> tuple[str, ...]:
    """The one that won more often first."""
    if 2 * sum(won) < len(won):
        one, other, won = other, one, [not each for each in won]
    test = binomtest(sum(won), len(won))
    interval = test.proportion_ci(method="wilson")
    enough = len(won) >= FEWEST
    span = f"{interval.low:.0%} to {interval.high:.0%}" if enough else NO_INTERVAL
    chance = f"{test.pvalue:.2g}" if enough else NO_INTERVAL
    return one, other, f"{sum(won) / len(won):.0%}", span, str(len(won)), chance
