/* Each pair is taken once, eight pairs at a time: a block of eight slots against a quad
 * of four, which is turned against it in both halves of the vector, so that four
 * vectors hold all 32 pairs.  A slot of the block gets its own sum lane by lane; the
 * quad's sums are turned back and the halves added.  The roots and divisions of one
 * tile of four vectors run beside the exponentials of the one before.
 *
 *   inside a block of quads A B:  A B on A B turned by 1, by 2 (each pair twice: no
 * sums for the other side); A B on B A turned by 0 1, by 1 2 blocks on later quads:
 * tiles lone atoms:                   each against all slots before it
 *
 * Terms of a pair, kept between the passes:  A = ka a/r, B = kb b/r with a the
 * repulsion, b the squared hopping; s = A - (1/sqrt(rho_i) + 1/sqrt(rho_j)) B gives the
 * force s u. */
#include "potentials/gupta_kernels.h"

#include <stdbool.h>

#include "potentials/gupta_lanes.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define VARIANT(name) JOIN(name, HOP__ISA_SUFFIX)

#define UNROLL _Pragma("GCC unroll 4")
#define EACH_OF(count) UNROLL for (int k = 0; k < (count); k++)

typedef hop__gupta_cluster cluster;

/* ---- where things are ---- */

LANES_INLINE double *row(const cluster *c, size_t block, int what) {
    return c->block + (block * HOP__GUPTA_ROWS + (size_t)what) * 8;
}

LANES_INLINE lanes own(const cluster *c, size_t block, int what) {
    return lanes_load(row(c, block, what));
}

LANES_INLINE void accumulate(const cluster *c, size_t block, int what, lanes value) {
    lanes_store(row(c, block, what), lanes_add(own(c, block, what), value));
}

/* Add the sum of both halves to a quad.  Whole vectors are stored: a vector that is
   read soon after a part of it was written has to wait. */
LANES_INLINE void add_to_quad(const cluster *c, size_t number, int what, lanes value) {
    static const double half[12] = {1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1};
    const double *low = half + number % 2 * 4;
    double *to = row(c, number / 2, what);
    lanes_store(to, lanes_fma(lanes_add(value, lanes_swap(value)),
                              lanes_halves(low, low + 4), lanes_load(to)));
}

/* Add the sum of all lanes to a slot. */
LANES_INLINE void add_to_slot(const cluster *c, size_t slot, int what, lanes value) {
    static const double unit[15] = {0, 0, 0, 0, 0, 0, 0, 1};
    const double *low = unit + 7 - slot % 8;
    double *to = row(c, slot / 8, what);
    lanes_store(to, lanes_fma(lanes_all(lanes_sum(value)), lanes_halves(low, low + 4),
                              lanes_load(to)));
}

/* A quad in both halves, turned by `turn`: lane l holds atom l + turn. */
LANES_INLINE lanes quad(const cluster *c, size_t number, int what, int turn) {
    return lanes_quad(c->turned + 64 * number + 8 * what + turn);
}

/* The partners of a block inside itself, vectors 0 to 3. */
LANES_INLINE lanes partner(const cluster *c, size_t block, int what, int vector) {
    static const int low[4] = {1, 2, 64, 65}, high[4] = {65, 66, 1, 2};
    const double *a = c->turned + 128 * block + 8 * what;
    return lanes_halves(a + low[vector], a + high[vector]);
}

LANES_INLINE lanes lone(const cluster *c, size_t slot, int what) {
    return lanes_all(row(c, slot / 8, what)[slot % 8]);
}

LANES_INLINE const double *rates_of(const cluster *c, int element, size_t block) {
    return c->rates + ((size_t)element * c->blocks + block) * (8 * HOP__GUPTA_RATES);
}

/* ---- one to four vectors of pairs ---- */

typedef struct points {
    lanes x[4], y[4], z[4];
} points;

typedef struct distances {
    lanes r[4], inverse[4];
} distances;

typedef struct values {
    lanes a[4], b[4], change[4]; /* change of b along v */
} values;

