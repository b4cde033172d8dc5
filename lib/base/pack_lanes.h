/* Compressing four lanes of 32 bits on AVX2, which has no instruction for it. */
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
#endif

#endif
