"""Numbers from mels and waveforms: pure functions, for training and evaluation alike."""
