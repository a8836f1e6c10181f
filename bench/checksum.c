/* SPDX-License-Identifier: MIT
 *
 * checksum FILE: how long reading a file and making its XXH3 takes.
 *
 * Needs: a FILE that fits in memory, and the headers of xxHash.
 * Does: reads FILE into new memory in one call, and makes its XXH3 of 64 bits, once.
 * Prints: the time that took, in microseconds. bench/serve compares the first answer of a model with it.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e6 * (double)t.tv_sec + 1e-3 * (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
    struct stat st;
    const double start = now_us();
    const int fd = argc == 2 ? open(argv[1], O_RDONLY) : -1;
    if (fd < 0 || fstat(fd, &st) != 0)
        return fputs("usage: checksum FILE\n", stderr), 2;
    char *bytes = malloc((size_t)st.st_size + 1);
    if (!bytes || read(fd, bytes, (size_t)st.st_size) != st.st_size)
        return fputs("checksum: the file cannot be read at once\n", stderr), 1;
    volatile uint64_t sum = XXH3_64bits(bytes, (size_t)st.st_size); /* volatile: it is made */
    (void)sum;
    printf("%.0f\n", now_us() - start);
    free(bytes);
    (void)close(fd);
    return 0;
}
