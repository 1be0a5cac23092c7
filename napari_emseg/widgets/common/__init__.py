"""Shared Qt parts: background work, docks, navigation and preferences."""
