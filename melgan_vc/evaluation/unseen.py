"""Recordings of speakers that a model was not trained on, to convert beside those of the trained source."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from melgan_vc import files
from melgan_vc.errors import UserError
from melgan_vc.evaluation.material import DOMAINS, Clip, Material, of_folder
from melgan_vc.evaluation.protocol import Waveforms
from melgan_vc.evaluation.selection import by_name, paired, refuse_empty, some
from melgan_vc.evaluation.session import ALL_KINDS, digest, file_of
from melgan_vc.evaluation.speakers import Speaker
from melgan_vc.evaluation.waveforms import audible, refuse_silence
from melgan_vc.text import printable

MOST = 10  # speakers
LONGEST = 60  # characters of a name


@dataclass(frozen=True)
class Unseen:
    """A speaker that was in no training of the model.

    Attributes:
        speaker: what the rows are called.
        folder: of the recordings.
        clips: recordings to convert.
        paired: each is of the same sentence as the target's recording of its name.
    """

    speaker: Speaker
    folder: Path
    clips: Sequence[Clip]
    paired: bool

    def heard(self, sample_rate: int, seconds: float) -> dict[str, np.ndarray]:
        """Return the waveforms (N,) by name, so many seconds of each at most; silent and damaged ones are not.

        Raises:
            UserError: nothing is left.
        """
        found = audible(self.clips, sample_rate, seconds, f"speaker {self.speaker.name}")
        refuse_silence(found, str(self.folder), f"speaker {self.speaker.name}")
        return found

    def about(self, waveforms: Waveforms) -> dict[str, object]:
        """Return what a record says of the speaker.

        Args:
            waveforms: (N,) that are converted, by name.
        """
        return {
            "place": str(self.folder),
            "held_out": len(waveforms),
            "content": digest(waveforms),
            "paired": self.paired,
        }


def unseen_speakers(folders: Sequence[Path], own: Sequence[Path]) -> dict[Speaker, Path]:
    """Return the speakers of folders.

    Args:
        folders: one a speaker, which is called by its name; where two have one name, or one has that of a domain, by
            more of their paths.
        own: folders of what the model was trained on, and of its held-out recordings.

    Raises:
        UserError: a folder is one of those, or is there twice; or names are too much alike.
    """
    real = [os.path.realpath(folder) for folder in folders]
    trained = {os.path.realpath(folder) for folder in own}
    for place, folder in enumerate(folders):
        if real[place] in trained:
            raise UserError(f"{folder}: is a folder of the trained source or target; give unseen folders of others")
        if real[place] in real[:place]:
            raise UserError(f"{folder}: is in unseen twice; give each speaker once")
    if len(folders) > MOST:
        raise UserError(f"unseen names {len(folders)} speakers: give {MOST} at most, and evaluate again for others")
    parts = files.last_parts([one.absolute() for one in folders], DOMAINS)
    names = [printable(name)[-LONGEST:] for name in parts]
    found = {Speaker(name): folder for name, folder in zip(names, folders, strict=True)}
    kinds = [*(kind for known in ALL_KINDS.values() for kind in known), *(kind for one in found for kind in one.kinds)]
    if len({file_of("", kind) for kind in kinds}) < len(kinds) or len(found) < len(folders):
        raise UserError(
            f"unseen: folders called {', '.join(names)} cannot be told apart in names of files; "
            "name each after its speaker in letters and digits"
        )
    return found


def chosen_of(
    speakers: Mapping[Speaker, Path],
    material: Material,
    most: int,
    split: str | None,
    sample_rate: int,
    seconds: float,
) -> list[Unseen]:
    """Return the recordings of speakers to convert.

    Of a speaker with recordings of the sentences that are measured, those; else those of the split by their own names,
    and of many those that a hash of their names chooses.

    Args:
        speakers: with their folders.
        material: that is measured; recordings of one path are of one sentence where its own are.
        most, split: see :func:`melgan_vc.evaluation.selection.chosen`.
        sample_rate, seconds: see :func:`melgan_vc.evaluation.material.of_folder`.

    Raises:
        UserError: there is no recording, or one of them is of the trained source or target.
    """
    found = []
    for speaker, folder in speakers.items():
        clips = of_folder(folder, sample_rate, seconds)
        refuse_known(folder, clips, material)
        pairs = paired(clips, material.held_out["target"]) if material.parallel else []
        if pairs:
            clips = [replace(one, name=other.name) for one, other in pairs]
        elif split is not None:
            part = by_name(clips, split)
            refuse_empty(str(folder), f"speaker {speaker.name}", part, clips, split)
            clips = part
        found.append(Unseen(speaker, folder, some(clips, most), bool(pairs)))
    return found


def refuse_known(folder: Path, clips: Sequence[Clip], material: Material) -> None:
    """Refuse recordings that are of the trained source or target, wherever a link leads."""
    every = [one.file for known in (*material.held_out.values(), *material.training.values()) for one in known]
    own = [one.file for one in clips if one.file is not None]
    same = files.inputs_among(own, [file for file in every if file is not None])
    if same:
        raise UserError(
            f"{folder}: {same[0].name} is a recording of the trained source or target; give unseen folders of others"
        )
