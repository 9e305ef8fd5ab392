"""What happens beside the training step, one concern a file."""
