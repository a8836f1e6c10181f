/* SPDX-License-Identifier: MIT
 *
 * changes.c - every prefix and many changes of a byte of a model or of a feature file, with the checksum as it was and with
 * it made anew, through the commands that read such a file: changes model|features CHANGES [STEP]. STEP: of the prefixes,
 * only each of so many bytes more. `make changes` builds it with the address sanitizer.
 *
 * A command must handle the file (exit 0) or refuse it with a message (exit 1 or 2). What else happens is printed, with
 * the file kept in the folder kept/: a crash, silence, more than SECONDS of time, an allocation above ALLOCATION_MB, or
 * more than PEAK_MB above what the file as it was takes. Each command runs in a child by fork, without exec, which is 20
 * times as fast as starting apg. The draws have a fixed seed.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/rng.h"
#include "cmd.h"
#include "common/message.h"
#include "forge.h"

enum { SECONDS = 20, PEAK_MB = 64, CODE = 99, WORDS_MAX = 20, KINDS_MAX = 8 };
/* ALLOCATION_MB is max_allocation_size_mb. */
#define OPTIONS "exitcode=99:max_allocation_size_mb=256:allocator_may_return_null=0"
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);
const char *__asan_default_options(void)
{
    return OPTIONS;
}
const char *__ubsan_default_options(void)
{
    return "exitcode=99";
}

static const char log_rows[] = "label,user,tags,price,age\n"
                               "0,u1,a|b,1,10\n1,u2,,2.5,20\n1,u1,b,,30\n0,\"u,3\",a|a,-4,\n"
                               "1,u1,c,2,11\n0,u2,a,1e3,21\n1,u4,,7,31\n0,u3,c|b|a,0,40\n";

/* The first word is the command; "FILE" is the changed file. */
struct kind {
    const char *word[WORDS_MAX];
};
#define MODEL_TRAIN "--threads", "1", "--epochs", "1", "--batch-size", "4", "-o", "/dev/null"
static const struct kind prepare[] = {
    {{"train", "-q", "--multi", "tags", "--numeric", "price", "--bucket", "age", "--buckets", "4",
        "--hidden=4", "--embedding-dim=2", "--rank=2", "--epochs=1", "-o", "m.apg", "log.csv"}},
    {{"encode", "-q", "-e", "m.apg", "-o", "f.apgf", "log.csv"}},
};
static const struct format {
    const char *name, *file;
    void (*forge)(uint8_t *p, size_t n);
    struct kind kind[KINDS_MAX];
} formats[] = {
    {"model", "m.apg", forge_container,
        {
            {{"inspect", "--verify", "FILE"}},
            {{"predict", "-q", "--threads", "1", "-m", "FILE", "log.csv"}},
            {{"predict", "-q", "--threads", "1", "-m", "FILE", "f.apgf"}},
            {{"evaluate", "-m", "FILE", "log.csv"}},
            {{"collapse", "FILE", "-o", "/dev/null"}},
            {{"train", "-q", "--from", "FILE", "--holdout=0", MODEL_TRAIN, "log.csv"}},
        }},
    {"features", "f.apgf", forge_features,
        {
            {{"inspect", "--verify", "FILE"}},
            {{"predict", "-q", "--threads", "1", "-m", "m.apg", "FILE"}},
            {{"evaluate", "-m", "m.apg", "FILE"}},
            {{"train", "-q", "--hidden=4", "--holdout=0", MODEL_TRAIN, "FILE"}},
            {{"train", "-q", "--from", "m.apg", "--holdout=0", MODEL_TRAIN, "FILE"}},
            {{"train", "-q", "--from", "m.apg", "--valid", "FILE", MODEL_TRAIN, "log.csv"}},
        }},
};

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"collapse", cmd_collapse},
    {"encode", cmd_encode},
    {"evaluate", cmd_evaluate},
    {"inspect", cmd_inspect},
    {"predict", cmd_predict},
    {"train", cmd_train},
};

enum result { HANDLED, REFUSED, CRASHED, SILENT, HUNG, LARGE, RESULTS };
static const char *const result_name[RESULTS] = {"handled", "refused", "CRASHED", "SILENT", "HUNG", "LARGE"};

static void stop(const char *what)
{
    perror(what);
    exit(2);
}

/* Without stdio: what it frees the sanitizer keeps, 256 MB of it, and each child would begin with that. */
static void write_file(const char *path, const void *p, size_t n)
{
    (void)remove(
        path); /* ext4 would write a file that was emptied to the disk at once, which takes ten times as long */
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (fd < 0 || write(fd, p, n) != (ssize_t)n || close(fd) != 0)
        stop(path);
}

/* The child: never returns. */
static void run_command(const struct kind *k)
{
    char *word[WORDS_MAX + 1] = {NULL}, changed[] = "changed";
    int n = 0;
    const int null = open("/dev/null", O_RDWR), told = open("told", O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (null < 0 || told < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(told, 2) < 0)
        _exit(CODE);
    for (; n < WORDS_MAX && k->word[n]; n++)
        word[n] = strcmp(k->word[n], "FILE") == 0 ? changed : strdup(k->word[n]);
    alarm(SECONDS);
    message_command = word[0];
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, word[0]) == 0)
            _exit(commands[i].run(n, word));
    _exit(CODE);
}

