"""Which way each measure of a validation gets better."""

BETTER = {
    "mel_distance": "min",
    "travel": "min",
    "content_agreement": "max",
    "spread": "max",
    "change": "max",
    "seam_ratio": "min",
    "silence_level": "min",
    "f0_ratio": "none",  # 1 is best
    "to_target": "max",
    "to_source": "min",
}