LANES_INLINE points tile_points(const cluster *c, size_t number, int what) {
    points p;
    EACH_OF(4) {
        p.x[k] = quad(c, number, what, k);
        p.y[k] = quad(c, number, what + 1, k);
        p.z[k] = quad(c, number, what + 2, k);
    }
    return p;
}

LANES_INLINE points inside_points(const cluster *c, size_t block, int what) {
    points p;
    EACH_OF(4) {
        p.x[k] = partner(c, block, what, k);
        p.y[k] = partner(c, block, what + 1, k);
        p.z[k] = partner(c, block, what + 2, k);
    }
    return p;
}

LANES_INLINE points lone_points(const cluster *c, size_t slot, int what) {
    points p;
    p.x[0] = lone(c, slot, what);
    p.y[0] = lone(c, slot, what + 1);
    p.z[0] = lone(c, slot, what + 2);
    return p;
}

LANES_INLINE lanes square(const cluster *c, size_t block, const points *p, int k) {
    lanes x = lanes_sub(own(c, block, HOP__GUPTA_X), p->x[k]);
    lanes y = lanes_sub(own(c, block, HOP__GUPTA_Y), p->y[k]);
    lanes z = lanes_sub(own(c, block, HOP__GUPTA_Z), p->z[k]);
    return lanes_fma(z, z, lanes_fma(y, y, lanes_mul(x, x)));
}

/* Lanes from `count` on are taken out of reach: their squares become huge. */
LANES_INLINE lanes out_of_reach(size_t count) {
    static const double far[16] = {0,    0,    0,    0,    0,    0,    0,    0,
                                   1e24, 1e24, 1e24, 1e24, 1e24, 1e24, 1e24, 1e24};
    return lanes_halves(far + 8 - count, far + 12 - count);
}

LANES_INLINE void measure(lanes square, int k, distances *d) {
    d->r[k] = lanes_sqrt(square);
    d->inverse[k] = lanes_div(lanes_all(1.0), d->r[k]);
}

LANES_INLINE void exponentials(const double *rates, const distances *d, int k,
                               values *v, double *terms) {
    lanes ca = lanes_load(rates + 8 * HOP__GUPTA_CA);
    lanes ba = lanes_load(rates + 8 * HOP__GUPTA_BA);
    lanes cb = lanes_load(rates + 8 * HOP__GUPTA_CB);
    lanes bb = lanes_load(rates + 8 * HOP__GUPTA_BB);
    v->a[k] = lanes_exp2(lanes_fnma(ba, d->r[k], ca));
    v->b[k] = lanes_exp2(lanes_fnma(bb, d->r[k], cb));
    lanes ka = lanes_load(rates + 8 * HOP__GUPTA_KA);
    lanes kb = lanes_load(rates + 8 * HOP__GUPTA_KB);
    lanes_store(terms, lanes_mul(lanes_mul(ka, d->inverse[k]), v->a[k]));
    lanes_store(terms + 8, lanes_mul(lanes_mul(kb, d->inverse[k]), v->b[k]));
}

/* Along v: dr = u.dv/r; change of b; P = A (ka/2 + 1/r) dr, Q = B (2 kb + 1/r) dr. */
LANES_INLINE void rates_of_change(const cluster *c, size_t block, const points *p,
                                  const points *v, const double *rates,
                                  const distances *d, int k, values *out,
                                  double *terms) {
    lanes x = lanes_sub(own(c, block, HOP__GUPTA_X), p->x[k]);
    lanes y = lanes_sub(own(c, block, HOP__GUPTA_Y), p->y[k]);
    lanes z = lanes_sub(own(c, block, HOP__GUPTA_Z), p->z[k]);
    lanes vx = lanes_sub(own(c, block, HOP__GUPTA_VX), v->x[k]);
    lanes vy = lanes_sub(own(c, block, HOP__GUPTA_VY), v->y[k]);
    lanes vz = lanes_sub(own(c, block, HOP__GUPTA_VZ), v->z[k]);
    lanes dr =
        lanes_mul(lanes_fma(z, vz, lanes_fma(y, vy, lanes_mul(x, vx))), d->inverse[k]);
    lanes ka = lanes_load(rates + 8 * HOP__GUPTA_KA);
    lanes kb = lanes_load(rates + 8 * HOP__GUPTA_KB);
    lanes steep_a = lanes_fma(ka, lanes_all(0.5), d->inverse[k]);
    lanes steep_b = lanes_fma(kb, lanes_all(2.0), d->inverse[k]);
    out->change[k] =
        lanes_mul(lanes_mul(kb, lanes_all(-2.0)), lanes_mul(out->b[k], dr));
    lanes_store(terms + 16, lanes_mul(lanes_load(terms), lanes_mul(steep_a, dr)));
    lanes_store(terms + 24, lanes_mul(lanes_load(terms + 8), lanes_mul(steep_b, dr)));
}

