"""``python -m genlab``: the command line."""

import sys

if __name__ == "__main__":
    if not sys.flags.safe_path:
        del sys.path[0]  # a yaml.py that lies in the working directory is not the library
    from genlab.cli.main import main

    sys.exit(main())
