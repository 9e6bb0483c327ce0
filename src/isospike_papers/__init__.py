"""Claims of the papers that isospike comes from: a folder a paper, a file a table or figure."""
