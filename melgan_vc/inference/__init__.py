"""Bundles at work: mels to mels, files to files."""
