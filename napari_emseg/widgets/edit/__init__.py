"""The panel "Select and edit": tools, selections and edits."""
