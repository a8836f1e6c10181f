/* SPDX-License-Identifier: MIT
 *
 * outfile.h - files that appear whole or not at all:
 *
 *     struct apg_outfile out;
 *     enum apg_status status = apg_outfile_open(&out, path, err);
 *     if (!status) {
 *         ... write to out.f ...
 *         status = apg_outfile_commit(&out, err);
 *     }
 *     if (status)
 *         apg_outfile_abandon(&out);
 *
 * The file that PATH leads to, by links if it is one, is written under no name where the file
 * system can, and takes the place of an old one, whose mode and owner it gets, when
 * apg_outfile_commit has put it on the disk. After apg_outfile_abandon or kill -9 nothing is left
 * behind and the old file is as it was. Where the file system has no files without a name, and in
 * the moment in which a whole file takes the place of an old one, kill -9 leaves .apg-PID-N.tmp in
 * the folder, which the next file that is written there removes.
 *
 * What is no regular file (/dev/full, a fifo) is written directly. A PATH that leads to an open
 * descriptor of this process, as /dev/stdout does, is that descriptor: it is written at its
 * position, and nothing is replaced.
 *
 * Any thread may write a file of its own. While a name is made, signals wait in that thread.
 */
#ifndef APG_OUTFILE_H
#define APG_OUTFILE_H
#include <stdio.h>
#include "base/error.h"

struct apg_outfile {
    FILE *f;          /* what is to be written to; NULL: closed */
    const char *name; /* the path that was given, for messages; borrowed */
    /* Private: */
    int folder;               /* a descriptor, or -1: what F writes to is not replaced */
    char target[256];         /* the file's name in FOLDER: NAME_MAX bytes and a NUL */
    char temp[48];            /* the name in FOLDER of what is being written; "": it has none */
    struct apg_outfile *next; /* of those whose temp is a name */
};

/* Fills O, which must stay where it is until it is committed or abandoned. After a failure, which
 * names the path, O is closed. */
enum apg_status apg_outfile_open(struct apg_outfile *o, const char *path, struct apg_error *err);
/* Writes out what F holds, sees that every write so far succeeded, puts the file on the disk and
 * in its place, and closes O. After a failure, which names the path, O is abandoned; the old file
 * is there, but for one case: when the new one is in its place and its folder cannot be put on the
 * disk, which the text says. */
enum apg_status apg_outfile_commit(struct apg_outfile *o, struct apg_error *err);
/* Closes O and removes what was written. Allowed for a zeroed one and after a commit. */
void apg_outfile_abandon(struct apg_outfile *o);

/* A sink that writes to F, which messages call NAME. */
struct apg_sink apg_outfile_sink(FILE *f, const char *name);

/* Removes the temporary names of all that is being written. For a handler of a signal that ends
 * the program, in the thread that opens and commits: it takes no lock. */
void apg_outfile_remove_temps(void);

#endif
