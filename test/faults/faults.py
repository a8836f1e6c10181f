#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What apg does when the system refuses, kills it or limits it.

    test/faults/faults.py points [NAME...]   each system call of each command fails in turn (needs strace)
    test/faults/faults.py kills [N]          N kills at random moments [1000], then one at each call (needs strace)
    test/faults/faults.py limits             limits on files, memory and descriptors; a disk that is full

After each run one of these must hold: exit 0, and every byte of output is what an undisturbed run writes; or exit 1, a
line on standard error that names the file or says that memory is out, and an old output as it was. No crash, no hang,
nothing half-written, and no temporary file left. What a kill leaves, the next run must remove. Prints counts, and each
run that broke the rule; exit 1 when one did. APG is the program, by default ./apg of this tree. `make check` runs
"points --quick" and "limits --quick", which take a part of each.
"""
import concurrent.futures
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), '../..'))
APG = os.environ.get('APG', os.path.join(ROOT, 'apg'))
SECONDS = 30  # after so many a run hangs
THREADS = 2   # runs at once

# A form of a command: name, arguments, standard input. IN/ is the folder of inputs, OUT/ that of outputs.
TRAIN = 'train -q --multi genres --hidden 4 --epochs 2 --threads 1 '
AT_EACH_STEP = '--state OUT/st --resume --state-every 0 '
STATE = TRAIN + '--batch-size 1024 ' + AT_EACH_STEP
FORMS = [
    ('train csv', TRAIN + '-o OUT/x IN/logs.csv', None),
    ('train csv 2 threads', TRAIN + '--threads 2 -o OUT/x IN/logs.csv', None),
    ('train pipe', TRAIN, 'logs.csv'),
    ('train two csv', TRAIN + '-o OUT/x IN/logs.csv IN/new.csv', None),
    ('train features', TRAIN.replace('--multi genres', '') + '-o OUT/x IN/logs.apgf', None),
    ('train pipe of features', TRAIN.replace('--multi genres', '') + '-o OUT/x -', 'logs.apgf'),
    ('train valid csv', TRAIN + '--valid IN/new.csv -o OUT/x IN/logs.csv', None),
    ('train valid features', TRAIN + '--valid IN/logs.apgf -o OUT/x IN/logs.csv', None),
    ('train from', 'train -q --epochs 1 --threads 1 --from IN/m.apg -o OUT/x IN/new.csv', None),
    ('train checkpoint', TRAIN + '--epochs 1 --checkpoint OUT/y -o OUT/x IN/logs.csv', None),
    ('train spooled', TRAIN + '--memory 0 --temp-dir OUT -o OUT/x IN/logs.csv', None),
    ('train state', STATE + '--epochs 1 -o OUT/x IN/logs.csv', None),
    ('train resume', STATE + '-o OUT/x', 'logs.csv'),
    ('train state online', 'train -q --online --multi genres --hidden 4 --threads 1 --batch-size 400 ' + AT_EACH_STEP + '-o OUT/x IN/logs.csv', None),
    ('train from state', 'train -q --epochs 1 --threads 1 --from IN/m.apg --from-state IN/st -o OUT/x IN/new.csv', None),
    ('train rejects', TRAIN + '--on-error skip --rejects OUT/y -o OUT/x IN/bad.csv', None),
    ('predict csv', 'predict -q --threads 1 -m IN/m.apg -o OUT/x IN/new.csv', None),
    ('predict csv 2 threads', 'predict --threads 2 -m IN/m.apg -o OUT/x IN/new.csv', None),
    ('predict pipe', 'predict -q --threads 1 -m IN/m.apg', 'new.csv'),
    ('predict model by pipe', 'predict -q --threads 1 -m - IN/new.csv', 'm.apg'),
    ('predict features', 'predict -q --threads 1 -m IN/m.apg -o OUT/x IN/logs.apgf', None),
    ('predict pipe of features', 'predict -q --threads 1 -m IN/m.apg', 'logs.apgf'),
    ('predict append', 'predict --threads 1 --append -m IN/m.apg -o OUT/x IN/new.csv IN/logs.csv', None),
    ('predict id', 'predict -q --threads 1 --id user_id -m IN/m.apg -o OUT/link IN/new.csv', None),
    ('predict rejects', 'predict --threads 1 --on-error empty --rejects OUT/y -m IN/m.apg -o OUT/x IN/bad.csv', None),
    ('encode csv', 'encode -q --multi genres --threads 1 -o OUT/x IN/logs.csv', None),
    ('encode pipe', 'encode -q --multi genres --threads 1', 'logs.csv'),
    ('encode encoder', 'encode --encoder IN/m.apg --threads 1 -o OUT/x IN/new.csv', None),
    ('encode encoder features', 'encode --encoder IN/logs.apgf --threads 1 -o OUT/x', 'new.csv'),
    ('encode rejects', 'encode -q --encoder IN/m.apg --on-error skip --rejects OUT/y -o OUT/x', 'bad.csv'),
    ('encode decode', 'encode --decode --threads 1 -o OUT/x IN/logs.apgf', None),
    ('encode decode pipe', 'encode --decode --threads 1', 'logs.apgf'),
    ('collapse', 'collapse --embedding f16 -o OUT/x IN/m.apg', None),
    ('collapse pipe', 'collapse -q', 'm.apg'),
    ('evaluate', 'evaluate --score score --group user_id -o OUT/x IN/a.csv', None),
    ('evaluate pipe', 'evaluate --score score --json', 'a.csv'),
    ('evaluate model', 'evaluate --threads 1 -m IN/m.apg -o OUT/x IN/new.csv IN/logs.csv', None),
    ('evaluate model features', 'evaluate --threads 1 -m IN/m.apg --group user_id IN/logs.apgf', None),
    ('compare', 'compare --replicates 100 --score score --key user_id,item_id,hour -o OUT/x IN/a.csv IN/b.csv', None),
    ('compare pipe', 'compare --replicates 100 --score score,score2', 'ab.csv'),
    ('inspect', 'inspect IN/m.apg', None),
    ('inspect pipe', 'inspect --json', 'm.apg'),
    ('inspect features', 'inspect --verify IN/logs.apgf', None),
    ('inspect pipe of features', 'inspect --verify --json', 'logs.apgf'),
    ('complexity', 'complexity -o OUT/x', None),
    ('complexity model', 'complexity --csv -m IN/m.apg', None),
    ('complexity json', 'complexity --json -o OUT/x -m IN/m.apg', None),
    ('simulate', 'simulate --rows 2000 -o OUT/x', None),
    ('simulate pipe', 'simulate --rows 2000', None),
    ('simulate descriptor', 'simulate --rows 2000 -o OUT/stdout', None),
    ('simulate 2 threads', 'simulate --rows 20000 --threads 2 -o OUT/x', None),
]
NAMED = ['train csv', 'train checkpoint', 'predict id', 'encode csv', 'encode encoder', 'collapse', 'simulate']

# What a system call can fail with. Others are not made to fail: they cannot (getpid), fail
# otherwise than strace can tell it (brk), or are of threads that wait for each other.
ERRORS = {
    'openat': ['EACCES', 'EMFILE', 'EINTR', 'EIO', 'ENOSPC'], 'read': ['EIO', 'EINTR', 'EAGAIN'],
    'pread64': ['EIO', 'EINTR'], 'write': ['ENOSPC', 'EIO', 'EINTR', 'EAGAIN'], 'pwrite64': ['ENOSPC', 'EIO', 'EINTR'],
    'close': ['EIO', 'EINTR'], 'mmap': ['ENOMEM', 'ENODEV'], 'mprotect': ['ENOMEM'],
    'fsync': ['EIO', 'ENOSPC', 'EINTR', 'EINVAL'], 'linkat': ['EACCES', 'ENOSPC', 'EIO', 'EEXIST'],
    'rename': ['EACCES', 'ENOSPC', 'EIO'], 'renameat': ['EACCES', 'ENOSPC', 'EIO'],
    'unlink': ['EACCES', 'EIO'], 'unlinkat': ['EACCES', 'EIO'], 'newfstatat': ['EACCES', 'EIO', 'ENOMEM'],
    'fstat': ['EIO', 'ENOMEM'], 'lseek': ['ESPIPE', 'EIO'], 'fcntl': ['EMFILE', 'EBADF', 'EIO'],
    'poll': ['EINTR', 'ENOMEM'], 'ftruncate': ['ENOSPC', 'EIO', 'EINTR'], 'getdents64': ['EIO', 'ENOMEM'],
    'readlink': ['EACCES', 'EIO'], 'readlinkat': ['EACCES', 'EIO', 'ENOMEM'], 'access': ['EACCES', 'ENOMEM'],
    'faccessat': ['EIO'], 'faccessat2': ['EIO'], 'flock': ['ENOLCK', 'EINTR'], 'ioctl': ['EIO'],
    'fchmod': ['EPERM', 'EIO'], 'fchown': ['EPERM'], 'dup': ['EMFILE'], 'clone3': ['EAGAIN'],
    'sched_getaffinity': ['EPERM'], 'sysinfo': ['EPERM'], 'fallocate': ['ENOSPC'], 'fdatasync': ['EIO'],
    'munmap': ['ENOMEM'], 'getrandom': ['ENOSYS'],
}


bench = None  # of this run; the processes that work on it inherit it


class Bench:
    """The inputs, and what undisturbed runs write."""

    def __init__(self, forms):
        self.folder = tempfile.mkdtemp(prefix='apg-faults-')
        self.inputs = os.path.join(self.folder, 'in')
        os.mkdir(self.inputs)
        self.preload = os.path.join(self.folder, 'no_tmpfile.so')
        subprocess.run(['cc', '-shared', '-fPIC', '-o', self.preload,
                        os.path.join(ROOT, 'test/faults/no_tmpfile.c')], check=True)
        for command in ['simulate --rows 800 --seed 3 --ctr 0.5 -o logs.csv', 'simulate --rows 60 --seed 3 --ctr 0.5 --skip 800 -o new.csv',
                        TRAIN + '--state st -o m.apg logs.csv', 'encode -q --encoder m.apg -o logs.apgf logs.csv',
                        TRAIN + '--seed 2 -o m2.apg logs.csv', 'predict -q --append -m m.apg -o a.csv logs.csv',
                        'predict -q --append -m m2.apg -o b.csv logs.csv',
                        'predict -q --append --score score2 -m m2.apg -o ab.csv a.csv']:
            subprocess.run([APG] + command.split(), cwd=self.inputs, check=True, stderr=subprocess.DEVNULL)
        with open(os.path.join(self.inputs, 'logs.csv')) as logs, \
                open(os.path.join(self.inputs, 'bad.csv'), 'w') as bad:
            lines = logs.readlines()
            bad.writelines(lines[:400] + ['1,too few cells\n'] + lines[400:] + ['0\n'])
        self.begun = os.path.join(self.inputs, 'begun')
        begun = f"{STATE.replace('OUT/st', self.begun)} --epochs 1 -o {os.devnull} {self.inputs}/logs.csv"
        subprocess.run([APG] + begun.split(), check=True)
        self.forms = forms
        self.right = {}
        for form in forms:
            run = Run(self, form).go()
            if run.code != 0:
                sys.exit(f'{form[0]}: {run.stderr}')
            self.right[form[0]] = run

    def close(self):
        shutil.rmtree(self.folder)


class Run:
    """A run of a form in a folder of its own, where an old output is, for x the target of a link and one in OUT."""
    OLD = b'old\n'

    def __init__(self, bench, form, named=False, out=None):
        self.bench, self.form, self.named = bench, form, named
        self.out = out or tempfile.mkdtemp(dir=bench.folder)
        if not out:
            self.fill()

    def fill(self):
        for name in ['x', 'y']:
            with open(os.path.join(self.out, name), 'wb') as f:
                f.write(self.OLD)
        os.chmod(os.path.join(self.out, 'x'), 0o604)
        os.symlink('x', os.path.join(self.out, 'link'))
        os.symlink('/proc/self/fd/1', os.path.join(self.out, 'stdout'))
        if self.form[0] == 'train resume':
            shutil.copytree(self.bench.begun, os.path.join(self.out, 'st'))

    def argv(self):
        words = self.form[1].replace('IN/', self.bench.inputs + '/').replace('OUT', self.out).split()
        return [APG] + words

    def start(self, before=(), limit=None, stdout=None, piece=1 << 16):
        """BEFORE: words before the program's. PIECE: bytes of standard input that are there at a time."""
        stdin = subprocess.DEVNULL
        if self.form[2]:
            stdin, end = os.pipe()
            with open(os.path.join(self.bench.inputs, self.form[2]), 'rb') as f:
                data = f.read()
            if os.fork() == 0:  # a pipe holds less than the largest input
                signal.signal(signal.SIGPIPE, signal.SIG_DFL)
                os.close(stdin)
                for at in range(0, len(data), piece):
                    os.write(end, data[at:at + piece])
                    if piece < 1000:
                        os.sched_yield()
                os._exit(0)
            os.close(end)
        env = dict(os.environ, LC_ALL='C')
        preload = self.bench.preload
        if self.named and before:
            before = list(before) + ['-E', 'LD_PRELOAD=' + preload]
        elif self.named:
            env['LD_PRELOAD'] = preload
        self.files = [tempfile.TemporaryFile(dir=self.bench.folder) for _ in range(2)]
        process = subprocess.Popen(list(before) + self.argv(), env=env, stdin=stdin, preexec_fn=limit,
                                   stdout=stdout or self.files[0], stderr=self.files[1])
        if self.form[2]:
            os.close(stdin)
        return process

    def go(self, keep=False, kill=None, **how):
        """KILL: the signal that it gets, and after how many seconds. KEEP: its folder stays."""
        process = self.start(**how)
        if kill:
            time.sleep(kill[1])
            process.send_signal(kill[0])
        try:
            self.code = process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            self.code = 'hangs'
        return self.collect(keep)

    def collect(self, keep):
        self.stdout, self.stderr = [(f.seek(0), f.read())[1] for f in self.files]
        self.stderr = self.stderr.decode(errors='replace')
        for f in self.files:
            f.close()
        self.files = None
        x = os.path.join(self.out, 'x')
        self.mode = os.stat(x).st_mode & 0o777 if os.path.isfile(x) else 0o604
        self.has = {}
        for name in set(os.listdir(self.out)) - {'stdout'}:
            if not os.path.isfile(os.path.join(self.out, name)):
                continue
            with open(os.path.join(self.out, name), 'rb') as f:
                self.has[name] = f.read()
        if not keep:
            shutil.rmtree(self.out)
        return self

    def has_state(self):
        return 'OUT/st' in self.form[1]

    def next_wrong(self, mode_lost=False):
        """What is wrong with a run after it, in its folder and undisturbed, or None. It goes on from a state."""
        again = Run(self.bench, self.form, self.named, self.out).go(keep=True)
        wrong = again.wrong(mode_lost=mode_lost)
        state = sorted(os.listdir(os.path.join(self.out, 'st'))) if self.has_state() else []
        if not wrong and state and not re.fullmatch(r'\d+\.0-of-1 current', ' '.join(state)):
            wrong = f'leaves the state {state}'
        shutil.rmtree(self.out)
        return wrong and 'and the next run ' + wrong

    def wrong(self, stderr_lost=False, in_place=False, mode_lost=False):
        """What is wrong with how it ended, or None."""
        right = self.bench.right[self.form[0]]
        if self.code not in (0, 1):
            return f'ends with {self.code}'
        if sorted(self.has) != sorted(right.has):
            return f'leaves {sorted(set(self.has) - set(right.has))}'
        if self.mode != 0o604 and not mode_lost:
            return f'x has mode {self.mode:o}'
        if self.code == 0:
            if 'training goes on' in self.stderr and self.has['y'] == self.OLD:  # a checkpoint that failed
                self.has['y'] = right.has['y']
            if (self.stdout, self.has) != (right.stdout, right.has):
                return 'exit 0, and other output'
            return None
        for name, text in self.has.items():
            whole = (self.OLD, right.has[name]) if in_place or name == 'y' else (self.OLD,)
            if text not in whole:
                return f'{name} is neither old nor new'
        if stderr_lost:
            return None
        last = self.stderr.rstrip('\n').split('\n')[-1]
        command = self.form[1].split()[0]
        if not last.startswith(f'apg {command}: '):
            return f'exit 1, and no message: {last!r}'
        place = last[len(f'apg {command}: '):]
        names = [self.bench.inputs, self.out, 'standard input', 'standard output', 'temporary file in',
                 'out of memory', 'thread']
        if not any(name in place for name in names):
            return f'the message names no file: {last!r}'
        return None


