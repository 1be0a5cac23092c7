"""Labels out: the labeler, connected components and class statistics."""
