"""The measures of an evaluation: their names, formats, and which way is better."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        heading: with the unit.
        form: of its numbers.
        better: "max", "min" or "none".
        about: what it is, for a reader who has never heard of it.
    """

    heading: str
    form: str
    better: str
    about: str


MEANS = {  # have an interval
    "to_target": Column(
        "cosine to target", ".3f", "max", "between speaker embeddings (resemblyzer) of the recording and of the target"
    ),
    "to_source": Column("cosine to source", ".3f", "min", "the same with the source"),
    "mcd": Column(
        "MCD (dB)",
        ".2f",
        "min",
        "mel-cepstral distortion against the target's recording of the sentence, aligned by dynamic time warping: "
        "WORLD's envelope, 24 coefficients, 5 ms",
    ),
    "modulation": Column(
        "modulation (dB)",
        ".1f",
        "min",
        "root mean square difference of modulation spectra of mel-cepstra: large for what is too smooth, or flutters",
    ),
    "f0_cents": Column("F0 off (cents)", ".0f", "min", "root mean square difference of log F0 on the same alignment"),
    "f0_correlation": Column("F0 correlation", ".2f", "max", "of log F0 there"),
    "voicing": Column("voicing F1", ".2f", "max", "of being voiced in the same places"),
    "cer": Column(
        "CER",
        ".2f",
        "min",
        "character error rate of what a recogniser hears, against the transcript where there is one, else against what "
        "it hears in the source: 0 keeps all words",
    ),
    "wer": Column("WER", ".2f", "min", "the same for words"),
    "distillmos": Column(
        "DistillMOS", ".2f", "max", "predicted mean opinion score of the sound of speech, from 1 (bad) to 5 (excellent)"
    ),
    "dnsmos": Column(
        "DNSMOS", ".2f", "max", "the same by a predictor that was trained on noisy speech (P.835, overall quality)"
    ),
    "genre": Column(
        "called target",
        ".0%",
        "max",
        "share of recordings that a classifier of the two genres, by timbre, calls the target",
    ),
    "genre_share": Column("target probability", ".2f", "max", "that the classifier gives them"),
    "chroma": Column(
        "chroma to source", ".2f", "max", "cosine of pitch classes (CENS) with the source's clip: 1 keeps the melody"
    ),
    "chroma_other": Column(
        "chroma to others", ".2f", "none", "the same with other clips of the source: what chance gives"
    ),
    "seams": Column(
        "seams",
        ".2f",
        "none",
        "change of the mel from frame to frame where chunks meet, against elsewhere: 1 is no seam",
    ),
    "pauses": Column("pauses (dB)", ".0f", "min", "quietest twentieth of the frames, under the loudest tenth"),
}
WHOLE = {  # have none
    "quality": Column(
        "quality",
        ".2f",
        "max",
        "from 0 to 1: harmonic mean of words and likeness, times naturalness, each scaled from a floor to what the "
        "target's own recordings reach",
    ),
    "median_f0": Column("median F0 (Hz)", ".0f", "none", "over all voiced frames"),
    "f0_error": Column("F0 against target", "+.1%", "none", "of that median"),
    "f0_spread": Column(
        "F0 spread (semitones)", ".1f", "none", "standard deviation of log F0: how lively the melody is"
    ),
    "frechet": Column(
        "Frechet",
        ".3f",
        "min",
        "squared Frechet distance to the target's held-out recordings: for voices of resemblyzer's embeddings of "
        "pieces of 1.6 s, for music of the classifier's scaled timbre of pieces of 3 s",
    ),
    "mel_distance": Column(
        "mel distance (dB)", ".1f", "min", "of mean, spread and change of each mel bin, to the target's recordings"
    ),
}
COLUMNS = MEANS | WHOLE
VOICE = ("quality", "to_target", "cer", "wer", "distillmos", "dnsmos", "mcd", "f0_cents", "median_f0", "f0_error")
MUSIC = ("genre", "chroma", "chroma_other", "frechet", "mel_distance", "seams")
