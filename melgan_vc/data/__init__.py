"""Folders of recordings to memory-mapped mels to batches of windows."""
