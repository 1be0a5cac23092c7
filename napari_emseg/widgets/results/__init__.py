"""The menu "Result": tables, uncertainty, recipes and files of a result."""
