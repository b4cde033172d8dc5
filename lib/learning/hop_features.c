#include "learning/hop_features.h"

#include <math.h>
#include <string.h>

#include "base/vector_math.h"

#define FIRST 1.3 /* contact distances: between first and second neighbours */
#define SECOND 1.9
#define COMPACT 0.55 /* radius of a compact cluster over n^(1/3) lengths */

static inline double square_distance(const double *a, const double *b) {
    double x = a[0] - b[0], y = a[1] - b[1], z = a[2] - b[2];
    return x * x + y * y + z * z;
}

static inline double contact(const hop__hop_atoms *atoms, size_t i, size_t j) {
    return 0.5 * (atoms->lengths[i] + atoms->lengths[j]);
}

static void centre_of(size_t count, const double *x, double centre[3]) {
    centre[0] = centre[1] = centre[2] = 0.0;
    for (size_t i = 0; i < count; i++)
        for (size_t c = 0; c < 3; c++)
            centre[c] += x[3 * i + c];
    for (size_t c = 0; c < 3; c++)
        centre[c] /= (double)count;
}

double hop__hop_compact_radius(const hop__hop_atoms *atoms) {
    return COMPACT * atoms->units.length * hop__power((double)atoms->count, 1.0 / 3.0);
}

/* Numbers of neighbours and the sums of the first ones' energies, without branches. */
static void add_neighbours(const hop__hop_atoms *atoms, const double *x,
                           hop__hop_shells *s) {
    const size_t n = atoms->count;
    double *const sums[] = {s->first, s->second, s->unlike, s->around};
    for (int k = 0; k < 4; k++)
        memset(sums[k], 0, n * sizeof(double));
    for (size_t i = 0; i < n; i++) {
        double first = 0.0, second = 0.0, unlike = 0.0, around = 0.0;
        for (size_t j = 0; j < i; j++) {
            const double reach = contact(atoms, i, j), unit = reach * reach;
            const double square = square_distance(x + 3 * i, x + 3 * j);
            const double near = square < FIRST * FIRST * unit ? 1.0 : 0.0;
            const double within = square <= SECOND * SECOND * unit ? 1.0 : 0.0;
            const double other = atoms->numbers[i] != atoms->numbers[j] ? near : 0.0;
            first += near;
            second += within - near;
            unlike += other;
            around += near * s->energy[j];
            s->first[j] += near;
            s->second[j] += within - near;
            s->unlike[j] += other;
            s->around[j] += near * s->energy[i];
        }
        s->first[i] = first;
        s->second[i] = second;
        s->unlike[i] = unlike;
        s->around[i] = around;
    }
}

/* The same where there are images; `vicinity` has looked at the atoms. */
static void add_images(const hop__hop_atoms *atoms, hop__hop_shells *s) {
    const hop__vicinity *v = atoms->vicinity;
    for (size_t i = 0; i < atoms->count; i++) {
        const hop__neighbour *around = hop__vicinity_of(v, i);
        s->first[i] = s->second[i] = s->unlike[i] = s->around[i] = 0.0;
        for (size_t k = 0; k < v->many[i]; k++) {
            const size_t j = around[k].atom;
            const double reach = contact(atoms, i, j), r = around[k].distance;
            const bool near = r < FIRST * reach;
            s->first[i] += near ? 1.0 : 0.0;
            s->second[i] += !near && r <= SECOND * reach ? 1.0 : 0.0;
            s->unlike[i] += near && atoms->numbers[i] != atoms->numbers[j] ? 1.0 : 0.0;
            s->around[i] += near ? s->energy[j] : 0.0;
        }
    }
}

/* Without a centre what counts is how loosely an atom is held: the mean of its four
   shortest distances over contact, a tenth of a length being 1. */
static double looseness(const hop__hop_atoms *atoms, size_t i) {
    const hop__neighbour *around = hop__vicinity_of(atoms->vicinity, i);
    const size_t most = atoms->vicinity->many[i] < 4 ? atoms->vicinity->many[i] : 4;
    double sum = 0.0;
    for (size_t k = 0; k < most; k++)
        sum += around[k].distance / contact(atoms, i, around[k].atom) - 1.0;
    return most > 0 ? 10.0 * sum / (double)most : 10.0;
}

/* Binding energies; false where they are not known. */
static bool take_energies(const hop__hop_atoms *atoms, const double *energies,
                          hop__hop_shells *s) {
    const bool known = hop__all_finite(energies, atoms->count);
    for (size_t i = 0; i < atoms->count; i++)
        s->energy[i] = isfinite(energies[i]) ? energies[i] / atoms->units.energy : 0.0;
    return known;
}

static void count_neighbours(const hop__hop_atoms *atoms, const double *x,
                             hop__hop_shells *s) {
    if (atoms->vicinity)
        add_images(atoms, s);
    else
        add_neighbours(atoms, x, s);
}

