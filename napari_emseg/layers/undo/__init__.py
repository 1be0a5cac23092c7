"""What was done in a viewer, in order: undo, redo, and how it is said."""
