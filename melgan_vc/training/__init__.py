"""The Lightning module, its callbacks, and what builds and fits them."""
