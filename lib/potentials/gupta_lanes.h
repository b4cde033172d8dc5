/* Eight lanes of doubles for the Gupta kernels: one 512-bit register, two of 256 bits,
   or plain C.  Every operation acts on each lane alone or moves lanes, so AVX2 and
   AVX-512 give the same bits; without fused multiply-add the portable variant differs
   from them in the last digits. */
#ifndef HOP_POTENTIALS_GUPTA_LANES_H
#define HOP_POTENTIALS_GUPTA_LANES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "potentials/gupta_exp2.h"

#define LANES_INLINE static inline __attribute__((always_inline))

/* For the kernels' own functions: without vector registers of that size, forced into one
   another, they would take minutes to compile. */
#if defined(__AVX512F__) || (defined(__AVX2__) && defined(__FMA__))
#define LANES_KERNEL static inline __attribute__((always_inline))
#else
#define LANES_KERNEL static inline __attribute__((unused))
#endif

#if defined(__AVX512F__)

#include <immintrin.h>

typedef __m512d lanes;
LANES_INLINE lanes lanes_all(double a) { return _mm512_set1_pd(a); }
LANES_INLINE lanes lanes_load(const double *p) { return _mm512_load_pd(p); }
LANES_INLINE void lanes_store(double *p, lanes a) { _mm512_store_pd(p, a); }
LANES_INLINE lanes lanes_add(lanes a, lanes b) { return _mm512_add_pd(a, b); }
LANES_INLINE lanes lanes_sub(lanes a, lanes b) { return _mm512_sub_pd(a, b); }
LANES_INLINE lanes lanes_mul(lanes a, lanes b) { return _mm512_mul_pd(a, b); }
LANES_INLINE lanes lanes_div(lanes a, lanes b) { return _mm512_div_pd(a, b); }
LANES_INLINE lanes lanes_max(lanes a, lanes b) { return _mm512_max_pd(a, b); }
LANES_INLINE lanes lanes_min(lanes a, lanes b) { return _mm512_min_pd(a, b); }
LANES_INLINE lanes lanes_sqrt(lanes a) { return _mm512_sqrt_pd(a); }
LANES_INLINE lanes lanes_fma(lanes a, lanes b, lanes c) {
    return _mm512_fmadd_pd(a, b, c);
}
LANES_INLINE lanes lanes_fnma(lanes a, lanes b, lanes c) {
    return _mm512_fnmadd_pd(a, b, c);
}
LANES_INLINE lanes lanes_where_above(lanes x, double limit, lanes a) {
    return _mm512_maskz_mov_pd(_mm512_cmp_pd_mask(x, _mm512_set1_pd(limit), _CMP_GT_OQ),
                               a);
}
LANES_INLINE lanes lanes_quad(const double *p) {
    return _mm512_broadcast_f64x4(_mm256_loadu_pd(p));
}
LANES_INLINE lanes lanes_halves(const double *low, const double *high) {
    return _mm512_insertf64x4(_mm512_castpd256_pd512(_mm256_loadu_pd(low)),
                              _mm256_loadu_pd(high), 1);
}
LANES_INLINE lanes lanes_turn(lanes a) { return _mm512_permutex_pd(a, 0x93); }
LANES_INLINE lanes lanes_turn_high(lanes a) {
    return _mm512_mask_permutex_pd(a, 0xf0, a, 0x93);
}
LANES_INLINE lanes lanes_swap(lanes a) { return _mm512_shuffle_f64x2(a, a, 0x4e); }
LANES_INLINE lanes lanes_lows(lanes a, lanes b) {
    return _mm512_shuffle_f64x2(a, b, 0x44);
}
LANES_INLINE lanes lanes_highs(lanes a, lanes b) {
    return _mm512_shuffle_f64x2(a, b, 0xee);
}
LANES_INLINE void lanes_store_halves(double *low, double *high, lanes a) {
    _mm256_storeu_pd(low, _mm512_castpd512_pd256(a));
    _mm256_storeu_pd(high, _mm512_extractf64x4_pd(a, 1));
}
/* in each half: a0 b0 a2 b2; a1 b1 a3 b3; a0 a1 b0 b1; a2 a3 b2 b3 */
LANES_INLINE lanes lanes_unpack_low(lanes a, lanes b) {
    return _mm512_unpacklo_pd(a, b);
}
LANES_INLINE lanes lanes_unpack_high(lanes a, lanes b) {
    return _mm512_unpackhi_pd(a, b);
}
LANES_INLINE lanes lanes_pairs_low(lanes a, lanes b) {
    return _mm512_permutex2var_pd(a, _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13), b);
}
LANES_INLINE lanes lanes_pairs_high(lanes a, lanes b) {
    return _mm512_permutex2var_pd(a, _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15), b);
}
/* x < y ? a : b */
LANES_INLINE lanes lanes_select(lanes x, lanes y, lanes a, lanes b) {
    return _mm512_mask_blend_pd(_mm512_cmp_pd_mask(x, y, _CMP_LT_OQ), b, a);
}
LANES_INLINE lanes lanes_abs(lanes a) { return _mm512_abs_pd(a); }
/* the sign of `sign` given to `a`, which is positive */
LANES_INLINE lanes lanes_signed(lanes a, lanes sign) {
    return _mm512_or_pd(a, _mm512_and_pd(sign, _mm512_set1_pd(-0.0)));
}
/* where x is negative a, elsewhere b */
LANES_INLINE lanes lanes_by_sign(lanes x, lanes a, lanes b) {
    return _mm512_mask_blend_pd(_mm512_movepi64_mask(_mm512_castpd_si512(x)), b, a);
}
/* bit l: x < y in lane l */
LANES_INLINE unsigned lanes_below(lanes x, lanes y) {
    return _mm512_cmp_pd_mask(x, y, _CMP_LT_OQ);
}
/* table[index] */
LANES_INLINE lanes lanes_lookup(const double *table, lanes index) {
    return _mm512_i32gather_pd(_mm512_cvttpd_epi32(index), table, 8);
}
/* in each half: b where `mask` has a bit; lane l from lane `order` >> 2 l */
#define lanes_blend(a, b, mask) _mm512_mask_blend_pd((mask)*0x11, a, b)
#define lanes_shuffle(a, order) _mm512_permutex_pd(a, order)
LANES_INLINE double lanes_sum(lanes a) {
    __m256d q = _mm256_add_pd(_mm512_castpd512_pd256(a), _mm512_extractf64x4_pd(a, 1));
    __m128d d = _mm_add_pd(_mm256_castpd256_pd128(q), _mm256_extractf128_pd(q, 1));
    return _mm_cvtsd_f64(_mm_add_sd(d, _mm_unpackhi_pd(d, d)));
}
/* 2^(k/16) from the bits of k/16 + HOP__EXP2_MAGIC */
LANES_INLINE lanes lanes_scale(lanes shifted) {
    __m512i bits = _mm512_castpd_si512(shifted);
    __m512d entry = _mm512_permutex2var_pd(_mm512_loadu_pd(hop__exp2_table), bits,
                                           _mm512_loadu_pd(hop__exp2_table + 8));
    return _mm512_castsi512_pd(
        _mm512_add_epi64(_mm512_castpd_si512(entry), _mm512_slli_epi64(bits, 48)));
}

