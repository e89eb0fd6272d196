"""``python -m gateway.cli``: the command line from a checkout that is not installed."""

from gateway.cli.main import main

main()