def report(title, counts, faults):
    for name in sorted(counts):
        print(f'{title}: {name}: ' + ', '.join(f'{n} {what}' for what, n in sorted(counts[name].items())))
    total = sum(n for c in counts.values() for n in c.values())
    print(f'{title}: {total} runs, {len(faults)} wrong')
    for fault in faults:
        print('  ' + fault)
    return 1 if faults else 0


def all_of(tasks, work):
    with concurrent.futures.ProcessPoolExecutor(THREADS) as pool:
        return list(pool.map(work, tasks, chunksize=16))


def has_strace():
    try:
        return subprocess.run(['strace', '-f', '-o', '/dev/null', '-e', 'inject=fsync:error=EIO:when=9', 'true'],
                              stderr=subprocess.DEVNULL).returncode == 0
    except FileNotFoundError:
        return False


# The forms of --quick.
QUICK = ['train csv', 'predict append', 'encode pipe', 'collapse', 'evaluate pipe', 'compare', 'inspect features',
         'complexity', 'simulate']


# ---- points ----

def calls_of(bench, form, named):
    """(name, number among the thread's calls of that name, text) of all system calls behind the start of main. strace
    counts by thread and cannot tell threads apart, so of other threads those are left out that would also be of the
    loader."""
    log = os.path.join(bench.folder, 'calls-' + re.sub(r'\W', '-', form[0]) + str(named))
    Run(bench, form, named).go(before=['strace', '-f', '-o', log])
    with open(log, errors='replace') as f:
        lines = f.read().split('\n')
    os.unlink(log)
    calls, count, loader, begun = [], {}, {}, False
    for line in lines:
        m = re.match(r'(\d+) +(\w+)\(', line)
        if not m:
            continue
        key = m.groups()
        count[key] = count.get(key, 0) + 1
        if begun and count[key] > loader.get(m[2], 0):
            calls.append((m[2], count[key], line))
        if not begun and re.search(r'fcntl\(2, F_GETFD', line):
            begun, loader = True, {name: n for (_, name), n in count.items()}
    return calls


