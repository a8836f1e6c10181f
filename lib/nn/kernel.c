/* SPDX-License-Identifier: MIT */
#include "nn/kernel.h"
#include <math.h>
#include <string.h>
#include "nn/half.h"
#include "nn/vector.h"

#define CLONED APG_CLONED("avx512f", "avx2")

/* The analyser of gcc 12 takes a lane that is set for one that is not, and the width of a vector for that of
 * its lane. */
#ifdef APG_ANALYSE
#pragma GCC diagnostic ignored "-Wanalyzer-use-of-uninitialized-value"
#pragma GCC diagnostic ignored "-Wanalyzer-shift-count-overflow"
#endif

#ifdef APG_DOUBLE
#define ROOT sqrt
#else
#define ROOT sqrtf
#endif

typedef apg_real vector __attribute__((vector_size(64), aligned(sizeof(apg_real)), may_alias));
#ifdef APG_DOUBLE
typedef int64_t lane;
typedef lane bits __attribute__((vector_size(64), aligned(8), may_alias));
#else
typedef uint32_t lane;
typedef lane bits __attribute__((vector_size(64), aligned(4), may_alias));
#endif

/* y = lanes a0 b0 a1 b1 .. of the first halves of a and b, or of the SECOND. clang 14 has no shuffle by a
 * mask that is computed. Where 512 bits are not one register this is slow. */
INLINE void interleave(const vector *a, const vector *b, bool second, vector *y)
{
    const int from = second ? APG_VECTOR / 2 : 0;
#if defined(__GNUC__) && !defined(__clang__)
    bits mask;
    for (int l = 0; l < APG_VECTOR; l++)
        mask[l] = (lane)(from + l / 2 + l % 2 * APG_VECTOR);
    *y = __builtin_shuffle(*a, *b, mask);
#else
    for (int l = 0; l < APG_VECTOR; l++)
        /* cppcheck-suppress uninitvar ; it is written here */
        /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): it does not follow lanes */
        (*y)[l] = l % 2 ? (*b)[from + l / 2] : (*a)[from + l / 2];
#endif
}

/* x is APG_VECTOR vectors: a square. */
INLINE void transpose(vector *x)
{
    enum { HALF = APG_VECTOR / 2 };
    for (size_t round = 1; round < APG_VECTOR; round *= 2) {
        vector y[APG_VECTOR];
        for (size_t i = 0; i < HALF; i++) {
            interleave(&x[i], &x[i + HALF], false, &y[2 * i]);
            interleave(&x[i], &x[i + HALF], true, &y[2 * i + 1]);
        }
        memcpy(x, y, sizeof y);
    }
}

/* Lane l of x[0] becomes the sum of x[l]'s lanes. The vectors' halves are added until one is left. */
INLINE void lane_sums(vector *x)
{
    for (size_t n = APG_VECTOR / 2; n; n /= 2)
        for (size_t i = 0; i < n; i++) {
            vector low, high;
            interleave(&x[i], &x[i + n], false, &low);
            interleave(&x[i], &x[i + n], true, &high);
            x[i] = low + high;
        }
}

/* ---- products of instances ---- */

/* Where N and M are whole numbers of vectors: APG_VECTOR rows of W_i at a time. */
INLINE void vecmat_back_vectors(size_t B, size_t N, size_t M, const apg_real *x, const apg_real *W,
    const apg_real *dy, size_t ldW, apg_real *dW, bool add, apg_real *dx)
{
    for (size_t i = 0; i < B; i++, x += N, W += ldW, dW += ldW, dx += N, dy += M)
        for (size_t k = 0; k < N; k += APG_VECTOR) {
            vector part[APG_VECTOR];
            for (size_t j = 0; j < M; j += APG_VECTOR) {
                const vector d = *(const vector *)(dy + j);
                for (size_t l = 0; l < APG_VECTOR; l++) {
                    const vector p = d * *(const vector *)(W + (k + l) * M + j);
                    if (j)
                        part[l] += p;
                    else
                        part[l] = p;
                    *(vector *)(dW + (k + l) * M + j) = x[k + l] * d;
                }
            }
            lane_sums(part);
            if (add)
                part[0] += *(const vector *)(dx + k);
            *(vector *)(dx + k) = part[0];
        }
}

