/* The structures that are evaluated: magic-number clusters and rattled crystals. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "potentials.h"

static uint64_t random_state;

static double uniform(void) { /* xorshift64*, -1 to 1 */
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (double)(random_state * 0x2545F4914F6CDD1Du >> 11) * 0x1p-52 - 1.0;
}

static void *must(void *pointer) {
    if (!pointer) {
        fprintf(stderr, "bench: out of memory\n");
        exit(1);
    }
    return pointer;
}

static void rattle(problem *p, double amplitude) {
    random_state = 88172645463325252u;
    for (size_t k = 0; k < 3 * p->count; k++)
        p->x[k] += amplitude * uniform();
    for (size_t k = 0; k < 3 * p->count && p->periodic; k++)
        p->x[k] -= floor(p->x[k] / p->box[k % 3]) * p->box[k % 3];
}

/* Half of the atoms, drawn at random, become the second species. */
static void mix(problem *p) {
    p->species_of = must(calloc(p->count, sizeof *p->species_of));
    if (p->species < 2)
        return;
    random_state = 1234567;
    for (size_t i = 0; i < p->count; i++)
        p->species_of[i] = i < p->count / 2;
    for (size_t i = p->count - 1; i > 0; i--) {
        size_t j = (size_t)(0.5 * (uniform() + 1.0) * (double)(i + 1));
        int32_t held = p->species_of[i];
        p->species_of[i] = p->species_of[j > i ? i : j];
        p->species_of[j > i ? i : j] = held;
    }
}

static void add(problem *p, size_t capacity, double x, double y, double z) {
    for (size_t i = 0; i < p->count; i++) {
        const double *o = p->x + 3 * i;
        if (fabs(o[0] - x) + fabs(o[1] - y) + fabs(o[2] - z) < 1e-6)
            return;
    }
    if (p->count < capacity)
        memcpy(p->x + 3 * p->count++, (double[]){x, y, z}, 3 * sizeof(double));
}

/* Mackay's icosahedra: shell k carries the triangular lattice on twenty faces. */
static void icosahedron(problem *p, size_t count, double bond) {
    const double g = 0.5 * (1.0 + sqrt(5.0));
    double v[12][3];
    int vertices = 0;
    for (int axis = 0; axis < 3; axis++)
        for (int a = -1; a <= 1; a += 2)
            for (int b = -1; b <= 1; b += 2) {
                v[vertices][axis] = 0.0;
                v[vertices][(axis + 1) % 3] = 0.5 * a * bond;
                v[vertices++][(axis + 2) % 3] = 0.5 * b * g * bond;
            }
    add(p, count, 0.0, 0.0, 0.0);
    for (int shell = 1; p->count < count; shell++)
        for (int face = 0; face < 12 * 12 * 12; face++) {
            const double *f[3] = {v[face / 144], v[face / 12 % 12], v[face % 12]};
            bool adjacent = true;
            for (int k = 0; k < 3; k++) {
                const double *s = f[k], *t = f[(k + 1) % 3];
                double d = hypot(hypot(s[0] - t[0], s[1] - t[1]), s[2] - t[2]);
                adjacent = adjacent && fabs(d - bond) < 1e-6 * bond;
            }
            for (int a = 0; adjacent && a <= shell; a++)
                for (int b = 0; a + b <= shell; b++) {
                    int c = shell - a - b;
                    add(p, count, a * f[0][0] + b * f[1][0] + c * f[2][0],
                        a * f[0][1] + b * f[1][1] + c * f[2][1],
                        a * f[0][2] + b * f[1][2] + c * f[2][2]);
                }
        }
}

/* The 38-atom truncated octahedron: fcc around an octahedral hole. */
static void truncated_octahedron(problem *p, double bond) {
    const double half = bond / sqrt(2.0);
    for (int i = -3; i <= 3; i++)
        for (int j = -3; j <= 3; j++)
            for (int k = -3; k <= 3; k++)
                if ((i + j + k) % 2 != 0 && i * i + j * j + k * k <= 5)
                    add(p, 38, i * half, j * half, k * half);
}

