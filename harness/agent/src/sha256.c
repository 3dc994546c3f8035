#include "sha256.h"

#include <stdio.h>
#include <string.h>

static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t rotate(uint32_t x, int n) { return (x >> n) | (x << (32 - n)); }

static inline uint32_t big_endian(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Word i of the schedule, for i from 16: the last 16 words are enough, each in the place of the one it replaces. */
#define EXPAND(i)                                                                                                      \
    (w[(i) & 15] += w[((i) - 7) & 15] +                                                                                \
                    (rotate(w[((i) - 15) & 15], 7) ^ rotate(w[((i) - 15) & 15], 18) ^ (w[((i) - 15) & 15] >> 3)) +     \
                    (rotate(w[((i) - 2) & 15], 17) ^ rotate(w[((i) - 2) & 15], 19) ^ (w[((i) - 2) & 15] >> 10)))

/* One round. Instead of moving all eight variables on by one, the next round names them one further. */
#define ROUND(a, b, c, d, e, f, g, h, i, word)                                                                         \
    h += (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + (g ^ (e & (f ^ g))) + K[i] + (word);                         \
    d += h;                                                                                                            \
    h += (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) | (c & (a | b)));

#define EIGHT_ROUNDS(i, word)                                                                                          \
    ROUND(a, b, c, d, e, f, g, h, (i), word(i))                                                                        \
    ROUND(h, a, b, c, d, e, f, g, (i) + 1, word((i) + 1))                                                              \
    ROUND(g, h, a, b, c, d, e, f, (i) + 2, word((i) + 2))                                                              \
    ROUND(f, g, h, a, b, c, d, e, (i) + 3, word((i) + 3))                                                              \
    ROUND(e, f, g, h, a, b, c, d, (i) + 4, word((i) + 4))                                                              \
    ROUND(d, e, f, g, h, a, b, c, (i) + 5, word((i) + 5))                                                              \
    ROUND(c, d, e, f, g, h, a, b, (i) + 6, word((i) + 6))                                                              \
    ROUND(b, c, d, e, f, g, h, a, (i) + 7, word((i) + 7))

#define LOADED(i) (w[i] = big_endian(block + 4 * (i)))

static void compress(uint32_t *state, const uint8_t *block) {
    uint32_t w[16];
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    EIGHT_ROUNDS(0, LOADED)
    EIGHT_ROUNDS(8, LOADED)
    for (int i = 16; i < 64; i += 16) {
        EIGHT_ROUNDS(i, EXPAND)
        EIGHT_ROUNDS(i + 8, EXPAND)
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
}

void sha256_begin(struct sha256 *hash) {
    static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(hash->state, initial, sizeof initial);
    hash->length = 0;
}

void sha256_add(struct sha256 *hash, const uint8_t *data, size_t size) {
    while (size > 0) {
        size_t used = hash->length % 64, part = 64 - used < size ? 64 - used : size;
        if (part == 64) {
            compress(hash->state, data);
        } else {
            memcpy(hash->block + used, data, part);
            if (used + part == 64)
                compress(hash->state, hash->block);
        }
        hash->length += part;
        data += part;
        size -= part;
    }
}

void sha256_end(struct sha256 *hash, char hex[65]) {
    static const uint8_t padding[64] = {0x80};
    uint64_t bits = hash->length * 8;
    uint8_t tail[8];
    for (int i = 0; i < 8; i++)
        tail[i] = (uint8_t)(bits >> (56 - 8 * i));
    size_t used = hash->length % 64;
    sha256_add(hash, padding, used < 56 ? 56 - used : 120 - used);
    sha256_add(hash, tail, sizeof tail);
    for (int i = 0; i < 8; i++)
        snprintf(hex + 8 * i, 9, "%08x", (unsigned)hash->state[i]);
}
