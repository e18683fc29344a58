"""`python -m initialrunner`: the generator command, as `python -m bootstrap`."""

from bootstrap.cli.main import main

if __name__ == "__main__":
    main()
