# SPDX-License-Identifier: MIT
#
# What rank 0 of apg-mpi sends in a step, in bytes, as docs/distributed.md has it. To be used by another program of awk,
# which defines distinct(rows): how many table rows so many rows of the log have, each counted once.

# volume(RANKS, rows of a BATCH, numbers of a table row in all tables (WIDTH), DENSE numbers outside): the sum, and its
# parts in part["ids"], part["rows"], part["gradients"], part["dense"], part["small"]
function volume(ranks, batch, width, dense,   slots, to, at, size, nodes, own, subtrees, of_others, q, others) {
    for (slots = 8; slots < 1024 && slots * 512 < batch;)
        slots *= 2
    others = (ranks - 1) / ranks # the share of ids that others hold
    to = int(slots / ranks)      # rank 0 works on the slots 0 to TO
    nodes = subtrees = 0         # and sends a sum for each of the largest aligned subtrees among them
    for (at = 0; at < to; at += size) {
        for (size = 1; at % (2 * size) == 0 && at + 2 * size <= to;)
            size *= 2
        nodes++
        subtrees += distinct(batch * size / slots)
    }
    own = distinct(batch * to / slots)
    of_others = 0
    for (q = 1; q < ranks; q++)
        of_others += distinct(batch * (int(slots * (q + 1) / ranks) - int(slots * q / ranks)) / slots)
    part["ids"] = 12 * own * others
    part["rows"] = 4 * width * of_others / ranks
    part["gradients"] = 4 * width * subtrees * others
    part["dense"] = 4 * dense * others * (nodes + 1)
    part["small"] = (ranks - 1) * (8 + 8 * to + 4)
    return part["ids"] + part["rows"] + part["gradients"] + part["dense"] + part["small"]
}
