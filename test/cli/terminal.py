#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""terminal.py COLUMNS COMMAND...: run it on a terminal of so many columns, and print the lines that are left on the screen.
RAW=FILE in the environment gets what was written as it came. KEYS=TEXT is typed when the first carriage return has come.
The exit code is the command's."""
import fcntl
import os
import pty
import struct
import sys
import termios

columns = int(sys.argv[1])
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(2, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))
    os.execvp(sys.argv[2], sys.argv[2:])
raw, keys = b'', os.environ.get('KEYS', '').encode()
while True:
    try:
        part = os.read(fd, 65536)
    except OSError:
        break
    if not part:
        break
    raw += part
    if keys and b'\rep' in raw:
        os.write(fd, keys)
        keys = b''
if os.environ.get('RAW'):
    with open(os.environ['RAW'], 'wb') as f:
        f.write(raw)
lines, at = [[]], 0
for c in raw.decode():
    if c == '\n':
        lines.append([])
        at = 0
    elif c == '\r':
        at = 0
    else:
        lines[-1][at:at + 1] = [c]
        at += 1
print('\n'.join(''.join(line).rstrip() for line in lines).rstrip('\n'))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
