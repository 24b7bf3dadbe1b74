"""`python -m coldstart_sft …` is `coldstart …`."""

import os
import sys

from ._find_coldstart import find_coldstart_bin


def main() -> None:
    binary = find_coldstart_bin()
    if sys.platform == "win32":
        import subprocess

        sys.exit(subprocess.run([binary, *sys.argv[1:]]).returncode)
    os.execv(binary, [binary, *sys.argv[1:]])


if __name__ == "__main__":
    main()