void hop__hop_shells_of(const hop__hop_atoms *atoms, const double *x,
                        const double *energies, hop__hop_shells *s) {
    const size_t n = atoms->count;
    double centre[3];
    centre_of(n, x, centre);
    const bool known = take_energies(atoms, energies, s);
    count_neighbours(atoms, x, s);
    for (size_t i = 0; i < n && !known; i++)
        s->energy[i] = isfinite(energies[i]) ? s->energy[i] : -s->first[i] / 12.0;
    if (!known)
        count_neighbours(atoms, x, s);
    s->mean_energy = 0.0;
    for (size_t i = 0; i < n; i++) {
        s->mean_energy += s->energy[i] / (double)n;
        s->radius[i] =
            atoms->vicinity
                ? looseness(atoms, i)
                : sqrt(square_distance(x + 3 * i, centre)) / atoms->compact - 1.0;
    }
    for (size_t i = 0; i < n; i++) {
        const double neighbours = s->first[i];
        s->around[i] = neighbours > 0.0 ? s->around[i] / neighbours : s->mean_energy;
        s->unlike[i] = neighbours > 0.0 ? s->unlike[i] / neighbours : 0.0;
    }
}

static double logarithm(double count) { return hop__ln(1.0 + count); }

void hop__hop_features(const hop__hop_atoms *atoms, const hop__hop_shells *s,
                       const hop__hop_history *h, double *x) {
    const size_t n = atoms->count, stride = atoms->stride;
    memset(x, 0, HOP__HOP_INPUTS * stride * sizeof *x);
    const double since = 0.4 * logarithm(h->since) - 0.6;
    for (size_t i = 0; i < n; i++) {
        double size = 8.0 * atoms->size[i], cohesion = 2.0 * atoms->cohesion[i];
        const double row[HOP__HOP_INPUTS] = {
            4.0 * (s->energy[i] - s->mean_energy),
            s->first[i] / 6.0 - 1.2,
            s->second[i] / 6.0 - 0.5,
            s->radius[i],
            4.0 * (s->around[i] - s->mean_energy),
            s->unlike[i],
            size,
            cohesion,
            s->unlike[i] * size,
            s->unlike[i] * cohesion,
            s->radius[i] * size,
            s->radius[i] * cohesion,
            logarithm(h->tried[0][i]) - 0.5,
            logarithm(h->tried[1][i]) - 0.5,
            logarithm(h->tried[2][i]) - 0.5,
            2.0 * h->outcome[i],
            since,
            h->noise,
            h->success[0],
            h->success[1],
            h->success[2],
            (double)n / 30.0 - 1.0,
            atoms->alloy ? 1.0 : 0.0,
            4.0 * (s->mean_energy + 0.8),
            logarithm(h->tried[3][i]) - 0.5,
            logarithm(h->tried[4][i]) - 0.5,
            h->success[3],
            h->success[4],
            20.0 * fmin(fmax(s->flip[i], -0.1), 0.1),
        };
        for (size_t k = 0; k < HOP__HOP_INPUTS; k++)
            x[k * stride + i] = row[k];
    }
}

static double square_between(const hop__hop_atoms *atoms, const double *a,
                             const double *b) {
    double d[3];
    if (!atoms->vicinity)
        return square_distance(a, b);
    hop__vicinity_between(atoms->vicinity, a, b, d);
    return d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
}

void hop__site_features(const hop__hop_atoms *atoms, const hop__hop_shells *s,
                        const double *x, size_t i, const double place[3],
                        const double centre[3], double *coordination,
                        double in[HOP__SITE_INPUTS]) {
    double neighbours = 0.0, energy = 0.0, unlike = 0.0;
    for (size_t j = 0; j < atoms->count; j++) {
        if (j == i)
            continue;
        double square = square_between(atoms, x + 3 * j, place),
               reach = contact(atoms, i, j);
        if (square > SECOND * SECOND * reach * reach)
            continue;
        double near = hop__sigmoid(-12.0 * (sqrt(square) / reach - FIRST));
        neighbours += near;
        energy += near * s->energy[j];
        unlike += atoms->numbers[i] != atoms->numbers[j] ? near : 0.0;
    }
    const double some = neighbours + 1e-3;
    *coordination = neighbours;
    in[0] = 0.5 * neighbours - 1.5;
    in[1] = 4.0 * (energy / some - s->mean_energy);
    in[2] = unlike / some;
    in[3] = sqrt(square_between(atoms, place, centre)) / atoms->compact - 1.0;
    in[4] =
        sqrt(square_between(atoms, place, x + 3 * i)) / (2.0 * atoms->compact) - 0.5;
    in[5] = 8.0 * atoms->size[i];
}