/* The same sums in the same order where N or M is no whole number of vectors: APG_VECTOR parts of that over
 * j. */
INLINE void vecmat_back(size_t B, size_t N, size_t M, const apg_real *restrict x, const apg_real *restrict W,
    const apg_real *restrict dy, size_t ldW, apg_real *restrict dW, bool add, apg_real *restrict dx)
{
    if (APG_REGISTER == 64 && N % APG_VECTOR == 0 && M % APG_VECTOR == 0) {
        vecmat_back_vectors(B, N, M, x, W, dy, ldW, dW, add, dx);
        return;
    }
    for (size_t i = 0; i < B; i++, x += N, W += ldW, dW += ldW, dx += N, dy += M)
        for (size_t k = 0; k < N; k++) {
            apg_real part[APG_VECTOR] = {0};
            size_t j = 0;
            for (; j + APG_VECTOR <= M; j += APG_VECTOR)
                for (size_t l = 0; l < APG_VECTOR; l++) {
                    part[l] += dy[j + l] * W[k * M + j + l];
                    dW[k * M + j + l] = x[k] * dy[j + l];
                }
            for (size_t l = 0; j < M; j++, l++) {
                part[l] += dy[j] * W[k * M + j];
                dW[k * M + j] = x[k] * dy[j];
            }
            for (size_t n = APG_VECTOR / 2; n; n /= 2)
                for (size_t l = 0; l < n; l++)
                    part[l] += part[l + n];
            dx[k] = add ? dx[k] + part[0] : part[0];
        }
}

/* With the usual ranks as constants the loops over K unroll. */
CLONED void apg_kernel_vecmat_back(size_t B, size_t N, size_t M, const apg_real *x, const apg_real *W,
    const apg_real *dy, size_t ldW, apg_real *dW, bool add, apg_real *dx)
{
    if (N == 16 && M == 16)
        vecmat_back(B, 16, 16, x, W, dy, ldW, dW, add, dx);
    else if (N == 32 && M == 32)
        vecmat_back(B, 32, 32, x, W, dy, ldW, dW, add, dx);
    else if (N == 8 && M == 8)
        vecmat_back(B, 8, 8, x, W, dy, ldW, dW, add, dx);
    else
        vecmat_back(B, N, M, x, W, dy, ldW, dW, add, dx);
}

/* ---- activations ---- */

/* A mixer of 32 bits (multiply, xor-shift; constants of Wellons' lowbias32): it vectorises where 64-bit
 * multiplies do not. */
INLINE uint32_t mix(uint32_t x)
{
    x = (x ^ x >> 16) * 0x7feb352du;
    x = (x ^ x >> 15) * 0x846ca68bu;
    return x ^ x >> 16;
}

/* Each random number decides two places, half a block apart, 16 bits each: the rate is exact to 1/65536. */
CLONED void apg_kernel_relu(apg_real *x, size_t n, uint64_t key, unsigned cut)
{
    enum { HALF = 64 };
    if (!cut) {
        for (size_t i = 0; i < n; i++)
            x[i] = x[i] > 0 ? x[i] : 0;
        return;
    }
    const apg_real scale = (apg_real)(65536.0 / (65536.0 - cut));
    const uint32_t low = (uint32_t)key, high = (uint32_t)(key >> 32) | 1;
    size_t i = 0;
    for (; i + 2 * HALF <= n; i += 2 * HALF)
        for (size_t j = 0; j < HALF; j++) {
            uint32_t random = mix(((uint32_t)(i + j) ^ low) * high);
            apg_real a = x[i + j], b = x[i + HALF + j];
            a = a > 0 ? a * scale : 0;
            b = b > 0 ? b * scale : 0;
            x[i + j] = (random & 0xffff) >= cut ? a : 0;
            x[i + HALF + j] = random >> 16 >= cut ? b : 0;
        }
    for (; i < n; i++)
        x[i] = x[i] > 0 && (mix(((uint32_t)i ^ low) * high) & 0xffff) >= cut ? x[i] * scale : 0;
}

