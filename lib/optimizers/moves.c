#include "optimizers/moves.h"

#include <math.h>
#include <string.h>

#include "base/vector_math.h"
#include "structure/generate.h"

#define CONTACT 0.95
#define CONNECTED 1.6
#define SWEEPS 10 /* that move atoms apart */

static void turn(const double frame[9], const double in[3], double *out) {
    for (int c = 0; c < 3; c++)
        out[c] =
            frame[3 * c] * in[0] + frame[3 * c + 1] * in[1] + frame[3 * c + 2] * in[2];
}

void hop__moves_turn(const hop__moves *m, const double in[3], double out[3]) {
    turn(m->frame, in, out);
}

static void direction(hop__moves *m, double out[3]) {
    double unit[3];
    hop__random_direction(&m->random, unit);
    turn(m->frame, unit, out);
}

static inline double dot3(const double *a, const double *b) {
    return (a[0] * b[0] + a[2] * b[2]) + a[1] * b[1];
}

static inline double square_distance(const double *a, const double *b) {
    const double d[3] = {a[0] - b[0], a[1] - b[1], a[2] - b[2]};
    return dot3(d, d);
}

void hop__move_shake(hop__moves *m, double radius, double *x) {
    for (size_t i = 0; i < m->count; i++) {
        double unit[3];
        double r = radius * hop__power(hop__random_uniform(&m->random), 1.0 / 3.0);
        direction(m, unit);
        for (size_t c = 0; c < 3 && !m->fixed[i]; c++)
            x[3 * i + c] += r * unit[c];
    }
}

void hop__move_shake_atoms(hop__moves *m, double radius, const double *sizes,
                           const double *chosen, double *x) {
    for (size_t i = 0; i < m->count; i++) {
        double unit[3];
        if (chosen[i] == 0.0)
            continue;
        double r = radius * hop__power(hop__random_uniform(&m->random), 1.0 / 3.0);
        direction(m, unit);
        for (size_t c = 0; c < 3; c++)
            x[3 * i + c] += r * (sizes ? sizes[i] : 1.0) * unit[c];
    }
}

static inline double contact(const hop__moves *m, size_t i, size_t j) {
    return 0.5 * (m->lengths[i] + m->lengths[j]);
}

/* The positions as rows, so that all earlier atoms are looked at together. */
typedef struct spread {
    double *x, *y, *z, *excess;
} spread;

/* How many of the atoms before i are too near; their excess is negative. */
static size_t count_near(const hop__moves *m, const spread *p, size_t i, double share) {
    const double *x = p->x, *y = p->y, *z = p->z, *lengths = m->lengths;
    const double xi = x[i], yi = y[i], zi = z[i], length = lengths[i];
    double *excess = p->excess, count = 0.0;
#pragma omp simd reduction(+ : count)
    for (size_t j = 0; j < i; j++) {
        const double dx = xi - x[j], dy = yi - y[j], dz = zi - z[j];
        const double reach = share * (0.5 * (length + lengths[j]));
        const double over = ((dx * dx + dz * dz) + dy * dy) - reach * reach;
        excess[j] = over;
        count += over < 0.0 ? 1.0 : 0.0;
    }
    return (size_t)count;
}

static bool push(const hop__moves *m, const spread *p, size_t i, size_t j,
                 double share) {
    const double d[3] = {p->x[i] - p->x[j], p->y[i] - p->y[j], p->z[i] - p->z[j]};
    const double reach = share * contact(m, i, j), square = dot3(d, d);
    if (square >= reach * reach || square == 0.0)
        return false;
    const double excess = reach / sqrt(square) - 1.0;
    const double mine = m->fixed[i] ? 0.0 : m->fixed[j] ? 1.0 : 0.5;
    const double other = m->fixed[j] ? 0.0 : 1.0 - mine;
    double *const rows[] = {p->x, p->y, p->z};
    for (size_t c = 0; c < 3; c++) {
        rows[c][i] += mine * excess * d[c];
        rows[c][j] -= other * excess * d[c];
    }
    return true;
}

void hop__moves_apart(const hop__moves *m, double share, double *x) {
    const size_t n = m->count;
    const spread p = {m->scores, m->scores + n, m->scores + 2 * n, m->scores + 3 * n};
    bool again = share > 0.0;
    for (size_t i = 0; i < n; i++) {
        p.x[i] = x[3 * i];
        p.y[i] = x[3 * i + 1];
        p.z[i] = x[3 * i + 2];
    }
    for (int sweep = 0; sweep < SWEEPS && again; sweep++) {
        again = false;
        for (size_t i = 1; i < n; i++) {
            size_t left = count_near(m, &p, i, share);
            for (size_t j = 0; left > 0; j++)
                if (p.excess[j] < 0.0) {
                    again |= push(m, &p, i, j, share);
                    left--;
                }
        }
    }
    for (size_t i = 0; i < n; i++) {
        x[3 * i] = p.x[i];
        x[3 * i + 1] = p.y[i];
        x[3 * i + 2] = p.z[i];
    }
}

static void centre_of(size_t count, const double *x, double centre[3]) {
    centre[0] = centre[1] = centre[2] = 0.0;
    for (size_t i = 0; i < count; i++)
        for (size_t c = 0; c < 3; c++)
            centre[c] += x[3 * i + c];
    for (size_t c = 0; c < 3; c++)
        centre[c] /= (double)count;
}

