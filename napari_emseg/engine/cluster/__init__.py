"""K-means, Gaussian and Student mixtures, and information criteria."""
