"""A jazz trio (piano, double bass, brushes or ride drums), composed from a seed.

Swing at 2:1, a walking bass, rootless piano chords, and a melody that aims for chord tones over
ii-V-I chains, turnarounds, tritone substitutions and blues bars. All of it is new music.
"""

from __future__ import annotations

import random

from score import KINDS, Chord, Note, Piece, chord_at, nearest, step

PIANO, LEFT_HAND, BASS, DRUMS = 0, 1, 2, 9
ACOUSTIC_BASS, GRAND_PIANO, JAZZ_KIT, BRUSH_KIT = 32, 0, 32, 40
SNARE_TAP, SNARE_SWIRL, RIDE, RIDE_BELL, PEDAL_HAT, KICK = 38, 40, 51, 53, 44, 36
SWING = 2 / 3

SECTIONS: tuple[tuple[tuple[int, str, int], ...], ...] = (
    ((2, "m7", 4), (7, "7", 4), (0, "maj7", 4), (9, "7", 4)),
    ((2, "m7", 4), (7, "7", 4), (0, "maj7", 8)),
    ((0, "maj7", 2), (9, "7", 2), (2, "m7", 2), (7, "7", 2)),
    ((4, "m7", 4), (9, "7", 4), (2, "m7", 4), (7, "7", 4)),
    ((2, "m7b5", 4), (7, "7", 4), (0, "m7", 8)),
    ((2, "m7", 4), (1, "7", 4), (0, "maj7", 8)),
    ((5, "m7", 4), (10, "7", 4), (0, "maj7", 4), (9, "m7", 4)),
    ((0, "maj7", 4), (1, "dim7", 4), (2, "m7", 4), (7, "7", 4)),
    ((0, "m7", 4), (5, "7", 4), (10, "maj7", 8)),
    ((0, "7", 4), (5, "7", 4), (0, "7", 8), (5, "7", 4), (6, "dim7", 4), (0, "7", 4), (9, "7", 4)),
)
"""Progressions: (semitones above the key, chord kind, length in beats)."""

COMPING: tuple[tuple[tuple[float, float], ...], ...] = (
    ((0, 1.2), (1 + SWING, 0.4)),
    ((SWING, 0.4), (2 + SWING, 0.9)),
    ((0, 3.0),),
    ((1, 0.4), (3, 0.4)),
    ((1 + SWING, 1.5), (3 + SWING, 0.3)),
    ((0, 0.3), (2, 0.5), (3 + SWING, 0.3)),
)
"""Left-hand rhythms for one bar: (beat, length), both in beats."""


def _form(key: int, bars: int, rng: random.Random) -> list[Chord]:
    """Chain progressions in `key` to `bars` 4/4 bars; the last three are ii, V and I."""
    shapes: list[tuple[int, str, int]] = []
    while sum(s[2] for s in shapes) < 4 * (bars - 3):
        shapes.extend(rng.choice(SECTIONS))
    chords, beat = [], 0.0
    for offset, kind, length in shapes:
        length = int(min(length, 4 * (bars - 3) - beat))
        if length > 0:
            chords.append(Chord((key + offset) % 12, kind, beat, length))
        beat += max(0, length)
    for offset, kind in ((2, "m7"), (7, "7"), (0, "maj7")):
        chords.append(Chord((key + offset) % 12, kind, beat, 4))
        beat += 4
    return chords


def _walk(chords: list[Chord], rng: random.Random) -> list[Note]:
    """A walking bass: root on each change, chord and scale notes, then a step into the next."""
    notes: list[Note] = []
    pitch = 38
    for i, chord in enumerate(chords[:-1]):
        target = nearest((chords[i + 1].root,), pitch + rng.choice((-4, 4)), 28, 50)
        pitch = nearest((chord.root,), pitch, 28, 50)
        count = int(chord.length)
        for beat in range(count):
            if beat == count - 1 and count > 1:
                pitch = target + rng.choice((-1, 1, 1, 7 if target < 40 else -5))
            elif beat:
                pool = chord.tones if beat % 2 == 0 else chord.scale
                aim = pitch + rng.choice((-4, -3, 3, 4)) + (target - pitch) * beat / count
                pitch = nearest(tuple(c for c in pool if c != pitch % 12), aim, 28, 52)
            start = chord.start + beat
            notes.append(Note(start, 0.92, pitch, rng.randint(84, 100), BASS))
            if rng.random() < 0.06:
                notes.append(Note(start + SWING, 0.25, pitch, rng.randint(60, 72), BASS))
    last = chords[-1]
    notes.append(Note(last.start, 3.8, nearest((last.root,), 36, 28, 48), 92, BASS))
    return notes


