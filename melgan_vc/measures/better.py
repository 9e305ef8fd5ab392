"""Which way each measure of a validation gets better."""

NO_WAY = "none"  # such as a ratio: 1 is best
BETTER = {
    "mel_distance": "min",
    "travel": "min",
    "content_agreement": "max",
    "spread": "max",
    "change": "max",
    "seam_ratio": "min",
    "silence_level": "min",
    "f0_ratio": NO_WAY,
    "to_target": "max",
    "to_source": "min",
    "distillmos": "max",
    "dnsmos": "max",
    "cer": "min",
    "wer": "min",
    "quality": "max",
}
