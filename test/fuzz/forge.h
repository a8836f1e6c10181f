/* SPDX-License-Identifier: MIT
 *
 * forge.h - checksums set right in a file that was changed, so that what they guard is reached. A checksum stops
 * accidents; whoever wants to do harm makes it anew. Every place is looked for within the bytes there are, whatever
 * the lengths in the file say.
 */
#ifndef TEST_FORGE_H
#define TEST_FORGE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <xxhash.h>

enum { FORGE_RECORD_BYTES = 64 };

static inline uint64_t forge_word(const uint8_t *p, size_t bytes)
{
    uint64_t x = 0;
    memcpy(&x, p, bytes);
    return x;
}

/* Write the XXH3 of P (n) to AT. */
static inline void forge_sum(uint8_t *at, const uint8_t *p, size_t n)
{
    uint64_t sum = XXH3_64bits(p, n);
    memcpy(at, &sum, sizeof sum);
}

/* Of a model, or of the schema of a feature file: P (n). */
static inline void forge_container(uint8_t *p, size_t n)
{
    const char key[] = "\"xxh3:";
    uint64_t header = n >= 8 ? forge_word(p, 8) : 0;
    uint8_t *digits = header && header <= n - 8 ? memmem(p + 8, header, key, sizeof key - 1) : NULL;
    if (!digits)
        return;
    digits += sizeof key - 1;
    if (p + 8 + header - digits < 16)
        return;
    memset(digits, '0', 16);
    uint64_t sum = XXH3_64bits(p, n);
    for (int i = 0; i < 16; i++)
        digits[i] = (uint8_t) "0123456789abcdef"[sum >> (60 - 4 * i) & 15];
}

/* Of a feature file: P (n). */
static inline void forge_features(uint8_t *p, size_t n)
{
    if (n < FORGE_RECORD_BYTES)
        return;
    uint64_t container = forge_word(p + 16, 8), payloads = 0;
    forge_sum(p + 56, p, 56);
    if (container > n - FORGE_RECORD_BYTES)
        return;
    forge_container(p + FORGE_RECORD_BYTES, container);
    for (size_t at = FORGE_RECORD_BYTES + container; at + FORGE_RECORD_BYTES <= n;) {
        uint8_t *head = p + at;
        size_t rows = forge_word(head + 8, 4), words = forge_word(head + 12, 4),
               payload = (4 * (rows + 1) + 63) / 64 * 64 + (4 * words + 63) / 64 * 64;
        bool end = memcmp(head, "apgend", 6) == 0, whole = !end && payload <= n - at - FORGE_RECORD_BYTES;
        if (end)
            memcpy(head + 48, &payloads, 8);
        else if (whole)
            forge_sum(head + 48, head + FORGE_RECORD_BYTES, payload);
        forge_sum(head + 56, head, 56);
        if (!whole)
            return;
        payloads = XXH3_64bits_withSeed(head + 48, 8, payloads);
        at += FORGE_RECORD_BYTES + payload;
    }
}

/* The last steps of XXH3 of 8 bytes, backwards: what SUM was before them. All is invertible: a shift and exclusive or,
 * a product with an odd number, and X ^ rotl(X, 49) ^ rotl(X, 24), which 64 times is X again. */
static inline uint64_t forge_before(uint64_t sum)
{
    const uint64_t factor = UINT64_C(0x9FB21C651E98DF25);
    uint64_t inverse = factor, x = sum;
    for (int i = 0; i < 5; i++)
        inverse *= 2 - factor * inverse;
    x = sum ^ sum >> 28 ^ sum >> 56;
    x *= inverse;
    x ^= (x >> 35) + 8; /* the upper 29 bits of x were not changed, so the shifted ones are right */
    x *= inverse;
    for (int i = 0; i < 63; i++)
        x ^= (x << 49 | x >> 15) ^ (x << 24 | x >> 40);
    return x;
}

/* 8 bytes that have the hash WANTED where TEXT, hashed with the same seed, has SUM. */
static inline void forge_text(uint8_t text[8], uint64_t sum, uint64_t wanted)
{
    /* Before those steps the two halves of the text, the later one first, are joined with what depends on the seed. */
    uint64_t x = forge_word(text, 4) << 32 | forge_word(text + 4, 4);
    x ^= forge_before(sum) ^ forge_before(wanted);
    const uint32_t early = (uint32_t)(x >> 32), late = (uint32_t)x;
    memcpy(text, &early, 4);
    memcpy(text + 4, &late, 4);
}

#endif