def _comp(chords: list[Chord], bars: int, rng: random.Random) -> list[Note]:
    """Rootless left-hand piano chords (3rd, 7th, and a 5th, 9th or 13th) in short rhythms."""
    notes: list[Note] = []
    centre = 55.0
    for bar in range(bars - 1):
        for beat, length in rng.choice(COMPING):
            start = 4 * bar + beat
            chord = chord_at(chords, start + 0.4)
            tones = KINDS[chord.kind][0]
            classes = {(chord.root + i) % 12 for i in (tones[1], tones[3], rng.choice((14, 7, 21)))}
            if chord.kind in ("dim7", "m7b5"):
                classes = set(chord.tones[1:])
            pitches = sorted(nearest((c,), centre, 48, 67) for c in classes)
            centre = 0.5 * centre + 0.5 * min(58, max(53, sum(pitches) / len(pitches)))
            loud = rng.randint(52, 68)
            notes.extend(Note(start, length, p, loud, LEFT_HAND) for p in pitches)
    last = chords[-1]
    notes.extend(Note(last.start, 3.8, nearest(((last.root + i) % 12,), 57, 48, 66), 64, LEFT_HAND) for i in (4, 9, 11))
    return notes


def _phrase(chords: list[Chord], start: int, beats: int, pitch: int, rng: random.Random) -> list[Note]:
    """One swung line from beat `start`: scale runs, leaps to chord tones, chromatic approaches."""
    notes: list[Note] = []
    direction = rng.choice((-1, 1))
    for beat in range(start, start + beats):
        roll = rng.random()
        splits: tuple[tuple[float, float], ...] = ((0.0, SWING), (SWING, 1.0)) if roll < 0.68 else ((0.0, 1.0),)
        if roll > 0.9:
            splits = ((0.0, 1 / 3), (1 / 3, 2 / 3), (2 / 3, 1.0))
        for low, high in splits:
            chord = chord_at(chords, beat + low)
            if low == 0.0 and beat % 2 == 0:
                pitch = nearest(chord.tones, pitch + direction * rng.choice((1, 2, 3)), 60, 86)
            elif rng.random() < 0.12:
                pitch += direction
            else:
                pitch = step(chord.scale, pitch, direction * rng.choice((1, 1, 1, 2)))
            if not 62 < pitch < 84 or rng.random() < 0.18:
                direction = 1 if pitch < 64 else -1 if pitch > 82 else -direction
            loud = rng.randint(74, 88) + (10 if low > 0 else 0)
            notes.append(Note(beat + low, (high - low) * 0.9, pitch, loud, PIANO))
    return notes


def _melody(chords: list[Chord], bars: int, rng: random.Random) -> list[Note]:
    """Phrases of 3 to 9 beats with rests between, ending on a held chord tone."""
    notes: list[Note] = []
    beat, pitch = rng.choice((0, 1, 2)), rng.randint(67, 76)
    while beat < 4 * (bars - 1) - 1:
        length = min(rng.randint(3, 9), 4 * (bars - 1) - beat)
        notes.extend(_phrase(chords, beat, length, pitch, rng))
        pitch = min(80, max(64, notes[-1].pitch))
        beat += length + rng.choice((1, 1, 2, 2, 3))
    last = chords[-1]
    pitch = nearest((last.tones[1], last.tones[3], (last.root + 2) % 12), pitch, 64, 84)
    return [*notes, Note(last.start, 3.6, pitch, 84, PIANO)]


def _drums(bars: int, brushes: bool, rng: random.Random) -> list[Note]:
    """Swing time: ride (or brushed snare) pattern, pedal hi-hat on 2 and 4, soft kick, fills."""
    notes: list[Note] = []
    voice = SNARE_SWIRL if brushes else RIDE
    for beat in range(4 * (bars - 1)):
        hits = [(0.0, 62)] if beat % 2 == 0 and rng.random() > 0.15 else [(0.0, 72), (SWING, 54)]
        notes += [Note(beat + at, 0.3, voice, v + rng.randint(-6, 6), DRUMS) for at, v in hits]
        if brushes and beat % 2:
            notes.append(Note(beat, 0.3, SNARE_TAP, rng.randint(56, 70), DRUMS))
        if beat % 2:
            notes.append(Note(beat, 0.2, PEDAL_HAT, rng.randint(60, 74), DRUMS))
        notes.append(Note(beat, 0.2, KICK, rng.randint(24, 36), DRUMS))
        if not brushes and rng.random() < 0.2:
            notes.append(Note(beat + SWING, 0.2, SNARE_TAP, rng.randint(36, 62), DRUMS))
    end = 4.0 * (bars - 1)
    return [*notes, Note(end, 3.0, RIDE_BELL, 48, DRUMS), Note(end, 0.3, KICK, 52, DRUMS)]


def compose(seed: int, key: int, seconds: float) -> Piece:
    """Return a trio piece in `key` (0 is C) of about `seconds` s, at 112 to 184 beats a minute."""
    rng = random.Random(seed)
    tempo = rng.uniform(112, 184)
    bars = max(6, round(seconds * tempo / 60 / 4))
    chords = _form(key, bars, rng)
    brushes = rng.random() < 0.4
    notes = _walk(chords, rng) + _comp(chords, bars, rng) + _melody(chords, bars, rng)
    notes += _drums(bars, brushes, rng)
    kit = BRUSH_KIT if brushes else JAZZ_KIT
    programs = {PIANO: GRAND_PIANO, LEFT_HAND: GRAND_PIANO, BASS: ACOUSTIC_BASS, DRUMS: kit}
    return Piece(tempo, tuple(notes), programs)
