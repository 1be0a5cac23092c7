"""Many pictures: apply what was done to one, and go through a folder."""
