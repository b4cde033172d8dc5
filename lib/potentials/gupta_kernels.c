/* Each pair is taken once, eight pairs at a time: a block of eight slots against a quad
 * of four, which is turned against it in both halves of the vector, so that four
 * vectors hold all 32 pairs.  A slot of the block gets its own sum lane by lane; the
 * quad's sums are turned back and the halves added.  The roots and divisions of one
 * tile of four vectors run beside the exponentials of the one before.
 *
 * - Inside a block of quads A B: A B on A B turned by 1 and by 2 (where each pair is met
 *   twice: no sums for the other side), then on B A turned by 0 and 1, and by 1 and 2.
 * - Blocks on later quads: tiles.
 * - Lone atoms: each against all slots before it.
 *
 * Terms of a pair, kept between the passes: A = ka a/r, B = kb b/r with a the repulsion,
 * b the squared hopping; s = A - (1/sqrt(rho_i) + 1/sqrt(rho_j)) B gives the force s u.
 */
#include "potentials/gupta_kernels.h"

#include <stdbool.h>

#include "potentials/gupta_slots.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define VARIANT(name) JOIN(name, HOP__ISA_SUFFIX)

/* ---- one to four vectors of pairs ---- */

typedef struct distances {
    lanes r[4], inverse[4];
} distances;

typedef struct values {
    lanes a[4], b[4], change[4]; /* change of b along v */
} values;

LANES_KERNEL void measure(lanes square, int k, distances *d) {
    d->r[k] = lanes_sqrt(square);
    d->inverse[k] = lanes_div(lanes_all(1.0), d->r[k]);
}

LANES_KERNEL void exponentials(const double *rates, const distances *d, int k,
                               values *v, double *terms) {
    lanes ca = lanes_load(rates + 8 * HOP__GUPTA_CA);
    lanes ba = lanes_load(rates + 8 * HOP__GUPTA_BA);
    lanes cb = lanes_load(rates + 8 * HOP__GUPTA_CB);
    lanes bb = lanes_load(rates + 8 * HOP__GUPTA_BB);
    v->a[k] = lanes_exp2(lanes_fnma(ba, d->r[k], ca));
    v->b[k] = lanes_exp2(lanes_fnma(bb, d->r[k], cb));
    lanes_store(terms, lanes_mul(d->inverse[k], v->a[k]));
    lanes_store(terms + 8, lanes_mul(d->inverse[k], v->b[k]));
}

/* Along v: dr = u.dv/r; change of b; P = ka A (ka/2 + 1/r) dr, Q = kb B (2 kb + 1/r)
 * dr. */
LANES_KERNEL void rates_of_change(const cluster *c, size_t block, const points *p,
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
    lanes_store(terms + 16,
                lanes_mul(lanes_mul(ka, lanes_load(terms)), lanes_mul(steep_a, dr)));
    lanes_store(terms + 24, lanes_mul(lanes_mul(kb, lanes_load(terms + 8)),
                                      lanes_mul(steep_b, dr)));
}

/* ---- first pass: densities and terms ---- */

#define TERMS(hessian) ((hessian) ? 32 : 16)