#elif defined(__AVX2__) && defined(__FMA__)

#include <immintrin.h>

typedef struct lanes {
    __m256d low, high;
} lanes;
LANES_INLINE lanes lanes_all(double a) {
    return (lanes){_mm256_set1_pd(a), _mm256_set1_pd(a)};
}
LANES_INLINE lanes lanes_load(const double *p) {
    return (lanes){_mm256_load_pd(p), _mm256_load_pd(p + 4)};
}
LANES_INLINE void lanes_store(double *p, lanes a) {
    _mm256_store_pd(p, a.low);
    _mm256_store_pd(p + 4, a.high);
}
LANES_INLINE lanes lanes_add(lanes a, lanes b) {
    return (lanes){_mm256_add_pd(a.low, b.low), _mm256_add_pd(a.high, b.high)};
}
LANES_INLINE lanes lanes_sub(lanes a, lanes b) {
    return (lanes){_mm256_sub_pd(a.low, b.low), _mm256_sub_pd(a.high, b.high)};
}
LANES_INLINE lanes lanes_mul(lanes a, lanes b) {
    return (lanes){_mm256_mul_pd(a.low, b.low), _mm256_mul_pd(a.high, b.high)};
}
LANES_INLINE lanes lanes_div(lanes a, lanes b) {
    return (lanes){_mm256_div_pd(a.low, b.low), _mm256_div_pd(a.high, b.high)};
}
LANES_INLINE lanes lanes_max(lanes a, lanes b) {
    return (lanes){_mm256_max_pd(a.low, b.low), _mm256_max_pd(a.high, b.high)};
}
LANES_INLINE lanes lanes_min(lanes a, lanes b) {
    return (lanes){_mm256_min_pd(a.low, b.low), _mm256_min_pd(a.high, b.high)};
}
LANES_INLINE lanes lanes_sqrt(lanes a) {
    return (lanes){_mm256_sqrt_pd(a.low), _mm256_sqrt_pd(a.high)};
}
LANES_INLINE lanes lanes_fma(lanes a, lanes b, lanes c) {
    return (lanes){_mm256_fmadd_pd(a.low, b.low, c.low),
                   _mm256_fmadd_pd(a.high, b.high, c.high)};
}
LANES_INLINE lanes lanes_fnma(lanes a, lanes b, lanes c) {
    return (lanes){_mm256_fnmadd_pd(a.low, b.low, c.low),
                   _mm256_fnmadd_pd(a.high, b.high, c.high)};
}
LANES_INLINE lanes lanes_where_above(lanes x, double limit, lanes a) {
    const __m256d l = _mm256_set1_pd(limit);
    return (lanes){_mm256_and_pd(_mm256_cmp_pd(x.low, l, _CMP_GT_OQ), a.low),
                   _mm256_and_pd(_mm256_cmp_pd(x.high, l, _CMP_GT_OQ), a.high)};
}
LANES_INLINE lanes lanes_quad(const double *p) {
    __m256d q = _mm256_loadu_pd(p);
    return (lanes){q, q};
}
LANES_INLINE lanes lanes_halves(const double *low, const double *high) {
    return (lanes){_mm256_loadu_pd(low), _mm256_loadu_pd(high)};
}
LANES_INLINE lanes lanes_turn(lanes a) {
    return (lanes){_mm256_permute4x64_pd(a.low, 0x93),
                   _mm256_permute4x64_pd(a.high, 0x93)};
}
LANES_INLINE lanes lanes_turn_high(lanes a) {
    return (lanes){a.low, _mm256_permute4x64_pd(a.high, 0x93)};
}
LANES_INLINE lanes lanes_swap(lanes a) { return (lanes){a.high, a.low}; }
LANES_INLINE lanes lanes_lows(lanes a, lanes b) { return (lanes){a.low, b.low}; }
LANES_INLINE lanes lanes_highs(lanes a, lanes b) { return (lanes){a.high, b.high}; }
LANES_INLINE void lanes_store_halves(double *low, double *high, lanes a) {
    _mm256_storeu_pd(low, a.low);
    _mm256_storeu_pd(high, a.high);
}
LANES_INLINE lanes lanes_unpack_low(lanes a, lanes b) {
    return (lanes){_mm256_unpacklo_pd(a.low, b.low),
                   _mm256_unpacklo_pd(a.high, b.high)};
}
LANES_INLINE lanes lanes_unpack_high(lanes a, lanes b) {
    return (lanes){_mm256_unpackhi_pd(a.low, b.low),
                   _mm256_unpackhi_pd(a.high, b.high)};
}
LANES_INLINE lanes lanes_pairs_low(lanes a, lanes b) {
    return (lanes){_mm256_permute2f128_pd(a.low, b.low, 0x20),
                   _mm256_permute2f128_pd(a.high, b.high, 0x20)};
}
LANES_INLINE lanes lanes_pairs_high(lanes a, lanes b) {
    return (lanes){_mm256_permute2f128_pd(a.low, b.low, 0x31),
                   _mm256_permute2f128_pd(a.high, b.high, 0x31)};
}
LANES_INLINE lanes lanes_select(lanes x, lanes y, lanes a, lanes b) {
    return (lanes){
        _mm256_blendv_pd(b.low, a.low, _mm256_cmp_pd(x.low, y.low, _CMP_LT_OQ)),
        _mm256_blendv_pd(b.high, a.high, _mm256_cmp_pd(x.high, y.high, _CMP_LT_OQ))};
}
LANES_INLINE lanes lanes_abs(lanes a) {
    const __m256d sign = _mm256_set1_pd(-0.0);
    return (lanes){_mm256_andnot_pd(sign, a.low), _mm256_andnot_pd(sign, a.high)};
}
LANES_INLINE lanes lanes_signed(lanes a, lanes sign) {
    const __m256d bit = _mm256_set1_pd(-0.0);
    return (lanes){_mm256_or_pd(a.low, _mm256_and_pd(sign.low, bit)),
                   _mm256_or_pd(a.high, _mm256_and_pd(sign.high, bit))};
}
LANES_INLINE lanes lanes_by_sign(lanes x, lanes a, lanes b) {
    return (lanes){_mm256_blendv_pd(b.low, a.low, x.low),
                   _mm256_blendv_pd(b.high, a.high, x.high)};
}
LANES_INLINE unsigned lanes_below(lanes x, lanes y) {
    __m256d low = _mm256_cmp_pd(x.low, y.low, _CMP_LT_OQ);
    __m256d high = _mm256_cmp_pd(x.high, y.high, _CMP_LT_OQ);
    return (unsigned)(_mm256_movemask_pd(low) | _mm256_movemask_pd(high) << 4);
}
LANES_INLINE lanes lanes_lookup(const double *table, lanes index) {
    return (lanes){_mm256_i32gather_pd(table, _mm256_cvttpd_epi32(index.low), 8),
                   _mm256_i32gather_pd(table, _mm256_cvttpd_epi32(index.high), 8)};
}
#define lanes_blend(a, b, mask)                                                        \
    ((lanes){_mm256_blend_pd((a).low, (b).low, mask),                                  \
             _mm256_blend_pd((a).high, (b).high, mask)})