static void cluster(problem *p, size_t count, double bond) {
    p->x = must(calloc(3 * count, sizeof *p->x));
    if (count == 38)
        truncated_octahedron(p, bond);
    else
        icosahedron(p, count, bond);
    if (p->count != count) {
        fprintf(stderr, "bench: %zu is not a magic number\n", count);
        exit(1);
    }
    p->cutoff = INFINITY;
}

/* `cells` cubed cubic cells of edge a with `basis` atoms each, in quarters of a. */
static void crystal(problem *p, int cells, double a, int basis, const int sites[][3]) {
    p->count = (size_t)cells * (size_t)cells * (size_t)cells * (size_t)basis;
    p->x = must(calloc(3 * p->count, sizeof *p->x));
    p->periodic = true;
    double *x = p->x;
    for (int c = 0; c < 3; c++)
        p->box[c] = cells * a;
    for (int i = 0; i < cells; i++)
        for (int j = 0; j < cells; j++)
            for (int k = 0; k < cells; k++)
                for (int s = 0; s < basis; s++, x += 3) {
                    x[0] = a * (i + 0.25 * sites[s][0]);
                    x[1] = a * (j + 0.25 * sites[s][1]);
                    x[2] = a * (k + 0.25 * sites[s][2]);
                }
}

static const int diamond[8][3] = {{0, 0, 0}, {0, 2, 2}, {2, 0, 2}, {2, 2, 0},
                                  {1, 1, 1}, {1, 3, 3}, {3, 1, 3}, {3, 3, 1}};

static void silver(problem *p, size_t count, int species, const char *what) {
    p->kind = GUPTA;
    p->species = species;
    p->numbers[0] = 47;
    p->numbers[1] = 79;
    p->unit = 1.0;
    snprintf(p->name, sizeof p->name, "%s%zu%s", species == 1 ? "Ag" : "AgAu", count,
             what);
}

void problem_gupta_cluster(problem *p, size_t count, int species) {
    *p = (problem){.potential = "AgAu.gupta"};
    cluster(p, count, 2.8);
    silver(p, count, species, "");
    mix(p);
    rattle(p, 0.1);
}

void problem_gupta_bulk(problem *p, int cells, int species) {
    *p = (problem){
        .potential = "AgAu-cutoff.gupta", .cutoff = 5.00926414057, .skin = 0.5};
    crystal(p, cells, 4.09, 4, diamond);
    silver(p, p->count, species, " fcc");
    mix(p);
    rattle(p, 0.1);
}

void problem_silicon(problem *p, int cells) {
    *p = (problem){.kind = STILLINGER_WEBER,
                   .potential = "Si.sw",
                   .skin = 1.0,
                   .unit = 1.0,
                   .species = 1,
                   .numbers = {14},
                   .cutoff = 3.77118};
    crystal(p, cells, 5.431, 8, diamond);
    snprintf(p->name, sizeof p->name, "Si%zu", p->count);
    mix(p);
    rattle(p, 0.1);
}

void problem_lj_cluster(problem *p) {
    *p = (problem){
        .kind = LENNARD_JONES, .potential = "LJ.lj", .unit = 1.0, .species = 1};
    cluster(p, 38, 1.1);
    snprintf(p->name, sizeof p->name, "LJ38");
    mix(p);
    rattle(p, 0.02);
}

void problem_lj_bulk(problem *p, int cells, const char *potential) {
    *p = (problem){.kind = LENNARD_JONES,
                   .potential = potential,
                   .unit = 1.0,
                   .species = 1,
                   .cutoff = 2.5,
                   .skin = 0.15};
    crystal(p, cells, 1.5874, 4, diamond);
    snprintf(p->name, sizeof p->name, "LJ%zu fcc", p->count);
    mix(p);
    rattle(p, 0.02);
}

void problem_free(problem *p) {
    free(p->x);
    free(p->species_of);
    *p = (problem){.count = 0};
}
