/* Where the Gupta cluster kernels find the numbers of a block, a quad, a lone atom, how
   positions come in and forces go out, and how a tile is summed up; gupta_kernels.h has the
   layout. */
#ifndef HOP_POTENTIALS_GUPTA_SLOTS_H
#define HOP_POTENTIALS_GUPTA_SLOTS_H

#include "potentials/gupta_columns.h"
#include "potentials/gupta_kernels.h"

#define UNROLL _Pragma("GCC unroll 4")
#define EACH_OF(count) UNROLL for (int k = 0; k < (count); k++)

typedef hop__gupta_cluster cluster;

/* ---- where things are ---- */

LANES_KERNEL double *row(const cluster *c, size_t block, int what) {
    return c->block + (block * HOP__GUPTA_ROWS + (size_t)what) * 8;
}

LANES_KERNEL lanes own(const cluster *c, size_t block, int what) {
    return lanes_load(row(c, block, what));
}

LANES_KERNEL void accumulate(const cluster *c, size_t block, int what, lanes value) {
    lanes_store(row(c, block, what), lanes_add(own(c, block, what), value));
}

/* Add the sum of both halves to a quad.  Whole vectors are stored: a vector that is
   read soon after a part of it was written has to wait. */
LANES_KERNEL void add_to_quad(const cluster *c, size_t number, int what, lanes value) {
    static const double half[12] = {1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1};
    const double *low = half + number % 2 * 4;
    double *to = row(c, number / 2, what);
    lanes_store(to, lanes_fma(lanes_add(value, lanes_swap(value)),
                              lanes_halves(low, low + 4), lanes_load(to)));
}

/* Add the sum of all lanes to a slot. */
LANES_KERNEL void add_to_slot(const cluster *c, size_t slot, int what, lanes value) {
    static const double unit[15] = {0, 0, 0, 0, 0, 0, 0, 1};
    const double *low = unit + 7 - slot % 8;
    double *to = row(c, slot / 8, what);
    lanes_store(to, lanes_fma(lanes_all(lanes_sum(value)), lanes_halves(low, low + 4),
                              lanes_load(to)));
}

/* A quad in both halves, turned by `turn`: lane l holds atom l + turn. */
LANES_KERNEL lanes quad(const cluster *c, size_t number, int what, int turn) {
    return lanes_quad(c->turned + 64 * number + 8 * what + turn);
}

/* The partners of a block inside itself, vectors 0 to 3. */
LANES_KERNEL lanes partner(const cluster *c, size_t block, int what, int vector) {
    static const int low[4] = {1, 2, 64, 65}, high[4] = {65, 66, 1, 2};
    const double *a = c->turned + 128 * block + 8 * what;
    return lanes_halves(a + low[vector], a + high[vector]);
}

LANES_KERNEL lanes lone(const cluster *c, size_t slot, int what) {
    return lanes_all(row(c, slot / 8, what)[slot % 8]);
}

LANES_KERNEL const double *rates_of(const cluster *c, int element, size_t block) {
    return c->rates + ((size_t)element * c->blocks + block) * (8 * HOP__GUPTA_RATES);
}

/* ---- in and out ---- */

/* x y z of four atoms in each half, twelve numbers in memory. */
LANES_KERNEL void runs(const double *low, const double *high, lanes v[3]) {
    lanes a = lanes_halves(low, high), b = lanes_halves(low + 4, high + 4),
          d = lanes_halves(low + 8, high + 8); /* xyzx yzxy zxyz */
    v[0] = lanes_shuffle(lanes_blend(lanes_blend(a, b, 4), d, 2), 0x6c);
    v[1] = lanes_shuffle(lanes_blend(lanes_blend(b, a, 2), d, 4), 0xb1);
    v[2] = lanes_shuffle(lanes_blend(lanes_blend(d, b, 2), a, 4), 0xc6);
}

LANES_KERNEL void take_in_rows(const cluster *c, const double *from, size_t number,
                               size_t other, int what) {
    const int32_t *low = c->order + 4 * number, *high = c->order + 4 * other;
    lanes v[3];
    if (c->scattered)
        lanes_xyz(from, low, high, v);
    else
        runs(from + 3 * (size_t)low[0], from + 3 * (size_t)high[0], v);
    UNROLL for (int k = 0; k < 3; k++) {
        lanes_store(row(c, number / 2, what + k), v[k]);
        lanes_store(c->turned + 64 * number + 8 * (what + k), lanes_lows(v[k], v[k]));
        if (other != number)
            lanes_store(c->turned + 64 * other + 8 * (what + k),
                        lanes_highs(v[k], v[k]));
    }
}