/* ---- sums over a tile ---- */

LANES_INLINE lanes sum4(const lanes v[4]) {
    return lanes_add(lanes_add(v[0], v[1]), lanes_add(v[2], v[3]));
}

/* The other side's sums: lane l of vector k belongs to atom l + k. */
LANES_INLINE lanes turned_sum(const lanes v[4]) {
    lanes sum = lanes_add(lanes_turn(v[3]), v[2]);
    sum = lanes_add(lanes_turn(sum), v[1]);
    return lanes_add(lanes_turn(sum), v[0]);
}

/* The other side's sums inside a block; vector 1 has none. */
LANES_INLINE lanes inside_sum(const lanes v[4]) {
    lanes crossed = lanes_turn_high(lanes_add(v[2], lanes_turn(v[3])));
    return lanes_add(lanes_turn(v[0]), lanes_swap(crossed));
}

/* ---- first pass: densities and terms ---- */

#define TERMS(hessian) ((hessian) ? 32 : 16)

LANES_INLINE void inside_terms(cluster *c, bool hessian, size_t block, bool whole,
                               double *terms) {
    const points p = inside_points(c, block, HOP__GUPTA_X);
    const points w = hessian ? inside_points(c, block, HOP__GUPTA_VX) : p;
    const double *rates = c->inside + block * (16 * HOP__GUPTA_RATES);
    distances d;
    values v;
    EACH_OF(4) v.a[k] = v.b[k] = v.change[k] = lanes_all(0.0);
    EACH_OF(4) if (k < 2 || whole) {
        lanes far = square(c, block, &p, k);
        measure(whole ? far : lanes_max(far, out_of_reach(4)), k, &d);
    }
    EACH_OF(4) if (k < 2 || whole) {
        const double *rate = rates + (k < 2 ? 0 : 8 * HOP__GUPTA_RATES);
        double *term = terms + k * TERMS(hessian);
        exponentials(rate, &d, k, &v, term);
        if (hessian)
            rates_of_change(c, block, &p, &w, rate, &d, k, &v, term);
    }
    lanes_store(row(c, block, HOP__GUPTA_ENERGY),
                lanes_add(sum4(v.a), inside_sum(v.a)));
    lanes_store(row(c, block, HOP__GUPTA_DENSITY),
                lanes_add(sum4(v.b), inside_sum(v.b)));
    if (hessian)
        lanes_store(row(c, block, HOP__GUPTA_DENSITY_DOT),
                    lanes_add(sum4(v.change), inside_sum(v.change)));
}

LANES_INLINE double *all_inside_terms(cluster *c, bool hessian, double *terms) {
    const lanes zero = lanes_all(0.0);
    for (size_t block = c->quads / 2; block < c->blocks; block++) {
        lanes_store(row(c, block, HOP__GUPTA_ENERGY), zero);
        lanes_store(row(c, block, HOP__GUPTA_DENSITY), zero);
        lanes_store(row(c, block, HOP__GUPTA_DENSITY_DOT), zero);
    }
    for (size_t block = 0; block < c->quads / 2; block++, terms += 4 * TERMS(hessian))
        inside_terms(c, hessian, block, true, terms);
    if (c->quads % 2) {
        inside_terms(c, hessian, c->quads / 2, false, terms);
        terms += 2 * TERMS(hessian);
    }
    return terms;
}

LANES_INLINE void measure_tile(const cluster *c, size_t block, size_t number, int first,
                               distances *d) {
    const points p = tile_points(c, number, HOP__GUPTA_X);
    UNROLL for (int k = first; k < first + 2; k++)
        measure(square(c, block, &p, k), k, d);
}