#define lanes_shuffle(a, order)                                                        \
    ((lanes){_mm256_permute4x64_pd((a).low, order),                                    \
             _mm256_permute4x64_pd((a).high, order)})
LANES_INLINE double lanes_sum(lanes a) {
    __m256d q = _mm256_add_pd(a.low, a.high);
    __m128d d = _mm_add_pd(_mm256_castpd256_pd128(q), _mm256_extractf128_pd(q, 1));
    return _mm_cvtsd_f64(_mm_add_sd(d, _mm_unpackhi_pd(d, d)));
}
LANES_INLINE __m256d lanes_scale4(__m256d shifted) {
    __m256i bits = _mm256_castpd_si256(shifted);
    __m256d entry = _mm256_i64gather_pd(
        hop__exp2_table, _mm256_and_si256(bits, _mm256_set1_epi64x(15)), 8);
    return _mm256_castsi256_pd(
        _mm256_add_epi64(_mm256_castpd_si256(entry), _mm256_slli_epi64(bits, 48)));
}
LANES_INLINE lanes lanes_scale(lanes shifted) {
    return (lanes){lanes_scale4(shifted.low), lanes_scale4(shifted.high)};
}

#else

#include <math.h>

/* four pairs, for which any processor has instructions */
typedef double lanes_two __attribute__((vector_size(16)));
typedef struct lanes {
    lanes_two two[4];
} lanes;
#define LANE(a, l) (a).two[(l) / 2][(l) % 2]
#define LANES_TWOS(a, operation, b)                                                    \
    (lanes) {                                                                          \
        {                                                                              \
            (a).two[0] operation(b).two[0], (a).two[1] operation(b).two[1],            \
                (a).two[2] operation(b).two[2], (a).two[3] operation(b).two[3]         \
        }                                                                              \
    }
