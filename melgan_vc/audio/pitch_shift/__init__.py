"""Pitch and formants of a voice moved by constant factors, block by block: TD-PSOLA with a tracker of its own."""