CLONED void apg_kernel_relu_back(apg_real *dx, const apg_real *y, size_t n, unsigned cut)
{
    const apg_real scale = (apg_real)(65536.0 / (65536.0 - cut));
    for (size_t i = 0; i < n; i++) {
        apg_real d = dx[i] * scale;
        dx[i] = y[i] > 0 ? d : 0;
    }
}

/* ---- rows ---- */

CLONED void apg_kernel_column_sums(const apg_real *a, size_t m, size_t n, apg_real *sum)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++)
            sum[j] += a[i * n + j];
}

CLONED void apg_kernel_moments(const apg_real *a, size_t m, size_t n, apg_real *moments)
{
    apg_real *mean = moments, *square = moments + n;
    memset(moments, 0, 2 * n * sizeof *moments);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++)
            mean[j] += a[i * n + j];
    for (size_t j = 0; j < n; j++)
        mean[j] /= (apg_real)m;
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            const apg_real d = a[i * n + j] - mean[j];
            square[j] += d * d;
        }
}

CLONED void apg_kernel_moments_back(const apg_real *x, const apg_real *dy, size_t m, size_t n,
    const apg_real *mean, const apg_real *inverse, apg_real *dshift, apg_real *dscale)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            const apg_real d = dy[i * n + j];
            dshift[j] += d;
            dscale[j] += d * (x[i * n + j] - mean[j]) * inverse[j];
        }
}

CLONED void apg_kernel_add(apg_real *y, const apg_real *x, apg_real w, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += w * x[i];
}

/* A vector of halves, in the first places of its numbers' type. */
#ifdef APG_DOUBLE
INLINE void half_vector(const uint16_t *from, vector *x)
{
    for (size_t l = 0; l < APG_VECTOR; l++)
        (*x)[l] = (apg_real)apg_half_value(from[l]);
}
#else
/* apg_half_value for all lanes. One number after another, CSV of 39 columns took 1.3 times as long to predict. */
INLINE void half_vector(const uint16_t *from, vector *x)
{
    typedef uint16_t halves __attribute__((vector_size(2 * APG_VECTOR)));
    halves h;
    memcpy(&h, from, sizeof h);
    const bits u = __builtin_convertvector(h, bits);
    const vector size = (vector)((u & 0x7fff) << 13) * 0x1p112f;
    *x = (vector)((bits)size | (u & 0x8000) << 16);
}
#endif

/* Of a TABLE, or else of HALF. Most bags have one row, of weight 1. It is inlined, so that where E is a constant
 * a row is in registers: as calls of apg_kernel_add this took twice as many instructions, 9 % of those of
 * predicting 39 columns. */
INLINE void bags(const uint32_t *first, const uint32_t *id, const float *weight, size_t n,
    const apg_real *table, const uint16_t *half, const size_t E, apg_real *e)
{
    enum { AHEAD_IDS = 64, LANES = sizeof(vector) / sizeof(apg_real), VECTORS = 16 / LANES };
    for (size_t bag = 0; bag < n; bag++, e += E) {
        uint32_t i = first[bag];
        const uint32_t end = first[bag + 1];
        if ((size_t)i + AHEAD_IDS < first[n]) {
            const size_t ahead = (size_t)id[i + AHEAD_IDS] * E;
            __builtin_prefetch(table ? (const void *)(table + ahead) : half + ahead);
        }
        if (table && end - i == 1 && !(weight[i] < 1) && !(weight[i] > 1)) {
            memcpy(e, table + (size_t)id[i] * E, E * sizeof *e);
        } else if (E == 16) {
            vector sum[VECTORS] = {0};
            for (; i < end; i++)
                for (size_t k = 0; k < VECTORS; k++) {
                    const size_t at = (size_t)id[i] * E + k * LANES;
                    vector row;
                    if (table)
                        memcpy(&row, table + at, sizeof row);
                    else
                        half_vector(half + at, &row);
                    sum[k] += (apg_real)weight[i] * row;
                }
            memcpy(e, sum, sizeof sum);
        } else if (E == 1) {
            apg_real sum = 0;
            for (; i < end; i++)
                sum += (apg_real)weight[i] * (table ? table[id[i]] : (apg_real)apg_half_value(half[id[i]]));
            *e = sum;
        } else {
            memset(e, 0, E * sizeof *e);
            for (; i < end; i++)
                for (size_t k = 0, at = (size_t)id[i] * E; k < E; k++, at++)
                    e[k] += (apg_real)weight[i] * (table ? table[at] : (apg_real)apg_half_value(half[at]));
        }
    }
}

