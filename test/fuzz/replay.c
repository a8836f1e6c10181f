/* SPDX-License-Identifier: MIT
 *
 * replay.c - runs a fuzz driver over files, without a fuzzer: replay FILE...
 * Built with `make fuzz`, the same driver runs under libFuzzer and finds new ones.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        FILE *f = fopen(argv[i], "rb");
        if (!f || fseek(f, 0, SEEK_END) != 0) {
            perror(argv[i]);
            return 1;
        }
        long size = ftell(f);
        rewind(f);
        /* Exactly as long as the file, so that ASan sees a read past its end. */
        uint8_t *data = size > 0 ? malloc((size_t)size) : NULL;
        if (size < 0 || (size > 0 && (!data || fread(data, 1, (size_t)size, f) != (size_t)size))) {
            perror(argv[i]);
            return 1;
        }
        fclose(f);
        LLVMFuzzerTestOneInput(data, (size_t)size);
        free(data);
    }
    printf("%d inputs\n", argc - 1);
    return 0;
}
