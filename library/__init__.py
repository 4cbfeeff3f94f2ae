"""What a library is: images, their catalogue, embedders and vectors. Knows nothing of indexing or searching."""
