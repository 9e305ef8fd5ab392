"""Decoding of recordings: what a file holds, whether all of it is there, and which library reads it."""
