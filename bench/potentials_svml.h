/* Included before every file of LAMMPS' INTEL package in a second build of it, so that
 * its AVX-512 path, which it keeps for Intel's compilers, is measured with GCC too: the
 * macros by which it knows such a compiler, and the vector functions that Intel's
 * library would provide, here from glibc's libmvec.  A stand-in, not what Intel's
 * compiler would make. */
#if defined(__AVX512F__) && !defined(BENCH_POTENTIALS_SVML_H)
#define BENCH_POTENTIALS_SVML_H

/* Standard headers come first, for they too ask for the compiler. */
#include <algorithm>
#include <cassert>
#include <cctype>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <immintrin.h>
#include <iostream>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>
#if defined(_OPENMP)
#include <omp.h>
#endif

extern "C" {
__m512d _ZGVeN8v_exp(__m512d);
__m512d _ZGVeN8v_sin(__m512d);
__m512d _ZGVeN8v_cos(__m512d);
__m512d _ZGVeN8v_tan(__m512d);
__m512d _ZGVeN8vv_pow(__m512d, __m512d);
__m512 _ZGVeN16v_expf(__m512);
__m512 _ZGVeN16vv_powf(__m512, __m512);
}

static inline __m512d _mm512_exp_pd(__m512d x) { return _ZGVeN8v_exp(x); }
static inline __m512d _mm512_sin_pd(__m512d x) { return _ZGVeN8v_sin(x); }
static inline __m512d _mm512_cos_pd(__m512d x) { return _ZGVeN8v_cos(x); }
static inline __m512d _mm512_tan_pd(__m512d x) { return _ZGVeN8v_tan(x); }
static inline __m512d _mm512_pow_pd(__m512d x, __m512d y) {
    return _ZGVeN8vv_pow(x, y);
}
static inline __m512 _mm512_exp_ps(__m512 x) { return _ZGVeN16v_expf(x); }
static inline __m512 _mm512_pow_ps(__m512 x, __m512 y) { return _ZGVeN16vv_powf(x, y); }

/* The hardware's 14 bits, then Newton's steps. */
static inline __m512d _mm512_recip_pd(__m512d x) {
    const __m512d two = _mm512_set1_pd(2.0);
    __m512d y = _mm512_rcp14_pd(x);
    y = _mm512_mul_pd(y, _mm512_fnmadd_pd(x, y, two));
    return _mm512_mul_pd(y, _mm512_fnmadd_pd(x, y, two));
}
static inline __m512 _mm512_recip_ps(__m512 x) {
    __m512 y = _mm512_rcp14_ps(x);
    return _mm512_mul_ps(y, _mm512_fnmadd_ps(x, y, _mm512_set1_ps(2.0f)));
}
static inline __m512d _mm512_invsqrt_pd(__m512d x) {
    const __m512d half = _mm512_mul_pd(x, _mm512_set1_pd(0.5)), c = _mm512_set1_pd(1.5);
    __m512d y = _mm512_rsqrt14_pd(x);
    y = _mm512_mul_pd(y, _mm512_fnmadd_pd(_mm512_mul_pd(half, y), y, c));
    return _mm512_mul_pd(y, _mm512_fnmadd_pd(_mm512_mul_pd(half, y), y, c));
}
static inline __m512 _mm512_invsqrt_ps(__m512 x) {
    const __m512 half = _mm512_mul_ps(x, _mm512_set1_ps(0.5f));
    __m512 y = _mm512_rsqrt14_ps(x);
    return _mm512_mul_ps(
        y, _mm512_fnmadd_ps(_mm512_mul_ps(half, y), y, _mm512_set1_ps(1.5f)));
}
static inline __m512d _mm512_mask_recip_pd(__m512d s, __mmask8 m, __m512d x) {
    return _mm512_mask_mov_pd(s, m, _mm512_recip_pd(x));
}
static inline __m512 _mm512_mask_recip_ps(__m512 s, __mmask16 m, __m512 x) {
    return _mm512_mask_mov_ps(s, m, _mm512_recip_ps(x));
}

/* Intel's names for what GCC has under others, or not at all. */
static inline __m256i _mm256_and_epi32(__m256i a, __m256i b) {
    return _mm256_and_si256(a, b);
}
static inline __m512d _mm512_cvtepi32lo_pd(__m512i x) {
    return _mm512_cvtepi32_pd(_mm512_castsi512_si256(x));
}
static inline void kmp_set_blocktime(int) {}

/* GCC's blocks are not always aligned as Intel's would be; as fast where they are. */
#define _mm512_load_pd _mm512_loadu_pd
#define _mm512_load_ps _mm512_loadu_ps
#define _mm512_load_epi32 _mm512_loadu_si512
#define _mm512_store_pd _mm512_storeu_pd
#define _mm512_store_ps _mm512_storeu_ps
#define _mm512_store_epi32 _mm512_storeu_si512
#define _mm512_maskz_load_pd _mm512_maskz_loadu_pd
#define _mm512_maskz_load_ps _mm512_maskz_loadu_ps
#define _mm512_maskz_load_epi32 _mm512_maskz_loadu_epi32
#define _mm512_mask_store_pd _mm512_mask_storeu_pd
#define _mm512_mask_store_ps _mm512_mask_storeu_ps

#define __INTEL_LLVM_COMPILER 20240000
#define __assume_aligned(pointer, bytes)
#define __assume(condition)
#endif