LANES_INLINE void tile_changes(const cluster *c, size_t block, size_t number,
                               const double *rates, const distances *d, values *v,
                               double *terms) {
    const points p = tile_points(c, number, HOP__GUPTA_X);
    const points w = tile_points(c, number, HOP__GUPTA_VX);
    EACH_OF(4) rates_of_change(c, block, &p, &w, rates, d, k, v, terms + 32 * k);
}

LANES_INLINE double *tile_terms(cluster *c, bool hessian, double *terms) {
    distances d, next;
    if (c->quads > 2) {
        measure_tile(c, 0, 2, 0, &d);
        measure_tile(c, 0, 2, 2, &d);
    }
    for (size_t j = 2; j < c->quads; j++) {
        lanes a = lanes_all(0.0), b = a, change = a;
        for (size_t block = 0; block < j / 2; block++, terms += 4 * TERMS(hessian)) {
            bool last = block + 1 == j / 2;
            size_t next_block = last ? 0 : block + 1;
            size_t next_j = last && j + 1 < c->quads ? j + 1 : j;
            const double *rates = rates_of(c, c->quad_element[j], block);
            values v;
            UNROLL for (int k = 0; k < 4; k += 2) {
                measure_tile(c, next_block, next_j, k, &next);
                exponentials(rates, &d, k, &v, terms + k * TERMS(hessian));
                exponentials(rates, &d, k + 1, &v, terms + (k + 1) * TERMS(hessian));
            }
            if (hessian)
                tile_changes(c, block, j, rates, &d, &v, terms);
            accumulate(c, block, HOP__GUPTA_ENERGY, sum4(v.a));
            accumulate(c, block, HOP__GUPTA_DENSITY, sum4(v.b));
            a = lanes_add(a, turned_sum(v.a));
            b = lanes_add(b, turned_sum(v.b));
            if (hessian) {
                accumulate(c, block, HOP__GUPTA_DENSITY_DOT, sum4(v.change));
                change = lanes_add(change, turned_sum(v.change));
            }
            d = next;
        }
        add_to_quad(c, j, HOP__GUPTA_ENERGY, a);
        add_to_quad(c, j, HOP__GUPTA_DENSITY, b);
        if (hessian)
            add_to_quad(c, j, HOP__GUPTA_DENSITY_DOT, change);
    }
    return terms;
}

LANES_INLINE void lone_terms(cluster *c, bool hessian, size_t slot, size_t block,
                             const double *rates, values *sum, double *terms) {
    const points p = lone_points(c, slot, HOP__GUPTA_X);
    size_t before = slot - 8 * block < 8 ? slot - 8 * block : 8;
    distances d;
    values v;
    measure(lanes_max(square(c, block, &p, 0), out_of_reach(before)), 0, &d);
    exponentials(rates, &d, 0, &v, terms);
    accumulate(c, block, HOP__GUPTA_ENERGY, v.a[0]);
    accumulate(c, block, HOP__GUPTA_DENSITY, v.b[0]);
    sum->a[0] = lanes_add(sum->a[0], v.a[0]);
    sum->b[0] = lanes_add(sum->b[0], v.b[0]);
    if (!hessian)
        return;
    const points w = lone_points(c, slot, HOP__GUPTA_VX);
    rates_of_change(c, block, &p, &w, rates, &d, 0, &v, terms);
    accumulate(c, block, HOP__GUPTA_DENSITY_DOT, v.change[0]);
    sum->change[0] = lanes_add(sum->change[0], v.change[0]);
}

LANES_INLINE double *all_lone_terms(cluster *c, bool hessian, double *terms) {
    for (size_t k = 0; k < c->lone; k++) {
        size_t slot = 4 * c->quads + k;
        values sum;
        sum.a[0] = sum.b[0] = sum.change[0] = lanes_all(0.0);
        for (size_t block = 0; 8 * block < slot; block++, terms += TERMS(hessian))
            lone_terms(c, hessian, slot, block, rates_of(c, c->lone_element[k], block),
                       &sum, terms);
        add_to_slot(c, slot, HOP__GUPTA_ENERGY, sum.a[0]);
        add_to_slot(c, slot, HOP__GUPTA_DENSITY, sum.b[0]);
        if (hessian)
            add_to_slot(c, slot, HOP__GUPTA_DENSITY_DOT, sum.change[0]);
    }
    return terms;
}

