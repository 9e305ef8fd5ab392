"""MelGAN-VC: voice and music style transfer from unpaired recordings, as a Lightning experiment framework."""

__version__ = "0.1.0"
