"""How good conversions of voices are as one number, on held-out recordings in training and in an evaluation.

The quality of a kind of recording is the harmonic mean of likeness and words, times naturalness. Each part is 0 at its
floor and 1 at its ceiling:

=========== ================================= ===================================== ==============================
part        measure                           floor                                 ceiling
=========== ================================= ===================================== ==============================
words       character error rate              unrelated sentences, 0.75             the target's own recordings
likeness    cosine to the target's speaker    the source speaker's own recordings   the target's own recordings
naturalness DistillMOS                        the lowest score, 1                   the target's own recordings
=========== ================================= ===================================== ==============================

So a copy of the source has no likeness, one sentence of the target for whatever comes in has no words, noise has
neither naturalness nor words, and none of them has any quality. A part that is 0 makes the quality 0 even where another
part cannot be measured, as noise has no speaker.
"""

import math
from dataclasses import dataclass

UNRELATED_CER = 0.75  # between two English sentences of one length
LOWEST_MOS = 1.0
NAN = float("nan")


@dataclass(frozen=True)
class Scores:
    """What is measured of the recordings of one kind, in the mean; NaN where it is not.

    Attributes:
        cer: character error rate.
        to_target: cosine to the target's speaker.
        distillmos: predicted mean opinion score.
    """

    cer: float = NAN
    to_target: float = NAN
    distillmos: float = NAN


@dataclass(frozen=True)
class Quality:
    """The parts of a kind's quality, from 0 to 1; NaN where one is not measured.

    Attributes:
        words: that are kept.
        likeness: to the target's speaker.
        naturalness: of the sound.
    """

    words: float
    likeness: float
    naturalness: float

    @property
    def total(self) -> float:
        """The harmonic mean of likeness and words, times naturalness."""
        if 0.0 in (self.words, self.likeness, self.naturalness):
            return 0.0
        return 2 * self.words * self.likeness / (self.words + self.likeness) * self.naturalness


def quality_of(found: Scores, source: Scores, target: Scores) -> Quality:
    """Return the quality of recordings.

    Args:
        found: scores of the recordings.
        source, target: scores of the source speaker's and the target's own recordings.
    """
    return Quality(
        scaled(-found.cer, -UNRELATED_CER, 0.0 if math.isnan(target.cer) else -target.cer),
        scaled(found.to_target, source.to_target, target.to_target),
        scaled(found.distillmos, LOWEST_MOS, target.distillmos),
    )


def scaled(found: float, floor: float, ceiling: float) -> float:
    """Return where a value lies between floor (0) and ceiling (1), not beyond.

    NaN where one of them is unknown, or where the ceiling is not above the floor: of recordings whose words nobody
    recognises, or of two domains with one speaker.
    """
    if any(map(math.isnan, (found, floor, ceiling))) or floor >= ceiling:
        return math.nan
    return min(max((found - floor) / (ceiling - floor), 0.0), 1.0)
