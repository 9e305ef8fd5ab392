"""Where figures, sounds and pictures of a training go, in files that a resumed training continues."""