def point(task):
    form, named, (call, number, text), error = task
    run = Run(bench, form, named)
    if error == 'short reads':
        run.go(keep=run.has_state(), piece=number)
    else:
        run.go(keep=run.has_state(), before=['strace', '-f', '-qq', '-o', '/dev/null', '-e',
                                             f'inject={call}:error={error}:when={number}'])
    lost = call == 'write' and (re.search(r'write\(2,', text) or '--threads 2' in form[1])
    in_place = call == 'fsync' or re.search(r'close\(1\)', text)
    mode_lost = call == 'fchmod'
    wrong = run.wrong(stderr_lost=lost, in_place=in_place, mode_lost=mode_lost)
    if run.has_state():
        wrong = run.next_wrong(mode_lost) or wrong
    what = 'harmless' if run.code == 0 else 'told'
    return form, what, wrong and f'{form[0]}{" (named)" * named}: {error} from {text[:110]}: {wrong}'


def points(quick, names):
    global bench
    forms = [f for f in FORMS if not names or f[0] in names]
    if quick:
        forms = [f for f in forms if f[0] in QUICK]
    bench = Bench(forms)
    tasks, seen = [], set()
    for form in forms:
        for named in [False, True] if form[0] in NAMED else [False]:
            for call in calls_of(bench, form, named):
                for error in ERRORS.get(call[0], []):
                    key = (form[0], named, call[0], call[1], error)
                    if key not in seen:
                        seen.add(key)
                        tasks.append((form, named, call, error))
    if quick:
        tasks = [t for t in tasks if t[2][0] in ('openat', 'read', 'write', 'fsync', 'linkat', 'renameat') and
                 t[3] == ERRORS[t[2][0]][0]]
    for form in forms:
        if form[2]:
            tasks += [(form, False, ('read', piece, 'a pipe'), 'short reads') for piece in [1, 7, 100, 4097]]
    counts, faults = {}, []
    for form, what, fault in all_of(tasks, point):
        command = form[1].split()[0]
        counts.setdefault(command, {}).setdefault(what, 0)
        counts[command][what] += 1
        if fault:
            faults.append(fault)
    bench.close()
    return report('points', counts, faults)