CLONED void apg_kernel_bags(const uint32_t *first, const uint32_t *id, const float *weight, size_t n,
    const apg_real *table, size_t E, apg_real *e)
{
    if (E == 16)
        bags(first, id, weight, n, table, NULL, 16, e);
    else if (E == 1)
        bags(first, id, weight, n, table, NULL, 1, e);
    else
        bags(first, id, weight, n, table, NULL, E, e);
}

CLONED void apg_kernel_bags_half(const uint32_t *first, const uint32_t *id, const float *weight, size_t n,
    const uint16_t *half, size_t E, apg_real *e)
{
    if (E == 16)
        bags(first, id, weight, n, NULL, half, 16, e);
    else if (E == 1)
        bags(first, id, weight, n, NULL, half, 1, e);
    else
        bags(first, id, weight, n, NULL, half, E, e);
}

CLONED void apg_kernel_add_product(apg_real *y, const apg_real *a, const apg_real *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += a[i] * b[i];
}

CLONED void apg_kernel_lerp(size_t n, apg_real *mean, const apg_real *x, apg_real part)
{
    for (size_t i = 0; i < n; i++)
        mean[i] = (1 - part) * mean[i] + part * x[i];
}

CLONED void apg_kernel_swap(size_t n, apg_real *a, apg_real *b)
{
    for (size_t i = 0; i < n; i++) {
        const apg_real old = a[i];
        a[i] = b[i];
        b[i] = old;
    }
}

/* ---- attention ---- */

/* top = the greater of top and x, by lane */
INLINE void raise_to(vector *top, const vector *x)
{
    const bits more = (bits)(*x > *top);
    *top = (vector)(((bits)*x & more) | ((bits)*top & ~more));
}

/* x = e^x, for x <= 0. A float's is 2^n e^f with n an integer and |f| <= ln 2 / 2, and e^f by the polynomial
 * of Cephes' expf. */
INLINE void exponential(vector *x)
{
#ifdef APG_DOUBLE
    for (size_t l = 0; l < APG_VECTOR; l++)
        (*x)[l] = exp((*x)[l]);
#else
    const float round = 0x1.8p23f;          /* added and subtracted again, it rounds to the nearest integer */
    const bits there = ~(bits)(*x < -87.f); /* below that the result is 0 */
    const vector r = (vector)((bits)*x & there), shifted = r * 1.44269504f + round, n = shifted - round;
    const vector f = (r - n * 0.693359375f) + n * 2.12194440e-4f;
    vector y = f * 1.9875691500e-4f + 1.3981999507e-3f;
    y = y * f + 8.3334519073e-3f;
    y = y * f + 4.1665795894e-2f;
    y = y * f + 1.6666665459e-1f;
    y = y * f + 5.0000001201e-1f;
    y = y * f * f + f + 1.f;
    *x = (vector)(((bits)y + ((bits)shifted << 23)) & there);
#endif
}

/* p (F) = the softmax over j of q k_j. The k_j are LD vectors apart. */
INLINE void softmax(size_t F, size_t d, size_t ld, const vector *q, const vector *k, vector *p)
{
    vector top = {0}, sum = {0};
    for (size_t j = 0; j < F; j++) {
        vector s = q[0] * k[j * ld];
        for (size_t e = 1; e < d; e++)
            s += q[e] * k[j * ld + e];
        p[j] = s;
        if (j == 0)
            top = s;
        raise_to(&top, &s);
    }
    for (size_t j = 0; j < F; j++) {
        p[j] -= top;
        exponential(&p[j]);
        sum += p[j];
    }
    sum = (apg_real)1 / sum;
    for (size_t j = 0; j < F; j++)
        p[j] *= sum;
}

INLINE void attend(size_t F, size_t E, size_t d, vector *t, vector *p)
{
    const size_t ld = 4 * E;
    for (size_t h = 0; h < E; h += d)
        for (size_t f = 0; f < F; f++) {
            const vector *v = t + 2 * E + h;
            vector *y = t + f * ld + 3 * E + h;
            softmax(F, d, ld, t + f * ld + h, t + E + h, p);
            for (size_t e = 0; e < d; e++) {
                vector sum = p[0] * v[e];
                for (size_t j = 1; j < F; j++)
                    sum += p[j] * v[j * ld + e];
                y[e] += sum;
            }
        }
}

