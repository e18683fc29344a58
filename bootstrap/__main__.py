"""`python -m bootstrap`: the generator command."""

from bootstrap.cli.main import main

if __name__ == "__main__":
    main()
