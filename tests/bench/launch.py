"""
Run one program and print its wall time, CPU time and peak memory: ``launch.py LIMIT_S PROGRAM ARGUMENTS...``.

A process's peak memory starts with that of the process it was forked from, so programs are not started by the bench
itself but by this script, run by ``python -I -S``, which is smaller than what it measures.
"""

import os
import signal
import sys
import time


def main() -> None:
    """
    Start, wait, tell; a program that takes longer than the limit is killed.
    """
    limit_s, program = int(sys.argv[1]), sys.argv[2:]
    started = time.monotonic()
    process = os.posix_spawn(program[0], program, os.environ)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(process, signal.SIGKILL))
    signal.alarm(limit_s)
    _, status, usage = os.wait4(process, 0)
    wall_s = time.monotonic() - started
    print("wall_s", wall_s, "cpu_s", usage.ru_utime + usage.ru_stime, "rss_mib", usage.ru_maxrss / 1024)
    sys.exit(os.waitstatus_to_exitcode(status) != 0)


if __name__ == "__main__":
    main()