LANES_KERNEL void inside_terms(cluster *c, bool hessian, size_t block, bool whole,
                               double *terms) {
    const points p = inside_points(c, block, HOP__GUPTA_X);
    const points w = hessian ? inside_points(c, block, HOP__GUPTA_VX) : p;
    const double *rates = c->inside + block * (16 * HOP__GUPTA_RATES);
    distances d;
    values v;
    EACH_OF(4) v.a[k] = v.b[k] = v.change[k] = lanes_all(0.0);
    EACH_OF(4) if (k < 2 || whole) {
        lanes far = square(c, block, &p, k);
        measure(whole ? far : lanes_max(far, lanes_out_of_reach(4)), k, &d);
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

LANES_KERNEL double *all_inside_terms(cluster *c, bool hessian, double *terms) {
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

LANES_KERNEL void measure_tile(const cluster *c, size_t block, size_t number, int first,
                               distances *d) {
    const points p = tile_points(c, number, HOP__GUPTA_X);
    UNROLL for (int k = first; k < first + 2; k++)
        measure(square(c, block, &p, k), k, d);
}

LANES_KERNEL void tile_changes(const cluster *c, size_t block, size_t number,
                               const double *rates, const distances *d, values *v,
                               double *terms) {
    const points p = tile_points(c, number, HOP__GUPTA_X);
    const points w = tile_points(c, number, HOP__GUPTA_VX);
    EACH_OF(4) rates_of_change(c, block, &p, &w, rates, d, k, v, terms + 32 * k);
}

LANES_KERNEL double *tile_terms(cluster *c, bool hessian, double *terms) {
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
                exponentials(rates, &d, k, &v, terms + k * TERMS(hessian));
                exponentials(rates, &d, k + 1, &v, terms + (k + 1) * TERMS(hessian));
                measure_tile(c, next_block, next_j, k, &next);
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

LANES_KERNEL void lone_terms(cluster *c, bool hessian, size_t slot, size_t block,
                             const double *rates, values *sum, double *terms) {
    const points p = lone_points(c, slot, HOP__GUPTA_X);
    size_t before = slot - 8 * block < 8 ? slot - 8 * block : 8;
    distances d;
    values v;
    measure(lanes_max(square(c, block, &p, 0), lanes_out_of_reach(before)), 0, &d);
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

LANES_KERNEL double *all_lone_terms(cluster *c, bool hessian, double *terms) {
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
LANES_KERNEL void turn_row(cluster *c, int what) {
    for (size_t k = 0; k < c->quads; k++)
        lanes_store(c->turned + 64 * k + 8 * what,
                    lanes_quad(row(c, k / 2, what) + k % 2 * 4));
}

/* 1/sqrt(rho), 0 for an atom without neighbours: its band energy has no slope there. */
LANES_KERNEL void take_roots(cluster *c, bool hessian) {
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

typedef struct side {
    vectors x, v;
    lanes root, root_dot;
} side;

typedef struct pull {
    lanes s, ds;
    vectors u, w; /* difference of positions, minus that of v */
} pull;

#define READ_SIDE(READ)                                                                \
    (side) {                                                                           \
        {READ(HOP__GUPTA_X), READ(HOP__GUPTA_Y), READ(HOP__GUPTA_Z)},                  \
            {READ(HOP__GUPTA_VX), READ(HOP__GUPTA_VY), READ(HOP__GUPTA_VZ)},           \
            READ(HOP__GUPTA_ROOT), READ(HOP__GUPTA_ROOT_DOT)                           \
    }

LANES_KERNEL side block_side(const cluster *c, size_t block) {
#define READ(what) own(c, block, what)
    return READ_SIDE(READ);
#undef READ
}

LANES_KERNEL side quad_side(const cluster *c, size_t number, int turn) {
#define READ(what) quad(c, number, what, turn)
    return READ_SIDE(READ);
#undef READ
}

LANES_KERNEL side partner_side(const cluster *c, size_t block, int vector) {
#define READ(what) partner(c, block, what, vector)
    return READ_SIDE(READ);
#undef READ
}

LANES_KERNEL side lone_side(const cluster *c, size_t slot) {
#define READ(what) lone(c, slot, what)
    return READ_SIDE(READ);
#undef READ
}

LANES_KERNEL vectors difference(vectors a, vectors b) {
    return (vectors){lanes_sub(a.x, b.x), lanes_sub(a.y, b.y), lanes_sub(a.z, b.z)};
}

LANES_KERNEL vectors add_product(vectors sum, lanes s, vectors u) {
    return (vectors){lanes_fma(s, u.x, sum.x), lanes_fma(s, u.y, sum.y),
                     lanes_fma(s, u.z, sum.z)};
}

LANES_KERNEL vectors vectors_turn(vectors a) {
    return (vectors){lanes_turn(a.x), lanes_turn(a.y), lanes_turn(a.z)};
}

LANES_KERNEL vectors vectors_zero(void) {
    return (vectors){lanes_all(0.0), lanes_all(0.0), lanes_all(0.0)};
}

/* s = ka A - R kb B, and along v ds = R Q - P - dR kb B, R = 1/sqrt(rho_i) +
 * 1/sqrt(rho_j). */
LANES_KERNEL pull pull_of(bool hessian, side i, side j, const double *rates,
                          const double *terms) {
    lanes a = lanes_mul(lanes_load(rates + 8 * HOP__GUPTA_KA), lanes_load(terms));
    lanes kb = lanes_load(rates + 8 * HOP__GUPTA_KB), b = lanes_load(terms + 8);
    lanes roots = lanes_add(i.root, j.root);
    pull p = {lanes_fnma(lanes_mul(roots, kb), b, a), lanes_all(0.0),
              difference(i.x, j.x), vectors_zero()};
    if (hessian) {
        lanes dots = lanes_mul(lanes_add(i.root_dot, j.root_dot), kb);
        p.ds = lanes_fnma(roots, lanes_load(terms + 24), lanes_load(terms + 16));
        p.ds = lanes_fma(dots, b, p.ds);
        p.w = difference(j.v, i.v);
    }
    return p;
}

/* The force s u, or its change -(ds u + s dv). */
LANES_KERNEL vectors add_pull(bool hessian, vectors sum, const pull *p) {
    if (!hessian)
        return add_product(sum, p->s, p->u);
    return add_product(add_product(sum, p->ds, p->u), p->s, p->w);
}

LANES_KERNEL vectors sums(const cluster *c, size_t block) {
    return (vectors){own(c, block, HOP__GUPTA_FX), own(c, block, HOP__GUPTA_FY),
                     own(c, block, HOP__GUPTA_FZ)};
}

LANES_KERNEL void set_sums(const cluster *c, size_t block, vectors v) {
    lanes_store(row(c, block, HOP__GUPTA_FX), v.x);
    lanes_store(row(c, block, HOP__GUPTA_FY), v.y);
    lanes_store(row(c, block, HOP__GUPTA_FZ), v.z);
}

/* Own sums minus the other side's. */
LANES_KERNEL lanes inside_force(const lanes v[4]) {
    return lanes_sub(sum4(v), inside_sum(v));
}

LANES_KERNEL void inside_forces(cluster *c, bool hessian, size_t block, bool whole,
                                const double *terms) {
    const double *rates = c->inside + block * (16 * HOP__GUPTA_RATES);
    const side i = block_side(c, block);
    points f;
    EACH_OF(4) f.x[k] = f.y[k] = f.z[k] = lanes_all(0.0);
    EACH_OF(4) if (k < 2 || whole) {
        const pull p = pull_of(hessian, i, partner_side(c, block, k),
                               rates + (k < 2 ? 0 : 8 * HOP__GUPTA_RATES),
                               terms + k * TERMS(hessian));
        vectors v = add_pull(hessian, vectors_zero(), &p);
        f.x[k] = v.x;
        f.y[k] = v.y;
        f.z[k] = v.z;
    }
    set_sums(c, block,
             (vectors){inside_force(f.x), inside_force(f.y), inside_force(f.z)});
}

LANES_KERNEL const double *all_inside_forces(cluster *c, bool hessian,
                                             const double *terms) {
    for (size_t block = c->quads / 2; block < c->blocks; block++)
        set_sums(c, block, vectors_zero());
    for (size_t block = 0; block < c->quads / 2; block++, terms += 4 * TERMS(hessian))
        inside_forces(c, hessian, block, true, terms);
    if (c->quads % 2) {
        inside_forces(c, hessian, c->quads / 2, false, terms);
        terms += 2 * TERMS(hessian);
    }
    return terms;
}

/* Block on quad; returns the sums of the quad, in both halves. */
LANES_KERNEL vectors tile_force(cluster *c, bool hessian, size_t block, size_t j,
                                const double *terms) {
    const double *rates = rates_of(c, c->quad_element[j], block);
    const side i = block_side(c, block);
    vectors sum = sums(c, block), turned = vectors_zero();
    UNROLL for (int k = 3; k >= 0; k--) {
        const pull p =
            pull_of(hessian, i, quad_side(c, j, k), rates, terms + k * TERMS(hessian));
        sum = add_pull(hessian, sum, &p);
        turned = add_pull(hessian, k == 3 ? turned : vectors_turn(turned), &p);
    }
    set_sums(c, block, sum);
    return turned;
}

LANES_KERNEL const double *tile_forces(cluster *c, bool hessian, const double *terms) {
    for (size_t j = 2; j < c->quads; j++) {
        vectors g = vectors_zero();
        for (size_t block = 0; block < j / 2; block++, terms += 4 * TERMS(hessian))
            g = difference(g, tile_force(c, hessian, block, j, terms));
        add_to_quad(c, j, HOP__GUPTA_FX, g.x);
        add_to_quad(c, j, HOP__GUPTA_FY, g.y);
        add_to_quad(c, j, HOP__GUPTA_FZ, g.z);
    }
    return terms;
}

LANES_KERNEL void all_lone_forces(cluster *c, bool hessian, const double *terms) {
    for (size_t n = 0; n < c->lone; n++) {
        const size_t slot = 4 * c->quads + n;
        const side j = lone_side(c, slot);
        vectors g = vectors_zero();
        for (size_t block = 0; 8 * block < slot; block++, terms += TERMS(hessian)) {
            const pull p = pull_of(hessian, block_side(c, block), j,
                                   rates_of(c, c->lone_element[n], block), terms);
            set_sums(c, block, add_pull(hessian, sums(c, block), &p));
            g = add_pull(hessian, g, &p);
        }
        add_to_slot(c, slot, HOP__GUPTA_FX, lanes_sub(lanes_all(0.0), g.x));
        add_to_slot(c, slot, HOP__GUPTA_FY, lanes_sub(lanes_all(0.0), g.y));
        add_to_slot(c, slot, HOP__GUPTA_FZ, lanes_sub(lanes_all(0.0), g.z));
    }
}

/* Forces add up to zero: seen from the first slot, far from the origin nothing is lost.
 */
LANES_KERNEL void sum_up(cluster *c) {
    _Alignas(64) double all[8];
    lanes sum[8]; /* virial, energy, nothing */
    lanes x0 = lone(c, 0, HOP__GUPTA_X), y0 = lone(c, 0, HOP__GUPTA_Y),
          z0 = lone(c, 0, HOP__GUPTA_Z);
    for (int k = 0; k < 8; k++)
        sum[k] = lanes_all(0.0);
    for (size_t block = 0; block < c->blocks; block++) {
        lanes x = lanes_sub(own(c, block, HOP__GUPTA_X), x0);
        lanes y = lanes_sub(own(c, block, HOP__GUPTA_Y), y0);
        lanes z = lanes_sub(own(c, block, HOP__GUPTA_Z), z0);
        lanes fx = own(c, block, HOP__GUPTA_FX), fy = own(c, block, HOP__GUPTA_FY),
              fz = own(c, block, HOP__GUPTA_FZ);
        sum[0] = lanes_fma(x, fx, sum[0]);
        sum[1] = lanes_fma(y, fy, sum[1]);
        sum[2] = lanes_fma(z, fz, sum[2]);
        sum[3] = lanes_fma(y, fz, sum[3]);
        sum[4] = lanes_fma(x, fz, sum[4]);
        sum[5] = lanes_fma(x, fy, sum[5]);
        sum[6] = lanes_add(sum[6], own(c, block, HOP__GUPTA_ENERGY));
    }
    lanes_store(all, lanes_sums(sum));
    memcpy(c->virial, all, sizeof c->virial);
    c->energy = all[6];
}

/* ---- the kernels ---- */

LANES_KERNEL void run(cluster *c, bool hessian) {
    take_in(c, c->x, HOP__GUPTA_X);
    if (hessian)
        take_in(c, c->v, HOP__GUPTA_VX);
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
    give_out(c, c->forces);
    give_out_energies(c);
}

void VARIANT(hop__gupta_hessian_)(hop__gupta_cluster *c) {
    run(c, true);
    give_out(c, c->hv);
}