void hop__move_insert(hop__moves *m, double radius, size_t i, double *x) {
    double centre[3], unit[3];
    centre_of(m->count, x, centre);
    direction(m, unit);
    for (size_t c = 0; c < 3; c++)
        x[3 * i + c] = centre[c] + radius * unit[c];
}

void hop__moves_part(hop__moves *m, const double *x, double *chosen, double unit[3]) {
    double centre[3], low = INFINITY, high = -INFINITY;
    centre_of(m->count, x, centre);
    direction(m, unit);
    for (size_t i = 0; i < m->count; i++) {
        double d[3] = {x[3 * i] - centre[0], x[3 * i + 1] - centre[1],
                       x[3 * i + 2] - centre[2]};
        m->scores[i] = dot3(d, unit);
        low = fmin(low, m->scores[i]);
        high = fmax(high, m->scores[i]);
    }
    const double u = hop__random_uniform(&m->random);
    const double plane = low + (high - low) * u;
    for (size_t i = 0; i < m->count; i++)
        chosen[i] = m->scores[i] > plane && !m->fixed[i] ? 1.0 : 0.0;
}

/* Rodrigues' formula. */
void hop__move_twist(hop__moves *m, const double *chosen, const double unit[3],
                     double *x) {
    double centre[3], cosine, sine;
    centre_of(m->count, x, centre);
    hop__turn(hop__random_uniform(&m->random), &cosine, &sine);
    for (size_t i = 0; i < m->count; i++) {
        double *r = x + 3 * i,
               d[3] = {r[0] - centre[0], r[1] - centre[1], r[2] - centre[2]};
        const double cross[3] = {unit[1] * d[2] - unit[2] * d[1],
                                 unit[2] * d[0] - unit[0] * d[2],
                                 unit[0] * d[1] - unit[1] * d[0]};
        const double along = dot3(d, unit) * (1.0 - cosine);
        for (int c = 0; c < 3 && chosen[i] != 0.0; c++)
            r[c] = centre[c] + d[c] * cosine + cross[c] * sine + unit[c] * along;
    }
}

/* Where atom i, coming from outside along -unit through the centre, touches the others.
 */
static void touch(const hop__moves *m, const double *x, size_t i,
                  const double centre[3], const double unit[3], double place[3]) {
    double farthest = 0.0;
    for (size_t j = 0; j < m->count; j++) {
        if (j == i)
            continue;
        double d[3] = {x[3 * j] - centre[0], x[3 * j + 1] - centre[1],
                       x[3 * j + 2] - centre[2]};
        double along = dot3(d, unit), aside = dot3(d, d) - along * along;
        double reach = CONTACT * contact(m, i, j);
        if (along + reach > farthest && aside < reach * reach)
            farthest = fmax(farthest, along + sqrt(reach * reach - aside));
    }
    for (int c = 0; c < 3; c++)
        place[c] = centre[c] + farthest * unit[c];
}

void hop__moves_sites(hop__moves *m, const double *x, size_t i, const double centre[3],
                      size_t count, double (*place)[3]) {
    for (size_t k = 0; k < count; k++) {
        double unit[3];
        direction(m, unit);
        touch(m, x, i, centre, unit, place[k]);
    }
}

bool hop__moves_can_swap(const hop__moves *m) {
    const int32_t *first = NULL;
    for (size_t i = 0; i < m->count; i++) {
        if (m->fixed[i])
            continue;
        if (first && m->numbers[i] != *first)
            return true;
        first = &m->numbers[i];
    }
    return false;
}

void hop__move_restart(hop__moves *m, double *x) {
    bool periodic = m->periodic[0] || m->periodic[1] || m->periodic[2];
    bool any_fixed = false;
    for (size_t i = 0; i < m->count; i++)
        any_fixed |= m->fixed[i] != 0;
    if (any_fixed) {
        hop__move_shake(m, m->length, x);
        return;
    }
    if (periodic) {
        hop__generate_in_cell(&m->random, m->count, m->lengths, m->cell, m->periodic,
                              x);
        return;
    }
    hop__generate_cluster(&m->random, m->count, m->lengths, x);
    for (size_t i = 0; i < m->count; i++) {
        double place[3] = {x[3 * i], x[3 * i + 1], x[3 * i + 2]};
        turn(m->frame, place, x + 3 * i);
    }
}

/* `order` begins with the atoms that were reached from atom 0. */
bool hop__moves_connected(const hop__moves *m, const double *x) {
    double *order = m->scores;
    size_t reached = 1;
    for (size_t k = 0; k < m->count; k++)
        order[k] = (double)k;
    for (size_t done = 0; done < reached && reached < m->count; done++) {
        const size_t i = (size_t)order[done];
        for (size_t k = reached; k < m->count; k++) {
            const size_t j = (size_t)order[k];
            const double limit = CONNECTED * contact(m, i, j);
            if (!(square_distance(x + 3 * i, x + 3 * j) < limit * limit))
                continue;
            order[k] = order[reached];
            order[reached++] = (double)j;
        }
    }
    return reached == m->count;
}
