"""Files: decode, write safely, pixel sizes and samples."""
