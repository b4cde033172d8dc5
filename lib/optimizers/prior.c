#include "optimizers/prior.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "potentials/gupta.h"
#include "structure/structure.h"

#define P 10.5
#define Q 3.0
#define FMAX 0.003 /* e0/r0; looser, and half of the gain is lost */

struct hop__prior {
    hop_context *context;
    hop_potential *potential;
    hop_structure *s;
    void *descent; /* L-BFGS */
    double *next;  /* 3n */
    double fmax;
};

/* An element of the system. */
typedef struct element {
    int32_t number;
    double length, energy;
} element;

/* How many; 0: too many. */
static size_t find_elements(const hop__descent_system *system,
                            element found[HOP__MAX_SPECIES]) {
    size_t count = 0;
    for (size_t i = 0; i < system->start->count; i++) {
        const int32_t number = system->start->numbers[i];
        size_t k = 0;
        while (k < count && found[k].number != number)
            k++;
        if (k < count)
            continue;
        if (count == HOP__MAX_SPECIES)
            return 0;
        found[count++] = (element){number, system->lengths[i], system->energies[i]};
    }
    return count;
}

/* Twelve neighbours at r0 are at rest and bind with the energy of the elements. */
static hop__gupta_pair pair_of(const element *a, const element *b) {
    const double energy = sqrt(a->energy * b->energy);
    const double hopping = energy / (sqrt(12.0) * (1.0 - Q / P));
    return (hop__gupta_pair){.known = true,
                             .r0 = 0.5 * (a->length + b->length),
                             .p = P,
                             .q = Q,
                             .a = hopping * Q / (P * sqrt(12.0)),
                             .xi = hopping,
                             .start = INFINITY,
                             .end = INFINITY};
}

static int make_potential(hop__prior *p, const element *elements, size_t count) {
    hop__gupta_parameters *g = hop__allocate(p->context, 1, sizeof *g);
    if (!g)
        return HOP_ERROR_MEMORY;
    g->open = true;
    g->name = hop__duplicate(p->context, "prior");
    g->pairs = hop__allocate(p->context, count * count, sizeof *g->pairs);
    if (!g->name || !g->pairs) {
        hop__gupta_free_parameters(p->context, g);
        return HOP_ERROR_MEMORY;
    }
    for (size_t a = 0; a < count; a++) {
        hop__species_add(&g->species, elements[a].number);
        for (size_t b = 0; b < count; b++)
            g->pairs[a * count + b] = pair_of(&elements[a], &elements[b]);
    }
    return hop__potential_make(p->context, &hop__gupta_kind, g, &p->potential);
}

int hop__prior_new(hop_context *context, const hop__descent_system *system,
                   const hop__settings *settings, hop__prior **out) {
    element elements[HOP__MAX_SPECIES];
    const size_t count = find_elements(system, elements), n = system->start->count;
    *out = NULL;
    if (count == 0)
        return HOP_OK; /* none is made */
    hop__prior *p = hop__allocate(context, 1, sizeof *p);
    if (!p)
        return HOP_ERROR_MEMORY;
    p->context = context;
    p->fmax = FMAX * system->units.energy / system->units.length;
    p->next = hop__allocate(context, 3 * n, sizeof *p->next);
    int status = p->next ? HOP_OK : HOP_ERROR_MEMORY;
    if (status == HOP_OK)
        status = make_potential(p, elements, count);
    if (status == HOP_OK)
        status = hop_structure_new(context, n, system->start->numbers, &p->s);
    if (status == HOP_OK)
        status = hop__lbfgs_kind.create(context, system, settings, &p->descent);
    if (status == HOP_OK)
        *out = p;
    else
        hop__prior_free(p);
    return status;
}

void hop__prior_free(hop__prior *p) {
    if (!p)
        return;
    hop_context *context = p->context;
    hop__lbfgs_kind.destroy(context, p->descent);
    hop_structure_free(p->s);
    hop_potential_free(p->potential);
    hop__release(context, p->next);
    hop__release(context, p);
}

void hop__prior_relax(hop__prior *p, double *x, size_t most) {
    const size_t n = p->s->count, size = 3 * n * sizeof *x;
    double *now = p->s->positions;
    memcpy(now, x, size);
    hop__lbfgs_kind.start(p->descent);
    for (size_t k = 0; k < most; k++) {
        hop__structure_forget(p->s);
        if (hop_potential_evaluate(p->potential, p->s) != HOP_OK)
            return;
        memcpy(x, now, size);
        if (hop__max_norm3(p->s->forces, n) < p->fmax)
            return;
        hop__lbfgs_kind.step(p->descent, now, *p->s->energy, p->s->forces, p->next);
        if (!hop__all_finite(p->next, 3 * n))
            return;
        memcpy(now, p->next, size);
    }
}
