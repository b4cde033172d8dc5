/* Compressing four lanes of 32 or 64 bits on AVX2, which has no instruction for it. */
#ifndef HOP_BASE_PACK_LANES_H
#define HOP_BASE_PACK_LANES_H

#include <stdint.h>

#if defined(__AVX2__) && !defined(__AVX512F__)
/* For each set of four lanes, the bytes that bring them to the front. */
#define HOP__LANE(n) (0x03020100 + 0x04040404 * (n))
static const int32_t hop__pack_lanes[16][4] = {
    {0, 0, 0, 0},
    {HOP__LANE(0), 0, 0, 0},
    {HOP__LANE(1), 0, 0, 0},
    {HOP__LANE(0), HOP__LANE(1), 0, 0},
    {HOP__LANE(2), 0, 0, 0},
    {HOP__LANE(0), HOP__LANE(2), 0, 0},
    {HOP__LANE(1), HOP__LANE(2), 0, 0},
    {HOP__LANE(0), HOP__LANE(1), HOP__LANE(2), 0},
    {HOP__LANE(3), 0, 0, 0},
    {HOP__LANE(0), HOP__LANE(3), 0, 0},
    {HOP__LANE(1), HOP__LANE(3), 0, 0},
    {HOP__LANE(0), HOP__LANE(1), HOP__LANE(3), 0},
    {HOP__LANE(2), HOP__LANE(3), 0, 0},
    {HOP__LANE(0), HOP__LANE(2), HOP__LANE(3), 0},
    {HOP__LANE(1), HOP__LANE(2), HOP__LANE(3), 0},
    {HOP__LANE(0), HOP__LANE(1), HOP__LANE(2), HOP__LANE(3)},
};
#undef HOP__LANE

/* The same for lanes of 64 bits: their halves, as _mm256_permutevar8x32_ps counts them. */
#define HOP__HALVES(n) 2 * (n), 2 * (n) + 1
#define HOP__NONE HOP__HALVES(0)
static const int32_t hop__pack_doubles[16][8] __attribute__((aligned(32), unused)) = {
    {HOP__NONE, HOP__NONE, HOP__NONE, HOP__NONE},
    {HOP__HALVES(0), HOP__NONE, HOP__NONE, HOP__NONE},
    {HOP__HALVES(1), HOP__NONE, HOP__NONE, HOP__NONE},
    {HOP__HALVES(0), HOP__HALVES(1), HOP__NONE, HOP__NONE},
    {HOP__HALVES(2), HOP__NONE, HOP__NONE, HOP__NONE},
    {HOP__HALVES(0), HOP__HALVES(2), HOP__NONE, HOP__NONE},
    {HOP__HALVES(1), HOP__HALVES(2), HOP__NONE, HOP__NONE},
    {HOP__HALVES(0), HOP__HALVES(1), HOP__HALVES(2), HOP__NONE},
    {HOP__HALVES(3), HOP__NONE, HOP__NONE, HOP__NONE},
    {HOP__HALVES(0), HOP__HALVES(3), HOP__NONE, HOP__NONE},
    {HOP__HALVES(1), HOP__HALVES(3), HOP__NONE, HOP__NONE},
    {HOP__HALVES(0), HOP__HALVES(1), HOP__HALVES(3), HOP__NONE},
    {HOP__HALVES(2), HOP__HALVES(3), HOP__NONE, HOP__NONE},
    {HOP__HALVES(0), HOP__HALVES(2), HOP__HALVES(3), HOP__NONE},
    {HOP__HALVES(1), HOP__HALVES(2), HOP__HALVES(3), HOP__NONE},
    {HOP__HALVES(0), HOP__HALVES(1), HOP__HALVES(2), HOP__HALVES(3)},
};
#undef HOP__NONE
#undef HOP__HALVES
#endif

#endif
