"""`python -m isospike` is the command line."""

from isospike.cli import main

main()