/* *peak: kB. MOST: what it may be. */
static enum result run(const struct kind *k, long most, long *peak)
{
    struct rusage used;
    struct stat told;
    int status;
    fflush(stdout);
    (void)remove("told");
    const pid_t child = fork();
    if (child == 0)
        run_command(k);
    if (child < 0 || wait4(child, &status, 0, &used) < 0)
        stop("fork");
    *peak = used.ru_maxrss;
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGALRM ? HUNG : CRASHED;
    const int code = WEXITSTATUS(status);
    if (code > 2)
        return CRASHED;
    if (code && (stat("told", &told) != 0 || told.st_size == 0))
        return SILENT;
    return *peak > most ? LARGE : code ? REFUSED : HANDLED;
}

static unsigned long count[KINDS_MAX][2][2]
                          [RESULTS];           /* command, cut or changed, sum as it was or made anew */
static long base[KINDS_MAX], worst[KINDS_MAX]; /* peaks, kB */
static unsigned long kept;

static void keep(const struct format *f, const struct kind *k, enum result r, const void *p, size_t n)
{
    char path[64], line[512];
    snprintf(path, sizeof path, "kept/%s-%lu", f->name, kept++);
    (void)mkdir("kept", 0777);
    write_file(path, p, n);
    printf("%s: %s:", result_name[r], path);
    for (int i = 0; i < WORDS_MAX && k->word[i]; i++)
        printf(" %s", k->word[i]);
    putchar('\n');
    FILE *told = fopen("told", "r");
    for (int i = 0; told && i < 40 && fgets(line, sizeof line, told); i++)
        printf("    %s", line);
    if (told)
        fclose(told);
}

static void use(const struct format *f, const void *p, size_t n, bool changed, bool anew)
{
    write_file("changed", p, n);
    for (size_t i = 0; i < KINDS_MAX && f->kind[i].word[0]; i++) {
        long peak;
        const enum result r = run(&f->kind[i], base[i] + PEAK_MB * 1024L, &peak);
        worst[i] = peak > worst[i] ? peak : worst[i];
        count[i][changed][anew][r]++;
        if (r > REFUSED)
            keep(f, &f->kind[i], r, p, n);
    }
}

static void report(const struct format *f)
{
    static const char *const how[2][2] = {
        {"cut, sum as it was", "cut, sum made anew"}, {"changed, sum as it was", "changed, sum made anew"}};
    for (size_t i = 0; i < KINDS_MAX && f->kind[i].word[0]; i++) {
        printf("%s: apg", f->name);
        for (int w = 0; w < WORDS_MAX && f->kind[i].word[w]; w++)
            printf(" %s", f->kind[i].word[w]);
        printf(" (at most %.1f MB above the file as it was)\n", (double)(worst[i] - base[i]) / 1024);
        for (int c = 0; c < 4; c++) {
            printf("  %-24s", how[c / 2][c % 2]);
            for (int r = 0; r < RESULTS; r++)
                printf(" %7lu %s", count[i][c / 2][c % 2][r], result_name[r]);
            putchar('\n');
        }
    }
}

int main(int argc, char **argv)
{
    const struct format *f = NULL;
    for (size_t i = 0; argc > 2 && i < sizeof formats / sizeof *formats; i++)
        if (strcmp(argv[1], formats[i].name) == 0)
            f = &formats[i];
    const size_t changes = f ? strtoul(argv[2], NULL, 10) : 0,
                 step = argc > 3 ? strtoul(argv[3], NULL, 10) : 1;
    if (!f || step < 1) {
        fputs("Usage: changes model|features CHANGES [STEP]\n", stderr);
        return 2;
    }
    char folder[] = "/tmp/apg-changes-XXXXXX";
    if (!mkdtemp(folder) || chdir(folder) != 0)
        stop(folder);
    write_file("log.csv", log_rows, sizeof log_rows - 1);
    long peak;
    for (size_t i = 0; i < sizeof prepare / sizeof *prepare; i++)
        if (run(&prepare[i], 1L << 40, &peak) != HANDLED)
            stop(prepare[i].word[0]);

    FILE *file = fopen(f->file, "rb");
    struct stat size;
    if (!file || fstat(fileno(file), &size) != 0)
        stop(f->file);
    const size_t n = (size_t)size.st_size;
    uint8_t *whole = malloc(n), *copy = malloc(n);
    if (!whole || !copy || fread(whole, 1, n, file) != n)
        stop(f->file);
    fclose(file);
    write_file("changed", whole, n);
    for (size_t i = 0; i < KINDS_MAX && f->kind[i].word[0]; i++)
        if (run(&f->kind[i], 1L << 40, &base[i]) != HANDLED)
            keep(f, &f->kind[i], REFUSED, whole, n), stop("the file as it was");
    printf("%s: %zu bytes, in %s\n", f->name, n, folder);

    for (size_t part = 0; part < n; part += step)
        for (int anew = 0; anew < 2; anew++) {
            memcpy(copy, whole, part);
            if (anew)
                f->forge(copy, part);
            use(f, copy, part, false, anew);
        }
    struct apg_rng rng;
    apg_rng_init(&rng, 17, 1);
    for (size_t i = 0; i < changes; i++) {
        const uint64_t drawn = apg_rng_u64(&rng);
        memcpy(copy, whole, n);
        copy[(drawn >> 16) % n] ^= (uint8_t)(drawn % 255 + 1); /* not 0: it is a change */
        for (int anew = 0; anew < 2; anew++) {
            if (anew)
                f->forge(copy, n);
            use(f, copy, n, true, anew);
        }
    }
    report(f);
    free(whole);
    free(copy);
    static const char *const made[] = {"log.csv", "m.apg", "f.apgf", "changed", "told"};
    for (size_t i = 0; !kept && i < sizeof made / sizeof *made; i++)
        (void)remove(made[i]);
    (void)rmdir(folder); /* unless something was kept */
    return kept > 0;
}
