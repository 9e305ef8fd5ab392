"""Notes, chords and pieces, and the way from a piece to a standard MIDI file (by mido)."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import mido

TICKS_PER_BEAT = 480

KINDS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "maj": ((0, 4, 7), (0, 2, 4, 5, 7, 9, 11)),
    "min": ((0, 3, 7), (0, 2, 3, 5, 7, 8, 10)),
    "dim": ((0, 3, 6), (0, 1, 3, 5, 6, 8, 10)),
    "maj7": ((0, 4, 7, 11), (0, 2, 4, 6, 7, 9, 11)),
    "m7": ((0, 3, 7, 10), (0, 2, 3, 5, 7, 9, 10)),
    "7": ((0, 4, 7, 10), (0, 2, 4, 5, 7, 9, 10)),
    "m7b5": ((0, 3, 6, 10), (0, 1, 3, 5, 6, 8, 10)),
    "dim7": ((0, 3, 6, 9), (0, 2, 3, 5, 6, 8, 9, 11)),
}
"""Chord kind to (chord tones, scale), both in semitones above the root."""


@dataclass(frozen=True)
class Note:
    """One note: start and length in beats, MIDI pitch and velocity, MIDI channel from 0."""

    start: float
    length: float
    pitch: int
    velocity: int
    channel: int


@dataclass(frozen=True)
class Chord:
    """A chord: root pitch class (0 is C), kind (a key of `KINDS`), start and length in beats."""

    root: int
    kind: str
    start: float
    length: float

    @property
    def tones(self) -> tuple[int, ...]:
        """The pitch classes of the chord, root first."""
        return tuple((self.root + i) % 12 for i in KINDS[self.kind][0])

    @property
    def scale(self) -> tuple[int, ...]:
        """The pitch classes of the scale that fits the chord, root first."""
        return tuple((self.root + i) % 12 for i in KINDS[self.kind][1])


@dataclass(frozen=True)
class Piece:
    """A short composition: tempo in beats per minute, notes, and a GM program per channel."""

    tempo_bpm: float
    notes: tuple[Note, ...]
    programs: dict[int, int]


def chord_at(chords: list[Chord], beat: float) -> Chord:
    """Return the chord that sounds at `beat` (in beats from the start)."""
    return next((c for c in reversed(chords) if c.start <= beat + 1e-6), chords[0])


def nearest(classes: tuple[int, ...], around: float, low: int, high: int) -> int:
    """Return the MIDI pitch in [low, high] of one of the pitch classes nearest to `around`."""
    return min((p for p in range(low, high + 1) if p % 12 in classes), key=lambda p: abs(p - around))


def step(scale: tuple[int, ...], pitch: int, steps: int) -> int:
    """Move `pitch` (MIDI) by `steps` steps of the scale, down where negative."""
    direction = 1 if steps > 0 else -1
    for _ in range(abs(steps)):
        pitch += direction
        while pitch % 12 not in scale:
            pitch += direction
    return pitch


def write_midi(piece: Piece, path: Path, rng: random.Random, looseness: float = 0.008) -> None:
    """Write the piece as a MIDI file, each onset moved at random by up to `looseness` beats.

    Channel 9 is the General MIDI drum channel; its program picks the drum kit.
    """
    events: list[tuple[int, int, mido.Message]] = []
    for n in piece.notes:
        on = max(0, round((n.start + rng.uniform(-looseness, looseness)) * TICKS_PER_BEAT))
        off = on + max(20, round(n.length * TICKS_PER_BEAT))
        velocity = min(127, max(1, n.velocity))
        message = {"note": n.pitch, "channel": n.channel}
        events.append((on, 1, mido.Message("note_on", velocity=velocity, **message)))
        events.append((off, 0, mido.Message("note_off", velocity=0, **message)))
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(piece.tempo_bpm)))
    for channel, program in sorted(piece.programs.items()):
        track.append(mido.Message("program_change", channel=channel, program=program))
    now = 0
    for tick, _, event in sorted(events, key=lambda e: (e[0], e[1], e[2].channel, e[2].note)):
        track.append(event.copy(time=tick - now))
        now = tick
    track.append(mido.MetaMessage("end_of_track", time=TICKS_PER_BEAT))
    midi = mido.MidiFile(ticks_per_beat=TICKS_PER_BEAT)
    midi.tracks.append(track)
    midi.save(path)
