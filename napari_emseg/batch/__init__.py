"""Many pictures: one model of all, one recipe for each, one table of what came out."""