LANES_KERNEL void take_in(const cluster *c, const double *from, int what) {
    size_t number = 0;
    for (; number + 2 <= c->quads; number += 2)
        take_in_rows(c, from, number, number + 1, what);
    if (number < c->quads)
        take_in_rows(c, from, number, number, what);
    for (size_t slot = 4 * c->quads; slot < c->count; slot++)
        for (size_t at = 0; at < 3; at++)
            row(c, slot / 8, what + (int)at)[slot % 8] =
                from[3 * (size_t)c->order[slot] + at];
}

LANES_KERNEL void give_out_rows(const cluster *c, double *to, size_t block) {
    const int32_t *order = c->order + 8 * block;
    lanes x = own(c, block, HOP__GUPTA_FX), y = own(c, block, HOP__GUPTA_FY),
          z = own(c, block, HOP__GUPTA_FZ);
    if (c->scattered) {
        lanes_put_xyz(to, order, x, y, z);
        return;
    }
    double *low = to + 3 * (size_t)order[0], *high = to + 3 * (size_t)order[4];
    x = lanes_shuffle(x, 0x6c);
    y = lanes_shuffle(y, 0xb1);
    z = lanes_shuffle(z, 0xc6);
    lanes_store_halves(low, high, lanes_blend(lanes_blend(x, y, 2), z, 4));
    lanes_store_halves(low + 4, high + 4, lanes_blend(lanes_blend(y, z, 2), x, 4));
    lanes_store_halves(low + 8, high + 8, lanes_blend(lanes_blend(z, x, 2), y, 4));
}

LANES_KERNEL void give_out(const cluster *c, double *to) {
    for (size_t block = 0; block < c->quads / 2; block++)
        give_out_rows(c, to, block);
    for (size_t slot = c->quads / 2 * 8; slot < c->count; slot++)
        for (size_t at = 0; at < 3; at++)
            to[3 * (size_t)c->order[slot] + at] =
                row(c, slot / 8, HOP__GUPTA_FX + (int)at)[slot % 8];
}

LANES_KERNEL void give_out_energies(const cluster *c) {
    const size_t blocks = c->scattered ? 0 : c->quads / 2;
    for (size_t block = 0; block < blocks; block++)
        lanes_store_halves(c->energies + c->order[8 * block],
                           c->energies + c->order[8 * block + 4],
                           own(c, block, HOP__GUPTA_ENERGY));
    for (size_t slot = 8 * blocks; slot < c->count; slot++)
        c->energies[c->order[slot]] = row(c, slot / 8, HOP__GUPTA_ENERGY)[slot % 8];
}

/* ---- one to four vectors of pairs: the other side ---- */

typedef struct points {
    lanes x[4], y[4], z[4];
} points;

LANES_KERNEL points tile_points(const cluster *c, size_t number, int what) {
    points p;
    EACH_OF(4) {
        p.x[k] = quad(c, number, what, k);
        p.y[k] = quad(c, number, what + 1, k);
        p.z[k] = quad(c, number, what + 2, k);
    }
    return p;
}

LANES_KERNEL points inside_points(const cluster *c, size_t block, int what) {
    points p;
    EACH_OF(4) {
        p.x[k] = partner(c, block, what, k);
        p.y[k] = partner(c, block, what + 1, k);
        p.z[k] = partner(c, block, what + 2, k);
    }
    return p;
}

LANES_KERNEL points lone_points(const cluster *c, size_t slot, int what) {
    points p;
    p.x[0] = lone(c, slot, what);
    p.y[0] = lone(c, slot, what + 1);
    p.z[0] = lone(c, slot, what + 2);
    return p;
}

LANES_KERNEL lanes square(const cluster *c, size_t block, const points *p, int k) {
    lanes x = lanes_sub(own(c, block, HOP__GUPTA_X), p->x[k]);
    lanes y = lanes_sub(own(c, block, HOP__GUPTA_Y), p->y[k]);
    lanes z = lanes_sub(own(c, block, HOP__GUPTA_Z), p->z[k]);
    return lanes_fma(z, z, lanes_fma(y, y, lanes_mul(x, x)));
}

/* ---- sums over a tile ---- */

LANES_KERNEL lanes sum4(const lanes v[4]) {
    return lanes_add(lanes_add(v[0], v[1]), lanes_add(v[2], v[3]));
}

/* The other side's sums: lane l of vector k belongs to atom l + k. */
LANES_KERNEL lanes turned_sum(const lanes v[4]) {
    lanes sum = lanes_add(lanes_turn(v[3]), v[2]);
    sum = lanes_add(lanes_turn(sum), v[1]);
    return lanes_add(lanes_turn(sum), v[0]);
}

/* The other side's sums inside a block; vector 1 has none. */
LANES_KERNEL lanes inside_sum(const lanes v[4]) {
    lanes crossed = lanes_turn_high(lanes_add(v[2], lanes_turn(v[3])));
    return lanes_add(lanes_turn(v[0]), lanes_swap(crossed));
}

#endif
