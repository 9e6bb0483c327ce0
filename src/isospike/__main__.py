"""`python -m isospike` is the command line."""

from isospike_cli import main

main()
