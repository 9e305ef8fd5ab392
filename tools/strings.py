"""A string ensemble (violins, viola, cello), composed from a seed in one of three textures.

Chorale: four parts with voice leading (small moves, no crossing, no parallel fifths or octaves).
Ostinato: a broken-chord figure under a long violin line. Canon: three voices, each a loop later,
over a cello ground. All of it is new music.
"""

from __future__ import annotations

import itertools
import random

from score import Chord, Note, Piece, chord_at, nearest, step

VIOLIN_1, VIOLIN_2, VIOLA, CELLO, TUTTI = 0, 1, 2, 3, 4
PROGRAMS = {VIOLIN_1: 40, VIOLIN_2: 40, VIOLA: 41, CELLO: 42, TUTTI: 48}
TEXTURES = ("chorale", "ostinato", "canon")

LOOPS: dict[str, tuple[tuple[tuple[int, str], ...], ...]] = {
    "major": (
        ((0, "maj"), (9, "min"), (5, "maj"), (7, "maj")),
        ((0, "maj"), (5, "maj"), (2, "min"), (7, "maj")),
        ((0, "maj"), (7, "maj"), (9, "min"), (5, "maj")),
        ((0, "maj"), (4, "min"), (5, "maj"), (7, "maj")),
        ((9, "min"), (2, "min"), (7, "maj"), (0, "maj")),
    ),
    "minor": (
        ((0, "min"), (8, "maj"), (5, "min"), (7, "maj")),
        ((0, "min"), (5, "min"), (10, "maj"), (3, "maj")),
        ((0, "min"), (3, "maj"), (8, "maj"), (7, "maj")),
        ((0, "min"), (2, "dim"), (7, "maj"), (0, "min")),
        ((8, "maj"), (5, "min"), (7, "maj"), (0, "min")),
    ),
}
"""Four-chord loops by mode: (semitones above the key, chord kind)."""

Voicing = tuple[int, int, int, int]


def _form(key: int, mode: str, loops: int, beats: int, same: bool, rng: random.Random) -> list[Chord]:
    """Chain loops, each chord `beats` long, and close on the key chord for twice as long."""
    first = rng.choice(LOOPS[mode])
    shapes = [s for _ in range(loops) for s in (first if same else rng.choice(LOOPS[mode]))]
    shapes += [(7, "maj"), (0, "maj" if mode == "major" else "min")]
    return [
        Chord((key + r) % 12, kind, i * beats, beats * (2 if i == len(shapes) - 1 else 1))
        for i, (r, kind) in enumerate(shapes)
    ]


def _parallels(old: Voicing, new: Voicing) -> int:
    """Count pairs of parts that move in parallel fifths or octaves."""
    pairs = itertools.combinations(range(4), 2)
    return sum(old[a] != new[a] and (old[b] - old[a]) % 12 == (new[b] - new[a]) % 12 in (0, 7) for a, b in pairs)


def _voice(chord: Chord, old: Voicing, rng: random.Random) -> Voicing:
    """Choose cello, viola and two violin pitches (MIDI, low to high) that follow `old` best."""
    bass = nearest((chord.root,), old[0], 38, 54)
    ranges = (range(52, 68), range(57, 74), range(65, 82))
    parts = [[p for p in r if p % 12 in chord.tones] for r in ranges]
    best: tuple[float, Voicing] | None = None
    for viola, second, first in itertools.product(*parts):
        new = (bass, viola, second, first)
        if not bass < viola < second < first or len({p % 12 for p in new}) < 3:
            continue
        cost = rng.random() * 3 + sum(abs(a - b) for a, b in zip(old[1:], new[1:], strict=True))
        cost += 9 * _parallels(old, new) + 3 * max(0, first - second - 12)
        if best is None or cost < best[0]:
            best = (cost, new)
    return best[1] if best else old


def _line(
    chords: list[Chord],
    rhythm: tuple[float, ...],
    low: int,
    high: int,
    channel: int,
    rng: random.Random,
) -> list[Note]:
    """A melody over the chords: chord tones on the beat, scale steps between; last chord held."""
    notes: list[Note] = []
    scale = tuple(sorted({c for chord in chords for c in chord.tones}))
    pitch, beat, end = (low + high) // 2, 0.0, chords[-1].start
    while beat < end - 1e-6:
        length = min(rng.choice(rhythm), end - beat)
        chord = chord_at(chords, beat)
        fit = tuple(c for c in scale if all((c - t) % 12 not in (1, 11) for t in chord.tones))
        if beat % 1 < 1e-6:
            pitch = nearest(chord.tones, pitch + rng.choice((-5, -3, -2, 2, 3, 5)), low, high)
        else:
            pitch = step(tuple(set(fit) | set(chord.tones)), pitch, rng.choice((-1, 1)))
        pitch = min(high, max(low, pitch))
        notes.append(Note(beat, length * 0.98, pitch, rng.randint(78, 94), channel))
        beat += length
    held = nearest(chords[-1].tones[:2], pitch, low, high)
    return [*notes, Note(end, chords[-1].length, held, 82, channel)]


