#include "potentials/potential.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "potentials/builtin.h"
#include "potentials/crew.h"
#include "structure/elements.h"

#define MAX_FILE ((size_t)64 << 20)

static const hop__potential_kind *const kinds[] = {
    &hop__gupta_kind, &hop__stillinger_weber_kind, &hop__lennard_jones_kind};

struct hop__potential_shared {
    atomic_size_t references;
    void *parameters;
};

/* ---- making and freeing ---- */

static void release_shared(hop_context *context, const hop__potential_kind *kind,
                           hop__potential_shared *shared) {
    if (!shared || atomic_fetch_sub(&shared->references, 1) != 1)
        return;
    kind->free_parameters(context, shared->parameters);
    hop__release(context, shared);
}

/* A handle on parameters that are already shared; takes over one reference. */
static int make_handle(hop_context *context, const hop__potential_kind *kind,
                       hop__potential_shared *shared, hop_potential **out) {
    hop_potential *potential = hop__allocate(context, 1, sizeof *potential);
    int status = potential ? HOP_OK : HOP_ERROR_MEMORY;
    if (status == HOP_OK)
        status =
            kind->new_workspace(context, shared->parameters, &potential->workspace);
    if (status != HOP_OK) {
        hop__release(context, potential);
        release_shared(context, kind, shared);
        return status;
    }
    potential->context = hop__context_retain(context);
    potential->kind = kind;
    potential->shared = shared;
    potential->parameters = shared->parameters;
    atomic_init(&potential->references, 1);
    *out = potential;
    return HOP_OK;
}

int hop__potential_make(hop_context *context, const hop__potential_kind *kind,
                        void *parameters, hop_potential **out) {
    *out = NULL;
    hop__potential_shared *shared = hop__allocate(context, 1, sizeof *shared);
    if (!shared) {
        kind->free_parameters(context, parameters);
        return HOP_ERROR_MEMORY;
    }
    atomic_init(&shared->references, 1);
    shared->parameters = parameters;
    return make_handle(context, kind, shared, out);
}

int hop__potential_clone(const hop_potential *potential, hop_context *context,
                         hop_potential **out) {
    *out = NULL;
    if (potential->kind == &hop__external_kind)
        return hop__fail(context, HOP_ERROR_UNSUPPORTED,
                         "an external potential serves one thread only");
    atomic_fetch_add(&potential->shared->references, 1);
    return make_handle(context, potential->kind, potential->shared, out);
}

hop_potential *hop__potential_retain(hop_potential *potential) {
    atomic_fetch_add(&potential->references, 1);
    return potential;
}

void hop_potential_free(hop_potential *potential) {
    if (!potential || atomic_fetch_sub(&potential->references, 1) != 1)
        return;
    hop_context *context = potential->context;
    hop__crew_free(context, potential->crew);
    potential->kind->free_workspace(context, potential->workspace);
    release_shared(context, potential->kind, potential->shared);
    hop__release(context, potential);
    hop__context_release(context);
}

/* ---- loading ---- */

static const hop__potential_kind *kind_of_file(const char *name) {
    size_t length = strlen(name);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        size_t ending = strlen(kinds[k]->ending);
        if (length > ending && strcmp(name + length - ending, kinds[k]->ending) == 0)
            return kinds[k];
    }
    return NULL;
}

static int load_text(hop_context *context, const char *name, const char *text,
                     size_t size, hop_potential **out) {
    const hop__potential_kind *kind = kind_of_file(name);
    if (!kind)
        return hop__fail(context, HOP_ERROR_UNSUPPORTED,
                         "%.300s: expected a file name ending in .gupta, .sw or .lj",
                         name);
    void *parameters = NULL;
    int status = kind->parse(context, name, text, size, &parameters);
    return status == HOP_OK ? hop__potential_make(context, kind, parameters, out)
                            : status;
}

int hop_potential_load(hop_context *context, const char *path, hop_potential **out) {
    if (out)
        *out = NULL;
    if (!context || !path || !out)
        return hop__missing(context, "path or out");
    char *text;
    size_t size;
    int status = hop__file_read(context, path, MAX_FILE, &text, &size);
    if (status == HOP_OK)
        status = load_text(context, path, text, size, out);
    hop__release(context, text);
    return status;
}

int hop_potential_builtin(hop_context *context, const char *name, hop_potential **out) {
    if (out)
        *out = NULL;
    if (!context || !name || !out)
        return hop__missing(context, "name or out");
    for (const hop__builtin *b = hop__builtins; b->name; b++)
        if (strcmp(b->name, name) == 0)
            return load_text(context, b->name, b->text, b->size, out);
    char names[400] = "";
    for (const hop__builtin *b = hop__builtins; b->name; b++)
        snprintf(names + strlen(names), sizeof names - strlen(names), " %s", b->name);
    return hop__fail(context, HOP_ERROR_ARGUMENT,
                     "no built-in potential is named '%.40s'; there are%s", name,
                     names);
}

const char *hop_potential_builtin_name(size_t index) {
    for (size_t k = 0; hop__builtins[k].name; k++)
        if (k == index)
            return hop__builtins[k].name;
    return NULL;
}

/* ---- evaluation: the one place where results are checked ---- */