/* ---- between the passes ---- */

/* Copy a row of each quad to where it can be read turned. */
LANES_INLINE void turn_row(cluster *c, int what) {
    for (size_t k = 0; k < c->quads; k++)
        lanes_store(c->turned + 64 * k + 8 * what,
                    lanes_quad(row(c, k / 2, what) + k % 2 * 4));
}

/* 1/sqrt(rho), 0 for an atom without neighbours: its band energy has no slope there. */
LANES_INLINE void take_roots(cluster *c, bool hessian) {
    for (size_t block = 0; block < c->blocks; block++) {
        lanes density = own(c, block, HOP__GUPTA_DENSITY);
        lanes root = lanes_sqrt(density), inverse = lanes_div(lanes_all(1.0), root);
        root = lanes_where_above(density, HOP__GUPTA_ALONE, root);
        inverse = lanes_where_above(density, HOP__GUPTA_ALONE, inverse);
        lanes_store(row(c, block, HOP__GUPTA_ENERGY),
                    lanes_sub(own(c, block, HOP__GUPTA_ENERGY), root));
        lanes_store(row(c, block, HOP__GUPTA_ROOT), inverse);
        if (!hessian)
            continue;
        lanes cube = lanes_mul(inverse, lanes_mul(inverse, inverse));
        lanes_store(row(c, block, HOP__GUPTA_ROOT_DOT),
                    lanes_mul(lanes_mul(lanes_all(-0.5), cube),
                              own(c, block, HOP__GUPTA_DENSITY_DOT)));
    }
    turn_row(c, HOP__GUPTA_ROOT);
    if (hessian)
        turn_row(c, HOP__GUPTA_ROOT_DOT);
}

/* ---- second pass: forces, or the change of minus the forces ---- */

typedef struct vectors {
    lanes x, y, z;
} vectors;

LANES_INLINE vectors vectors_add(vectors a, vectors b) {
    return (vectors){lanes_add(a.x, b.x), lanes_add(a.y, b.y), lanes_add(a.z, b.z)};
}

LANES_INLINE vectors vectors_turn(vectors a) {
    return (vectors){lanes_turn(a.x), lanes_turn(a.y), lanes_turn(a.z)};
}

/* What slot i of the block feels from its partner, whose rows are given. */
LANES_INLINE vectors pull(const cluster *c, size_t block, lanes x, lanes y, lanes z,
                          lanes root, const double *terms) {
    lanes roots = lanes_add(own(c, block, HOP__GUPTA_ROOT), root);
    lanes s = lanes_fnma(roots, lanes_load(terms + 8), lanes_load(terms));
    return (vectors){lanes_mul(s, lanes_sub(own(c, block, HOP__GUPTA_X), x)),
                     lanes_mul(s, lanes_sub(own(c, block, HOP__GUPTA_Y), y)),
                     lanes_mul(s, lanes_sub(own(c, block, HOP__GUPTA_Z), z))};
}

/* -d(s u) = -(ds u + s dv), ds = R Q - P - dR B, R = 1/sqrt(rho_i) + 1/sqrt(rho_j). */
LANES_INLINE vectors turn_of_pull(const cluster *c, size_t block, lanes x, lanes y,
                                  lanes z, lanes vx, lanes vy, lanes vz, lanes root,
                                  lanes root_dot, const double *terms) {
    lanes roots = lanes_add(own(c, block, HOP__GUPTA_ROOT), root);
    lanes dots = lanes_add(own(c, block, HOP__GUPTA_ROOT_DOT), root_dot);
    lanes b = lanes_load(terms + 8);
    lanes s = lanes_fnma(roots, b, lanes_load(terms));
    lanes ds = lanes_fma(
        dots, b, lanes_fnma(roots, lanes_load(terms + 24), lanes_load(terms + 16)));
    vx = lanes_sub(vx, own(c, block, HOP__GUPTA_VX));
    vy = lanes_sub(vy, own(c, block, HOP__GUPTA_VY));
    vz = lanes_sub(vz, own(c, block, HOP__GUPTA_VZ));
    x = lanes_sub(own(c, block, HOP__GUPTA_X), x);
    y = lanes_sub(own(c, block, HOP__GUPTA_Y), y);
    z = lanes_sub(own(c, block, HOP__GUPTA_Z), z);
    return (vectors){lanes_fma(ds, x, lanes_mul(s, vx)),
                     lanes_fma(ds, y, lanes_mul(s, vy)),
                     lanes_fma(ds, z, lanes_mul(s, vz))};
}