def _chorale(chords: list[Chord], rng: random.Random) -> list[Note]:
    """Four held parts doubled by the full section, with passing notes in the first violin."""
    notes: list[Note] = []
    voicing: Voicing = (45, 57, 64, 72)
    for i, chord in enumerate(chords):
        voicing = _voice(chord, voicing, rng)
        loud = 74 + round(14 * (0.5 - abs(i / len(chords) - 0.5))) + rng.randint(-4, 4)
        for channel, pitch in zip((CELLO, VIOLA, VIOLIN_2, VIOLIN_1), voicing, strict=True):
            moving = channel == VIOLIN_1 and i < len(chords) - 1 and rng.random() < 0.5
            length = chord.length / 2 if moving else chord.length
            notes.append(Note(chord.start, length, pitch, loud, channel))
            notes.append(Note(chord.start, length, pitch, loud - 8, TUTTI))
            if moving:
                other = nearest(tuple(t for t in chord.tones if t != pitch % 12), pitch, 65, 83)
                notes.append(Note(chord.start + length, length, other, loud, channel))
                notes.append(Note(chord.start + length, length, other, loud - 8, TUTTI))
    return notes


def _ostinato(chords: list[Chord], rng: random.Random) -> list[Note]:
    """A broken-chord viola figure and cello pulse, under a slow first-violin line."""
    shape = rng.choice(((0, 1, 2, 1), (0, 2, 1, 2), (2, 1, 0, 1), (0, 1, 2, 0)))
    notes = _line(chords, (1.0, 2.0, 2.0, 3.0, 0.5), 67, 86, VIOLIN_1, rng)
    for chord in chords[:-1]:
        tones = sorted(nearest((t,), 60, 54, 68) for t in chord.tones)
        bass = nearest((chord.root,), 44, 38, 52)
        for i in range(int(chord.length * 2)):
            pitch = tones[shape[i % 4] % len(tones)]
            notes.append(Note(chord.start + i / 2, 0.48, pitch, 70 if i % 4 else 80, VIOLA))
        notes.append(Note(chord.start, chord.length, bass, 82, CELLO))
        notes += [Note(chord.start, chord.length, t + 12, 46, TUTTI) for t in tones[:2]]
    last = chords[-1]
    close = ((last.root, 42, CELLO), (last.tones[2], 58, VIOLA), (last.tones[1], 65, TUTTI))
    return notes + [
        Note(last.start, last.length, nearest((tone,), at, at - 7, at + 7), 76, channel) for tone, at, channel in close
    ]


def _canon(chords: list[Chord], beats: int, rng: random.Random) -> list[Note]:
    """Three voices in canon at one loop's distance over a cello ground; all loops are equal."""
    loop, last = 4 * beats, chords[-1]
    leader = _line(chords, (0.5, 0.5, 1.0, 1.0, 2.0), 67, 84, VIOLIN_1, rng)
    notes = list(leader)
    for late, channel, shift in ((loop, VIOLIN_2, 0), (2 * loop, VIOLA, -12)):
        body = last.start - beats
        notes += [
            Note(n.start + late, n.length, n.pitch + shift, n.velocity - 6, channel)
            for n in leader
            if n.start + late + n.length <= body + 0.01
        ]
        for chord in chords[-2:]:
            pitch = nearest(chord.tones, 71 + shift // 2, 55, 79)
            notes.append(Note(chord.start, chord.length, pitch, 74, channel))
    for chord in chords:
        root, fifth = (nearest((t,), 46, 38, 54) for t in (chord.root, chord.tones[2]))
        half = chord.length / 2
        notes.append(Note(chord.start, half, root, 80, CELLO))
        second = root if chord is last else fifth
        notes.append(Note(chord.start + half, half, second, 74, CELLO))
    return notes


def compose(seed: int, key: int, seconds: float, texture: str) -> Piece:
    """Return a string piece in `key` (0 is C) of about `seconds` s, at 60 to 125 beats a minute."""
    rng = random.Random(seed)
    mode = rng.choice(("major", "minor"))
    beats = rng.choice((2, 4)) if texture == "ostinato" and seconds > 15 else 2
    tempo = rng.uniform(58, 78) if texture == "chorale" else rng.uniform(68, 96)
    wanted = seconds * tempo / 60
    loops = max(2 if texture == "canon" else 1, round((wanted - 3 * beats) / (4 * beats)))
    tempo = 60 * (4 * beats * loops + 3 * beats) / seconds
    chords = _form(key, mode, loops, beats, texture == "canon", rng)
    if texture == "chorale":
        notes = _chorale(chords, rng)
    elif texture == "ostinato":
        notes = _ostinato(chords, rng)
    else:
        notes = _canon(chords, beats, rng)
    return Piece(tempo, tuple(notes), dict(PROGRAMS))