#define LANES_EACH(expression)                                                         \
    double each[8];                                                                    \
    _Pragma("GCC unroll 8") for (int l = 0; l < 8; l++) each[l] = (expression);        \
    return (lanes) {                                                                   \
        {                                                                              \
            {each[0], each[1]}, {each[2], each[3]}, {each[4], each[5]}, {              \
                each[6], each[7]                                                       \
            }                                                                          \
        }                                                                              \
    }
LANES_INLINE lanes lanes_all(double a) { LANES_EACH(a); }
LANES_INLINE lanes lanes_load(const double *p) { LANES_EACH(p[l]); }
LANES_INLINE void lanes_store(double *p, lanes a) { memcpy(p, &a, sizeof a); }
LANES_INLINE lanes lanes_add(lanes a, lanes b) { return LANES_TWOS(a, +, b); }
LANES_INLINE lanes lanes_sub(lanes a, lanes b) { return LANES_TWOS(a, -, b); }
LANES_INLINE lanes lanes_mul(lanes a, lanes b) { return LANES_TWOS(a, *, b); }
LANES_INLINE lanes lanes_div(lanes a, lanes b) { return LANES_TWOS(a, /, b); }
LANES_INLINE lanes lanes_max(lanes a, lanes b) {
    LANES_EACH(LANE(a, l) > LANE(b, l) ? LANE(a, l) : LANE(b, l));
}
LANES_INLINE lanes lanes_min(lanes a, lanes b) {
    LANES_EACH(LANE(a, l) < LANE(b, l) ? LANE(a, l) : LANE(b, l));
}
LANES_INLINE lanes lanes_sqrt(lanes a) { LANES_EACH(sqrt(LANE(a, l))); }
LANES_INLINE lanes lanes_fma(lanes a, lanes b, lanes c) {
    return lanes_add(lanes_mul(a, b), c);
}
LANES_INLINE lanes lanes_fnma(lanes a, lanes b, lanes c) {
    return lanes_sub(c, lanes_mul(a, b));
}
LANES_INLINE lanes lanes_where_above(lanes x, double limit, lanes a) {
    LANES_EACH(LANE(x, l) > limit ? LANE(a, l) : 0.0);
}
LANES_INLINE lanes lanes_quad(const double *p) { LANES_EACH(p[l % 4]); }
LANES_INLINE lanes lanes_halves(const double *low, const double *high) {
    LANES_EACH(l < 4 ? low[l] : high[l - 4]);
}
LANES_INLINE lanes lanes_turn(lanes a) { LANES_EACH(LANE(a, l / 4 * 4 + (l + 3) % 4)); }
LANES_INLINE lanes lanes_turn_high(lanes a) {
    LANES_EACH(l < 4 ? LANE(a, l) : LANE(a, 4 + (l + 3) % 4));
}
LANES_INLINE lanes lanes_swap(lanes a) { LANES_EACH(LANE(a, (l + 4) % 8)); }
LANES_INLINE lanes lanes_lows(lanes a, lanes b) {
    LANES_EACH(l < 4 ? LANE(a, l) : LANE(b, l - 4));
}
LANES_INLINE lanes lanes_highs(lanes a, lanes b) {
    LANES_EACH(l < 4 ? LANE(a, l + 4) : LANE(b, l));
}
LANES_INLINE void lanes_store_halves(double *low, double *high, lanes a) {
    memcpy(low, &a.two[0], 4 * sizeof(double));
    memcpy(high, &a.two[2], 4 * sizeof(double));
}
LANES_INLINE lanes lanes_unpack_low(lanes a, lanes b) {
    LANES_EACH(l % 2 ? LANE(b, l - 1) : LANE(a, l));
}
LANES_INLINE lanes lanes_unpack_high(lanes a, lanes b) {
    LANES_EACH(l % 2 ? LANE(b, l) : LANE(a, l + 1));
}
LANES_INLINE lanes lanes_pairs_low(lanes a, lanes b) {
    LANES_EACH(l % 4 < 2 ? LANE(a, l) : LANE(b, l - 2));
}
LANES_INLINE lanes lanes_pairs_high(lanes a, lanes b) {
    LANES_EACH(l % 4 < 2 ? LANE(a, l + 2) : LANE(b, l));
}
LANES_INLINE lanes lanes_select(lanes x, lanes y, lanes a, lanes b) {
    LANES_EACH(LANE(x, l) < LANE(y, l) ? LANE(a, l) : LANE(b, l));
}
LANES_INLINE lanes lanes_abs(lanes a) { LANES_EACH(fabs(LANE(a, l))); }
LANES_INLINE lanes lanes_signed(lanes a, lanes sign) {
    LANES_EACH(copysign(LANE(a, l), LANE(sign, l)));
}
LANES_INLINE lanes lanes_by_sign(lanes x, lanes a, lanes b) {
    LANES_EACH(LANE(x, l) < 0.0 ? LANE(a, l) : LANE(b, l));
}
LANES_INLINE unsigned lanes_below(lanes x, lanes y) {
    unsigned mask = 0;
    for (int l = 0; l < 8; l++)
        mask |= (unsigned)(LANE(x, l) < LANE(y, l)) << l;
    return mask;
}
LANES_INLINE lanes lanes_lookup(const double *table, lanes index) {
    LANES_EACH(table[(int)LANE(index, l)]);
}
LANES_INLINE lanes lanes_blend(lanes a, lanes b, int mask) {
    LANES_EACH(mask >> l % 4 & 1 ? LANE(b, l) : LANE(a, l));
}
LANES_INLINE lanes lanes_shuffle(lanes a, int order) {
    LANES_EACH(LANE(a, l / 4 * 4 + (order >> l % 4 * 2 & 3)));
}
LANES_INLINE double lanes_sum(lanes a) {
    return ((LANE(a, 0) + LANE(a, 4)) + (LANE(a, 2) + LANE(a, 6))) +
           ((LANE(a, 1) + LANE(a, 5)) + (LANE(a, 3) + LANE(a, 7)));
}
/* 2^(k/16) with the bits of k from k/16 + HOP__EXP2_MAGIC */
LANES_INLINE double lanes_scale1(double shifted) {
    uint64_t bits, entry;
    memcpy(&bits, &shifted, sizeof bits);
    memcpy(&entry, &hop__exp2_table[bits & 15], sizeof entry);
    entry += bits << 48;
    memcpy(&shifted, &entry, sizeof shifted);
    return shifted;
}
LANES_INLINE lanes lanes_scale(lanes shifted) {
    LANES_EACH(lanes_scale1(LANE(shifted, l)));
}