/* Distance of two atoms; in a cell of the images nearest in fractional coordinates. */
static double distance(const hop_structure *s, const double inverse[9], size_t i,
                       size_t j) {
    double d[3];
    for (size_t c = 0; c < 3; c++)
        d[c] = s->positions[3 * i + c] - s->positions[3 * j + c];
    for (size_t a = 0; a < 3 && inverse; a++) {
        double fraction =
            d[0] * inverse[a] + d[1] * inverse[3 + a] + d[2] * inverse[6 + a];
        double turns = s->periodic[a] ? nearbyint(fraction) : 0.0;
        for (size_t c = 0; c < 3; c++)
            d[c] -= turns * s->cell[3 * a + c];
    }
    return sqrt(hop__dot(d, d, 3));
}

double hop__closest_pair(const hop_structure *s, size_t pair[2]) {
    double least = INFINITY, inverse[9];
    bool cell = hop__structure_is_periodic(s) && hop__invert3(s->cell, inverse);
    for (size_t i = 0; i < s->count && s->count <= 4096; i++)
        for (size_t j = 0; j < i; j++) {
            double d = distance(s, cell ? inverse : NULL, i, j);
            if (d < least) {
                least = d;
                pair[0] = j;
                pair[1] = i;
            }
        }
    return least;
}

static int explain_nonfinite(hop_context *context, const hop_structure *s) {
    size_t closest[2] = {0, 0};
    double least = hop__closest_pair(s, closest);
    if (!isfinite(least))
        return hop__fail(context, HOP_ERROR_NONFINITE,
                         "energy or forces are not finite");
    return hop__fail(context, HOP_ERROR_NONFINITE,
                     "energy or forces are not finite; atoms %zu and %zu are %g apart",
                     closest[0], closest[1], least);
}

int hop_potential_evaluate(hop_potential *potential, hop_structure *structure) {
    if (!potential || !structure)
        return hop__missing(potential ? potential->context : NULL, "structure");
    int status = hop__structure_check(potential->context, structure);
    if (status == HOP_OK)
        status = potential->kind->evaluate(potential, structure);
    if (status == HOP_OK &&
        !(isfinite(*structure->energy) &&
          hop__rows_finite(potential->context, structure->forces, structure->count)))
        status = explain_nonfinite(potential->context, structure);
    if (status != HOP_OK)
        hop__structure_forget(structure);
    return status;
}

int hop_potential_hessian_vector(hop_potential *potential,
                                 const hop_structure *structure, const double *v,
                                 double *hv) {
    if (!potential || !structure || !v || !hv)
        return hop__missing(potential ? potential->context : NULL,
                            "structure, v or hv");
    int status = hop__structure_check(potential->context, structure);
    const bool finite =
        status != HOP_OK || hop__rows_finite(potential->context, v, structure->count);
    for (size_t k = 0; !finite && status == HOP_OK && k < 3 * structure->count; k++)
        if (!isfinite(v[k]))
            status = hop__fail(potential->context, HOP_ERROR_ARGUMENT,
                               "direction: expected finite numbers, got v[%zu] = %g", k,
                               v[k]);
    if (status == HOP_OK)
        status = potential->kind->hessian_vector(potential, structure, v, hv);
    if (status == HOP_OK && !hop__rows_finite(potential->context, hv, structure->count))
        status = explain_nonfinite(potential->context, structure);
    return status;
}

/* ---- what it is ---- */

static bool usable(double x) { return x > 1e-30 && x < 1e30; }

/* Always positive and finite: what a potential cannot say (no minimum, no binding, no
   potential at all) comes from the element's radius and from usual bonds. */
static int scales_of(const hop_potential *potential, int32_t number,
                     hop_scales *scales) {
    *scales = (hop_scales){scales->size, 0.0, 0.0, 0.0};
    int status =
        potential ? potential->kind->scales(potential, number, scales) : HOP_OK;
    if (!usable(scales->length))
        scales->length = 2.0 * hop__element_radius(number);
    if (!usable(scales->energy))
        scales->energy = 3.0;
    if (!usable(scales->stiffness))
        scales->stiffness = 5.0 * scales->energy / (scales->length * scales->length);
    return status;
}

int hop_potential_scales(const hop_potential *potential, int32_t number,
                         hop_scales *scales) {
    if (!potential || !scales)
        return hop__missing(potential ? potential->context : NULL, "scales");
    if (scales->size < sizeof *scales)
        return hop__fail(potential->context, HOP_ERROR_ARGUMENT,
                         "hop_scales: expected size %zu, got %zu", sizeof *scales,
                         scales->size);
    if (!hop_element_symbol(number))
        return hop__fail(potential->context, HOP_ERROR_ARGUMENT,
                         "scales: expected an atomic number from 0 to %d, got %ld",
                         HOP__ELEMENTS - 1, (long)number);
    return scales_of(potential, number, scales);
}

double hop_potential_cutoff(const hop_potential *potential) {
    return potential ? potential->kind->cutoff(potential) : NAN;
}

const char *hop_potential_kind(const hop_potential *potential) {
    return potential ? potential->kind->name : "";
}

int hop__units_of(hop_context *context, const hop_potential *potential, size_t count,
                  const int32_t *numbers, hop__units *units, double *lengths,
                  double *energies) {
    *units = (hop__units){0.0, 0.0, 0.0};
    for (size_t i = 0; i < count; i++) {
        hop_scales scales = {.size = sizeof scales};
        int status = scales_of(potential, numbers[i], &scales);
        if (status != HOP_OK)
            return hop__fail_as(context, status, potential->context);
        units->length += scales.length / (double)count;
        units->energy += scales.energy / (double)count;
        units->stiffness += scales.stiffness / (double)count;
        if (lengths)
            lengths[i] = scales.length;
        if (energies)
            energies[i] = scales.energy;
    }
    return HOP_OK;
}
