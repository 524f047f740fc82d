"""Become a server: drop to its account, agree to end with the parent, then turn into the program.

Run by path, in a Python without site packages, between the supervisor's fork and the program, because what
it does cannot be done safely in a forked copy of a process that has threads.

    launch.py UID GID SIGNAL PARENT PROGRAM [ARGUMENT ...]
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h
EX_UNAVAILABLE, EX_NOPERM = 69, 77  # sysexits.h


def main() -> None:
    """Replace this process by the program; exit with 77 or 69 when that cannot be."""
    uid, gid, signal, parent = (int(word) for word in sys.argv[1:5])
    program = sys.argv[5:]
    if uid != os.geteuid():
        try:
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
        except OSError as error:
            print(f"cannot become uid {uid}: {error}", file=sys.stderr)  # noqa: T201
            sys.exit(EX_NOPERM)
    os.umask(0o077)
    if sys.platform == "linux":
        # After the change of account, which clears it (prctl(2)).
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit(EX_NOPERM)  # the parent died before we could ask
    try:
        os.execv(program[0], program)  # noqa: S606 - there is no shell
    except OSError as error:
        print(f"{program[0]} cannot be run: {error.strerror}", file=sys.stderr)  # noqa: T201
        sys.exit(EX_UNAVAILABLE)


main()
