"""Files to waveforms, waveforms to mels and back, mels to chunks and back."""
