"""``python -m malote``: the program, where no script is installed."""

from malote.cli.main import main

if __name__ == "__main__":
    main()
