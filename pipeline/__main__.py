"""`python -m pipeline` is the command `longcap`."""

from longcap.__main__ import entry

if __name__ == "__main__":
    entry()