/* p is made again, which costs less than keeping F x F numbers of every head and instance. */
INLINE void attend_back(size_t F, size_t E, size_t d, const vector *t, vector *dt, vector *p, vector *dp)
{
    const size_t ld = 4 * E;
    for (size_t f = 0; f < F; f++)
        memset(dt + f * ld, 0, 3 * E * sizeof *dt);
    for (size_t h = 0; h < E; h += d) {
        const vector *k = t + E + h, *v = t + 2 * E + h;
        vector *dk = dt + E + h, *dv = dt + 2 * E + h;
        for (size_t f = 0; f < F; f++) {
            const vector *q = t + f * ld + h, *dy = dt + f * ld + 3 * E + h;
            vector *dq = dt + f * ld + h, mean = {0};
            softmax(F, d, ld, q, k, p);
            for (size_t j = 0; j < F; j++) {
                vector s = dy[0] * v[j * ld];
                for (size_t e = 1; e < d; e++)
                    s += dy[e] * v[j * ld + e];
                dp[j] = s;
                mean += p[j] * s;
            }
            for (size_t j = 0; j < F; j++) {
                const vector pj = p[j], ds = pj * (dp[j] - mean);
                for (size_t e = 0; e < d; e++) {
                    dq[e] += ds * k[j * ld + e];
                    dk[j * ld + e] += ds * q[e];
                    dv[j * ld + e] += pj * dy[e];
                }
            }
        }
    }
}

/* With the usual width of a head as a constant, a head's sums stay in registers. */
CLONED void apg_kernel_attention(size_t F, size_t E, size_t d, apg_real *t, apg_real *p)
{
    if (d == 8)
        attend(F, E, 8, (vector *)t, (vector *)p);
    else
        attend(F, E, d, (vector *)t, (vector *)p);
}

CLONED void apg_kernel_attention_back(
    size_t F, size_t E, size_t d, const apg_real *t, apg_real *dt, apg_real *p, apg_real *dp)
{
    if (d == 8)
        attend_back(F, E, 8, (const vector *)t, (vector *)dt, (vector *)p, (vector *)dp);
    else
        attend_back(F, E, d, (const vector *)t, (vector *)dt, (vector *)p, (vector *)dp);
}

CLONED void apg_kernel_to_lanes(size_t rows, size_t F, size_t n, const apg_real *x, apg_real *t, size_t ld)
{
    for (size_t f = 0; f < F; f++)
        for (size_t c = 0; c < n; c++)
            for (size_t l = 0; l < APG_VECTOR; l++)
                t[(f * ld + c) * APG_VECTOR + l] = l < rows ? x[(l * F + f) * n + c] : 0;
}

CLONED void apg_kernel_from_lanes(size_t rows, size_t F, size_t n, const apg_real *t, size_t ld, apg_real *x)
{
    for (size_t f = 0; f < F; f++)
        for (size_t l = 0; l < rows; l++)
            for (size_t c = 0; c < n; c++)
                x[(l * F + f) * n + c] = t[(f * ld + c) * APG_VECTOR + l];
}

/* ---- for tiles of products ---- */

CLONED void apg_kernel_pack(size_t k, size_t columns, const apg_real *b, size_t ldb, apg_real *pack)
{
    for (size_t p = 0; p < k; p++, b += ldb, pack += columns)
        for (size_t v = 0; v < columns; v += APG_VECTOR)
            *(vector *)(pack + v) = *(const vector *)(b + v);
}

CLONED void apg_kernel_pack_transposed(
    size_t k, size_t columns, const apg_real *b, size_t ldb, apg_real *pack)
{
    for (size_t v = 0; v < columns; v += APG_VECTOR)
        for (size_t p = 0; p < k; p += APG_VECTOR) {
            vector x[APG_VECTOR];
            for (size_t l = 0; l < APG_VECTOR; l++)
                x[l] = *(const vector *)(b + (v + l) * ldb + p);
            transpose(x);
            for (size_t l = 0; l < APG_VECTOR; l++)
                *(vector *)(pack + (p + l) * columns + v) = x[l];
        }
}