#endif

/* Lane k is the sum of all lanes of v[k]. */
LANES_INLINE lanes lanes_sums(const lanes v[8]) {
    lanes half[2];
    for (int k = 0; k < 2; k++) {
        const lanes *a = v + 4 * k;
        lanes two =
            lanes_add(lanes_unpack_low(a[0], a[1]), lanes_unpack_high(a[0], a[1]));
        lanes more =
            lanes_add(lanes_unpack_low(a[2], a[3]), lanes_unpack_high(a[2], a[3]));
        half[k] = lanes_add(lanes_pairs_low(two, more), lanes_pairs_high(two, more));
    }
    return lanes_add(lanes_lows(half[0], half[1]), lanes_highs(half[0], half[1]));
}

/* Lanes from `count` on: 1e24, a square of a distance beyond every reach. */
LANES_INLINE lanes lanes_out_of_reach(size_t count) {
    static const double far[16] = {0,    0,    0,    0,    0,    0,    0,    0,
                                   1e24, 1e24, 1e24, 1e24, 1e24, 1e24, 1e24, 1e24};
    return lanes_halves(far + 8 - count, far + 12 - count);
}

/* 2^t within 1.1 ulp for -960 <= t <= 1000, clamped below: far atoms vanish beside
   others, and what is made of 2^-960 is still a normal number, which denormals, being
   slow, are not.  t = k/16 + f, 2^t = 2^(k/16) (1 + f q(f)), q minimax on |f| <= 1/32.
 */
LANES_INLINE lanes lanes_exp2(lanes t) {
    const lanes magic = lanes_all(HOP__EXP2_MAGIC);
    t = lanes_max(t, lanes_all(-960.0));
    lanes shifted = lanes_add(t, magic);
    lanes f = lanes_sub(t, lanes_sub(shifted, magic));
    lanes scale = lanes_scale(shifted);
    lanes p = lanes_fma(lanes_all(0x1.430818ad73e5ap-13), f,
                        lanes_all(0x1.5d89bdcd026fap-10));
    p = lanes_fma(p, f, lanes_all(0x1.3b2ab6fe272c3p-7));
    p = lanes_fma(p, f, lanes_all(0x1.c6b08d6e8ba08p-5));
    p = lanes_fma(p, f, lanes_all(0x1.ebfbdff82c553p-3));
    p = lanes_fma(p, f, lanes_all(0x1.62e42fefa39fdp-1));
    return lanes_fma(lanes_mul(scale, f), p, scale);
}

#endif