/* Partners read by READ(row, k). */
#define PULL(READ, k)                                                                  \
    (hessian ? turn_of_pull(c, block, READ(HOP__GUPTA_X, k), READ(HOP__GUPTA_Y, k),    \
                            READ(HOP__GUPTA_Z, k), READ(HOP__GUPTA_VX, k),             \
                            READ(HOP__GUPTA_VY, k), READ(HOP__GUPTA_VZ, k),            \
                            READ(HOP__GUPTA_ROOT, k), READ(HOP__GUPTA_ROOT_DOT, k),    \
                            terms + (k)*TERMS(hessian))                                \
             : pull(c, block, READ(HOP__GUPTA_X, k), READ(HOP__GUPTA_Y, k),            \
                    READ(HOP__GUPTA_Z, k), READ(HOP__GUPTA_ROOT, k),                   \
                    terms + (k)*TERMS(hessian)))

LANES_INLINE void accumulate_vectors(const cluster *c, size_t block, vectors v) {
    accumulate(c, block, HOP__GUPTA_FX, v.x);
    accumulate(c, block, HOP__GUPTA_FY, v.y);
    accumulate(c, block, HOP__GUPTA_FZ, v.z);
}

/* Own sums minus the other side's. */
LANES_INLINE lanes inside_force(const lanes v[4]) {
    return lanes_sub(sum4(v), inside_sum(v));
}

LANES_INLINE void inside_forces(cluster *c, bool hessian, size_t block, bool whole,
                                const double *terms) {
    points f;
    EACH_OF(4) f.x[k] = f.y[k] = f.z[k] = lanes_all(0.0);
#define READ(what, k) partner(c, block, what, k)
    EACH_OF(4) if (k < 2 || whole) {
        vectors v = PULL(READ, k);
        f.x[k] = v.x;
        f.y[k] = v.y;
        f.z[k] = v.z;
    }
#undef READ
    lanes_store(row(c, block, HOP__GUPTA_FX), inside_force(f.x));
    lanes_store(row(c, block, HOP__GUPTA_FY), inside_force(f.y));
    lanes_store(row(c, block, HOP__GUPTA_FZ), inside_force(f.z));
}

LANES_INLINE const double *all_inside_forces(cluster *c, bool hessian,
                                             const double *terms) {
    const lanes zero = lanes_all(0.0);
    for (size_t block = c->quads / 2; block < c->blocks; block++)
        for (int what = HOP__GUPTA_FX; what <= HOP__GUPTA_FZ; what++)
            lanes_store(row(c, block, what), zero);
    for (size_t block = 0; block < c->quads / 2; block++, terms += 4 * TERMS(hessian))
        inside_forces(c, hessian, block, true, terms);
    if (c->quads % 2) {
        inside_forces(c, hessian, c->quads / 2, false, terms);
        terms += 2 * TERMS(hessian);
    }
    return terms;
}