/* ---- pairs ---- */

CLONED void apg_kernel_fm(size_t B, size_t F, size_t E, const apg_real *v, apg_real *total, apg_real *y)
{
    for (size_t i = 0; i < B; i++, v += F * E, total += E) {
        y[i] = 0;
        size_t e = 0;
        for (; e + APG_VECTOR <= E; e += APG_VECTOR) {
            vector sum = {0}, pair = {0};
            for (size_t f = 0; f < F; f++) {
                const vector vf = *(const vector *)(v + f * E + e);
                pair += sum * vf;
                sum += vf;
            }
            *(vector *)(total + e) = sum;
            for (size_t l = 0; l < APG_VECTOR; l++)
                y[i] += pair[l];
        }
        for (; e < E; e++) {
            apg_real sum = 0;
            for (size_t f = 0; f < F; f++) {
                y[i] += sum * v[f * E + e];
                sum += v[f * E + e];
            }
            total[e] = sum;
        }
    }
}

CLONED void apg_kernel_pairs(size_t F, size_t E, const apg_real *v, apg_real *y)
{
    const vector *a = (const vector *)v;
    vector *out = (vector *)y;
    for (size_t f = 0; f < F; f++)
        for (size_t h = f + 1; h < F; h++) {
            vector sum = a[f * E] * a[h * E];
            for (size_t e = 1; e < E; e++)
                sum += a[f * E + e] * a[h * E + e];
            *out++ = sum;
        }
}

CLONED void apg_kernel_pairs_back(size_t F, size_t E, const apg_real *v, const apg_real *dy, apg_real *dv)
{
    const vector *a = (const vector *)v, *d = (const vector *)dy;
    vector *da = (vector *)dv;
    for (size_t f = 0; f < F; f++)
        for (size_t h = f + 1; h < F; h++, d++)
            for (size_t e = 0; e < E; e++) {
                da[f * E + e] += *d * a[h * E + e];
                da[h * E + e] += *d * a[f * E + e];
            }
}

/* ---- optimizers ---- */

CLONED void apg_kernel_adam(size_t n, apg_real *w, apg_real *m, apg_real *v, const apg_real *g, apg_real l2,
    apg_real lr_m, apg_real root_v)
{
    const apg_real b1 = (apg_real)0.9, b2 = (apg_real)0.999, c1 = (apg_real)0.1, c2 = (apg_real)0.001;
    for (size_t i = 0; i < n; i++) {
        apg_real gi = g[i] + l2 * w[i];
        m[i] = b1 * m[i] + c1 * gi;
        v[i] = b2 * v[i] + c2 * gi * gi;
        w[i] -= lr_m * m[i] / (ROOT(v[i]) * root_v + (apg_real)1e-8);
    }
}

CLONED void apg_kernel_adagrad(
    size_t n, apg_real *w, apg_real *v, const apg_real *g, apg_real l2, apg_real lr)
{
    for (size_t i = 0; i < n; i++) {
        apg_real gi = g[i] + l2 * w[i];
        v[i] += gi * gi;
        w[i] -= lr * gi / (ROOT(v[i]) + (apg_real)1e-8);
    }
}

CLONED void apg_kernel_adagrad_row(
    size_t n, apg_real *w, apg_real *v, const apg_real *g, apg_real l2, apg_real lr)
{
    enum { LANES = 8 }; /* sums side by side: a fixed order, and one that vectorises */
    apg_real part[LANES] = {0}, sum = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++) {
            const apg_real gi = g[i + k] + l2 * w[i + k];
            part[k] += gi * gi;
        }
    for (; i < n; i++) {
        const apg_real gi = g[i] + l2 * w[i];
        sum += gi * gi;
    }
    for (size_t k = 0; k < LANES; k++)
        sum += part[k];
    *v = (apg_real)0.99 * *v + sum / (apg_real)n;
    const apg_real rate = lr / (ROOT(*v) + (apg_real)1e-8);
    for (i = 0; i < n; i++)
        w[i] -= rate * (g[i] + l2 * w[i]);
}
