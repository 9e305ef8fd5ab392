"""Generator, discriminator and siamese network: plain arguments in, tensors out."""