LANES_INLINE const double *tile_forces(cluster *c, bool hessian, const double *terms) {
    const lanes zero = lanes_all(0.0);
    for (size_t j = 2; j < c->quads; j++) {
        vectors g = {zero, zero, zero};
        for (size_t block = 0; block < j / 2; block++, terms += 4 * TERMS(hessian)) {
            vectors sum = {zero, zero, zero}, turned = {zero, zero, zero};
#define READ(what, k) quad(c, j, what, k)
            UNROLL for (int k = 3; k >= 0; k--) {
                vectors v = PULL(READ, k);
                sum = k == 3 ? v : vectors_add(sum, v);
                turned = k == 3 ? v : vectors_add(vectors_turn(turned), v);
            }
#undef READ
            accumulate_vectors(c, block, sum);
            g = vectors_add(g, turned);
        }
        add_to_quad(c, j, HOP__GUPTA_FX, lanes_sub(zero, g.x));
        add_to_quad(c, j, HOP__GUPTA_FY, lanes_sub(zero, g.y));
        add_to_quad(c, j, HOP__GUPTA_FZ, lanes_sub(zero, g.z));
    }
    return terms;
}

LANES_INLINE void all_lone_forces(cluster *c, bool hessian, const double *terms) {
    const lanes zero = lanes_all(0.0);
    for (size_t n = 0; n < c->lone; n++) {
        size_t slot = 4 * c->quads + n;
        vectors g = {zero, zero, zero};
        for (size_t block = 0; 8 * block < slot; block++, terms += TERMS(hessian)) {
#define READ(what, k) lone(c, slot, what)
            vectors v = PULL(READ, 0);
#undef READ
            accumulate_vectors(c, block, v);
            g = vectors_add(g, v);
        }
        add_to_slot(c, slot, HOP__GUPTA_FX, lanes_sub(zero, g.x));
        add_to_slot(c, slot, HOP__GUPTA_FY, lanes_sub(zero, g.y));
        add_to_slot(c, slot, HOP__GUPTA_FZ, lanes_sub(zero, g.z));
    }
}

/* Forces add up to zero: seen from the first slot, far from the origin nothing is lost.
 */
LANES_INLINE void sum_up(cluster *c) {
    lanes energy = lanes_all(0.0), virial[6];
    lanes x0 = lone(c, 0, HOP__GUPTA_X), y0 = lone(c, 0, HOP__GUPTA_Y),
          z0 = lone(c, 0, HOP__GUPTA_Z);
    for (int k = 0; k < 6; k++)
        virial[k] = lanes_all(0.0);
    for (size_t block = 0; block < c->blocks; block++) {
        lanes x = lanes_sub(own(c, block, HOP__GUPTA_X), x0);
        lanes y = lanes_sub(own(c, block, HOP__GUPTA_Y), y0);
        lanes z = lanes_sub(own(c, block, HOP__GUPTA_Z), z0);
        lanes fx = own(c, block, HOP__GUPTA_FX), fy = own(c, block, HOP__GUPTA_FY),
              fz = own(c, block, HOP__GUPTA_FZ);
        energy = lanes_add(energy, own(c, block, HOP__GUPTA_ENERGY));
        virial[0] = lanes_fma(x, fx, virial[0]);
        virial[1] = lanes_fma(y, fy, virial[1]);
        virial[2] = lanes_fma(z, fz, virial[2]);
        virial[3] = lanes_fma(y, fz, virial[3]);
        virial[4] = lanes_fma(x, fz, virial[4]);
        virial[5] = lanes_fma(x, fy, virial[5]);
    }
    c->energy = lanes_sum(energy);
    for (int k = 0; k < 6; k++)
        c->virial[k] = lanes_sum(virial[k]);
}

/* ---- the kernels ---- */

LANES_INLINE void run(cluster *c, bool hessian) {
    for (int what = HOP__GUPTA_X; what <= HOP__GUPTA_Z; what++)
        turn_row(c, what);
    for (int what = HOP__GUPTA_VX; hessian && what <= HOP__GUPTA_VZ; what++)
        turn_row(c, what);
    double *terms = all_inside_terms(c, hessian, c->terms);
    terms = tile_terms(c, hessian, terms);
    all_lone_terms(c, hessian, terms);
    take_roots(c, hessian);
    const double *from = all_inside_forces(c, hessian, c->terms);
    from = tile_forces(c, hessian, from);
    all_lone_forces(c, hessian, from);
}

void VARIANT(hop__gupta_forces_)(hop__gupta_cluster *c) {
    run(c, false);
    sum_up(c);
}

void VARIANT(hop__gupta_hessian_)(hop__gupta_cluster *c) { run(c, true); }