# ---- kills ----

KILLED = ['train csv', 'train checkpoint', 'train spooled', 'train state', 'train state online', 'encode csv', 'encode encoder', 'collapse']
ENDING = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGXCPU, signal.SIGUSR1, signal.SIGALRM, signal.SIGQUIT,
          signal.SIGRTMIN, signal.SIGRTMIN + 5, signal.SIGRTMAX]


STOPPING = [signal.SIGTERM, signal.SIGINT]  # the first of these lets train write what it has


def is_model(text):
    return subprocess.run([APG, 'inspect', '-'], input=text, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def killed(task):
    """A run that is killed, and one after it that is not."""
    form, named, how, sig = task
    run = Run(bench, form, named)
    run.go(keep=True, **how)
    while run.code == 0 and 'kill' in how:  # it had ended
        shutil.rmtree(run.out)
        how['kill'] = (sig, 0.7 * how['kill'][1])
        run = Run(bench, form, named)
        run.go(keep=True, **how)
    right = bench.right[form[0]]
    left = sorted(set(run.has) - set(right.has))
    what = 'ended before' if run.code == 0 else 'old' if run.has.get('x') == Run.OLD else 'new'
    wrong = None
    stopped = form[0].startswith('train') and sig in STOPPING and run.code == 128 + sig
    for name, text in run.has.items():
        if name in right.has and text not in (Run.OLD, right.has[name]) and not (stopped and is_model(text)):
            wrong = f'{name} is neither old nor new'
    if run.code not in (0, -sig) and not stopped:
        wrong = f'ends with {run.code}'
    if left and sig != signal.SIGKILL:
        wrong = f'leaves {left}'
    if any(not re.fullmatch(r'\.apg-\d+-\d+\.tmp', name) for name in left):
        wrong = f'leaves {left}'
    if left:
        what += ', with a temporary file'
    wrong = run.next_wrong() or wrong
    return form, what, wrong and f'{form[0]}{" (named)" * named}, signal {sig} {how}: {wrong}'


def kills(n):
    global bench
    forms = [f for f in FORMS if f[0] in KILLED]
    bench = Bench(forms)
    random.seed(17)
    tasks = []
    for form in forms:
        begin = time.time()
        for _ in range(5):
            Run(bench, form).go()
        seconds = (time.time() - begin) / 5
        for i in range(-(-n // len(forms))):
            tasks.append((form, i % 2 == 1, {'kill': (signal.SIGKILL, random.uniform(0, seconds))}, signal.SIGKILL))
        for i in range(n // 20):
            sig = ENDING[i % len(ENDING)]
            tasks.append((form, i % 4 >= 2, {'kill': (sig, random.uniform(0, seconds))}, sig))
        if has_strace():
            for named in [False, True]:
                for call, number, _ in calls_of(bench, form, named):
                    for sig in [signal.SIGKILL, signal.SIGTERM]:
                        before = ['strace', '-f', '-qq', '-o', '/dev/null', '-e',
                                  f'inject={call}:signal={int(sig)}:when={number}']
                        tasks.append((form, named, {'before': before}, sig))
    counts, faults = {}, []
    for task, (form, what, fault) in zip(tasks, all_of(tasks, killed)):
        name = ('at a random moment' if 'kill' in task[2] else 'at each call') + \
            (', -9' if task[3] == signal.SIGKILL else ', other signals')
        key = form[1].split()[0] + ' ' + name
        counts.setdefault(key, {}).setdefault(what, 0)
        counts[key][what] += 1
        if fault:
            faults.append(fault)
    bench.close()
    return report('kills', counts, faults)


# ---- limits ----

def limit_of(what, n):
    def limit():
        resource.setrlimit(what, (n, n))
    return limit


def limited(task):
    form, (name, n) = task
    how, run = {}, Run(bench, form)
    if name in LIMITS:
        how['limit'] = limit_of(LIMITS[name], n)
    elif name == 'full disk':
        subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={n}k', 'apg', run.out], check=True)
        run.fill()
    elif re.search('-o OUT/(x|link)', form[1]):
        os.unlink(os.path.join(run.out, 'x'))
        os.symlink('/dev/full', os.path.join(run.out, 'x'))
    else:
        how['stdout'] = open('/dev/full', 'wb')
    run.go(keep=True, **how)
    if name == 'full disk':
        subprocess.run(['umount', run.out], check=True)
    after = run.has_state() and name in LIMITS and run.next_wrong()
    shutil.rmtree(run.out, ignore_errors=True)
    if 'stdout' in how:
        how['stdout'].close()
    loader = run.code == 127 and 'error while loading shared libraries' in run.stderr
    what = 'not loaded' if loader else 'harmless' if run.code == 0 else 'told'
    if name == '/dev/full':
        run.has['x'] = run.has['link'] = bench.right[form[0]].has['x'] if run.code == 0 else Run.OLD
    # a run whose own stderr file is over the limit cannot say so
    wrong = None if loader else run.wrong(stderr_lost=name == 'ulimit -f' and n < 200)
    wrong = wrong or after or None
    if name == '/dev/full' and run.code == 0:
        wrong = 'exit 0'
    return form, name, what, wrong and f'{form[0]}: {name} {n}: {wrong}'


LIMITS = {'ulimit -f': resource.RLIMIT_FSIZE, 'ulimit -n': resource.RLIMIT_NOFILE, 'ulimit -v': resource.RLIMIT_AS}


def limits(quick, names):
    global bench
    forms = [f for f in FORMS if not names or f[0] in names]
    if quick:
        forms = [f for f in forms if f[0] in QUICK]
    bench = Bench(forms)
    kinds = [('/dev/full', 0)]
    kinds += [('ulimit -f', n) for n in ([0, 1000] if quick else [0, 1, 100, 1000, 4096, 5000, 20000])]
    kinds += [('ulimit -n', n) for n in ([5] if quick else range(3, 13))]
    kinds += [('ulimit -v', n << 20) for n in ([60] if quick else list(range(30, 80)) + list(range(80, 400, 20)))]
    if os.geteuid() == 0 and not quick:
        kinds += [('full disk', n) for n in [8, 12, 16, 24, 40, 300]]
    counts, faults = {}, []
    tasks = [(f, k) for f in forms for k in kinds if k[0] != 'full disk' or f[0] != 'train resume']
    for form, name, what, fault in all_of(tasks, limited):
        key = form[1].split()[0] + ' ' + name
        counts.setdefault(key, {}).setdefault(what, 0)
        counts[key][what] += 1
        if fault:
            faults.append(fault)
    bench.close()
    return report('limits', counts, faults)


def main():
    words = sys.argv[1:]
    quick = '--quick' in words
    words = [w for w in words if w != '--quick']
    if words[:1] == ['points']:
        if not has_strace():
            print('points: no strace here, or it may not trace')
            return 77
        return points(quick, words[1:])
    if words[:1] == ['kills']:
        return kills(int(words[1]) if len(words) > 1 else 1000)
    if words[:1] == ['limits']:
        return limits(quick, words[1:])
    sys.exit(__doc__)


if __name__ == '__main__':
    sys.exit(main())
