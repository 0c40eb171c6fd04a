"""`python -m daemon` is `harkd`. Shell around the command line."""

from daemon.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
