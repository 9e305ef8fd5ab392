"""Blind listening tests: a page that asks, and the key to what was heard.

Two kinds of trials. ABX, here for likeness: X is the target's own voice, A and B are two conversions of one recording
in a random order; which one is more like X? MOS (ITU-T P.800): how natural is one recording, from 1 to 5? The page
holds no names of systems: they are in the key, which stays with whoever asks.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from melgan_vc.errors import UserError
from melgan_vc.evaluation import documents, page
from melgan_vc.evaluation.comparison import comparable, difference
from melgan_vc.evaluation.kept import Evaluation, read
from melgan_vc.evaluation.kept import found as found_evaluations
from melgan_vc.evaluation.speakers import CONVERTED
from melgan_vc.evaluation.tracks import kind_name, tracks
from melgan_vc.files import replacing

TEST, KEY = "listening_test.html", "key.json"
KINDS = ("abx", "mos")
LEVEL = 0.05  # root mean square that all recordings get, so that the louder one is not the better one
LOUDEST = 0.95
COLUMNS = ("listener", "trial", "answer", "seconds")


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
    evaluations = read(found_evaluations(folders))
    groups = comparable(evaluations)
    if len(groups) > 1:
        raise UserError(
            f"{groups[0][0].folder} and {groups[1][0].folder}: did not measure the same recordings in the same way "
            f"({difference(groups, groups[0])}; {difference(groups, groups[1])}); a test needs evaluations that did"
        )
    random = np.random.default_rng(seed)
    names = list(dict.fromkeys(evaluations[0].names("source")))
    chosen = sorted(random.permutation(len(names))[:recordings].tolist())
    trials: dict[str, Trial] = {}
    asked = []
    for place in chosen:
        for trial, sounds in questions(evaluations, names[place], place, kinds, random):
            code = trial.code(seed)
            trials[code] = trial
            asked.append({"code": code, "kind": trial.kind, "sounds": sounds})
    if not asked:
        raise UserError("no question can be asked of these evaluations: their sounds are missing; evaluate again")
    content_of_key = json.dumps({code: asdict(one) for code, one in trials.items()}, indent=1)
    refuse_another_key(output / KEY, content_of_key)
    order = random.permutation(len(asked))
    content = {
        "title": "Listening test",
        "asked": [asked[one] for one in order],
        "columns": COLUMNS,
        "test": digest(trials),
    }
    page.write(output / TEST, "listening.html", content)
    with replacing(output / KEY) as temporary:
        temporary.write_text(content_of_key, encoding="utf-8")
    return len(asked)


def refuse_another_key(path: Path, content: str) -> None:
    """Refuse to replace the key of another test: nobody could tell any more what its listeners heard."""
    if not os.path.lexists(path):
        return
    try:
        there = documents.read_text(path)
    except UserError as error:
        raise UserError(f"{path.parent}: {error}; give another output") from error
    if there != content:
        raise UserError(f"{path}: is the key of another test, which its answers need; give another output")


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
    models = [name for name in (kind_name(evaluations, one) for one in evaluations) if name in sounds]
    rivals = [one.label for one in found if one.kind in evaluations[0].record["baselines"]]
    pairs = list(combinations(models, 2)) or [(model, rival) for model in models[:1] for rival in rivals]
    like = other_target(evaluations[0], name, random)
    for pair in pairs if like is not None else ():
        first, second = (pair[place] for place in random.permutation(2))
        assert like is not None
        yield Trial("abx", name, (first, second)), [page.sound(levelled(like), rate), sounds[first], sounds[second]]


def system(label: str, kind: str) -> str:
    """Return the name of what made a sound in a listening test, which is one for all recordings."""
    return label if kind == CONVERTED else kind


def other_target(evaluation: Evaluation, name: str, random: np.random.Generator) -> np.ndarray | None:
    """A recording (N,) of the target with other words, if there is one; None where its sound is missing."""
    names = evaluation.names("target")
    others = [one for one in names if one != name] or names
    return evaluation.waveform(others[int(random.integers(len(others)))], "target")


def levelled(waveform: np.ndarray) -> np.ndarray:
    """A waveform (N,) at one level."""
    rms = float(np.sqrt(np.square(waveform).mean()))
    return waveform * min(LEVEL / max(rms, 1e-9), LOUDEST / max(float(np.abs(waveform).max()), 1e-9))
