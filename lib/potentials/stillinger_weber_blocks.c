/* Stillinger-Weber in blocks of atoms: memory, threads and totals around the kernels. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/threads.h"
#include "potentials/stillinger_weber.h"
#include "potentials/stillinger_weber_kernels.h"

#define KEEP 10000  /* atoms above which computing again is faster than memory */
#define THREADED 8  /* blocks from which on threads pay */
#define PLACED 1024 /* places to which the direction is brought together */
#define SUMMED (2 * HOP__SW_BLOCK) /* atoms whose energies are added up together */

struct hop__sw_blocks {
    hop__sw_system system;
    const struct kernels *kernels;
    hop__sw_ahead *ahead;
    int32_t *scratch;
    size_t blocks, kinds; /* that there is memory for */
    size_t scratch_each, scratch_capacity, kept_capacity;
    double *kept, *direction;
    size_t dot_moments, direction_capacity;
    double *sums; /* per SUMMED atoms: energy */
};

typedef struct kernels {
    hop__sw_moments_kernel *moments;
    hop__sw_forces_kernel *forces, *dots, *product;
} kernels;

static const kernels one_element[] = {
    [HOP__ISA_BASE] = {hop__sw_moments_base, hop__sw_forces_base, hop__sw_dots_base,
                       hop__sw_product_base},
    [HOP__ISA_AVX2] = {hop__sw_moments_avx2, hop__sw_forces_avx2, hop__sw_dots_avx2,
                       hop__sw_product_avx2},
    [HOP__ISA_AVX512] = {hop__sw_moments_avx512, hop__sw_forces_avx512,
                         hop__sw_dots_avx512, hop__sw_product_avx512},
};

static const kernels several_elements[] = {
    [HOP__ISA_BASE] = {hop__sw_mixed_moments_base, hop__sw_mixed_forces_base,
                       hop__sw_mixed_dots_base, hop__sw_mixed_product_base},
    [HOP__ISA_AVX2] = {hop__sw_mixed_moments_avx2, hop__sw_mixed_forces_avx2,
                       hop__sw_mixed_dots_avx2, hop__sw_mixed_product_avx2},
    [HOP__ISA_AVX512] = {hop__sw_mixed_moments_avx512, hop__sw_mixed_forces_avx512,
                         hop__sw_mixed_dots_avx512, hop__sw_mixed_product_avx512},
};

/* ---- memory ---- */

void hop__sw_blocks_free(hop_context *context, hop__sw_blocks *l) {
    if (!l)
        return;
    const hop__sw_system *y = &l->system;
    void *blocks[] = {y->rows,      y->counts,       y->begins,  y->entries,
                      y->moments,   y->moment_pairs, y->virials, y->dots,
                      y->dot_pairs, l->scratch,      l->kept,    l->direction,
                      l->sums,      y->sizes};
    for (size_t k = 0; k < sizeof blocks / sizeof *blocks; k++)
        hop__release(context, blocks[k]);
    hop__sw_ahead_free(context, l->ahead);
    hop__release(context, l);
}

static bool grow(hop_context *context, void *field, size_t count, size_t size) {
    void *old, *fresh;
    memcpy(&old, field, sizeof old);
    fresh = hop__resize(context, old, count, size);
    if (fresh)
        memcpy(field, &fresh, sizeof fresh);
    return fresh != NULL;
}

static int reserve_blocks(hop_context *context, hop__sw_blocks *l, size_t blocks,
                          size_t kinds) {
    hop__sw_system *y = &l->system;
    const size_t spare = kinds > 1 ? HOP__SW_SPARE * kinds : 0;
    y->places = blocks * HOP__SW_BLOCK;
    y->slots = blocks * (HOP__SW_BLOCK + spare);
    if (blocks <= l->blocks && kinds <= l->kinds)
        return HOP_OK;
    l->blocks = l->kinds = 0;
    if (!grow(context, &y->rows, y->slots, sizeof *y->rows) ||
        !grow(context, &y->counts, kinds * y->slots, sizeof *y->counts) ||
        !grow(context, &y->begins, blocks, sizeof *y->begins) ||
        !grow(context, &y->sizes, kinds * blocks, sizeof *y->sizes) ||
        !grow(context, &y->moments, 8 * kinds * y->places, sizeof *y->moments) ||
        !grow(context, &y->moment_pairs, 2 * kinds * y->places,
              sizeof *y->moment_pairs) ||
        !grow(context, &y->virials, blocks, sizeof *y->virials) ||
        !grow(context, &l->sums, y->places / SUMMED + 1, sizeof *l->sums))
        return HOP_ERROR_MEMORY;
    l->blocks = blocks;
    l->kinds = kinds;
    return HOP_OK;
}

static int reserve_scratch(hop_context *context, hop__sw_blocks *l, size_t longest,
                           size_t kinds) {
    l->scratch_each = (HOP__SW_BLOCK * kinds + 1) * (longest + 32);
    const size_t wanted = l->scratch_each * (size_t)context->threads;
    if (wanted <= l->scratch_capacity)
        return HOP_OK;
    l->scratch_capacity = 0;
    if (!grow(context, &l->scratch, wanted + wanted / 2, sizeof *l->scratch))
        return HOP_ERROR_MEMORY;
    l->scratch_capacity = wanted + wanted / 2;
    return HOP_OK;
}

/* Numbers that change as atoms move do so the less, the more there are. */
static size_t spare(size_t count) {
    return count < 100000 ? count / 4 + 1024 : count / 64 + 24500;
}

static int reserve_entries(hop_context *context, hop__sw_blocks *l, size_t entries,
                           bool keep) {
    hop__sw_system *y = &l->system;
    if (entries > y->entry_capacity) {
        const size_t wanted = entries + spare(entries);
        y->entry_capacity = 0;
        if (!grow(context, &y->entries, wanted, sizeof *y->entries))
            return HOP_ERROR_MEMORY;
        y->entry_capacity = wanted;
    }
    if (keep && y->entry_capacity > l->kept_capacity) {
        l->kept_capacity = 0;
        if (!grow(context, &l->kept, HOP__SW_KEPT * y->entry_capacity, sizeof *l->kept))
            return HOP_ERROR_MEMORY;
        l->kept_capacity = y->entry_capacity;
    }
    y->kept = keep ? l->kept : NULL;
    return HOP_OK;
}

/* The kernels for one element or several, with what they need to know of them. */
static int choose_kernels(hop_potential *potential, hop__sw_blocks *l) {
    const hop__sw_parameters *p = potential->parameters;
    const hop__sw_workspace *w = potential->workspace;
    const int32_t k = w->species[0];
    l->system.element = hop__sw_element_of(hop__sw_entry_of(p, k, k, k));
    l->system.mix = NULL;
    l->kernels = &one_element[potential->context->isa];
    if (w->one_element)
        return HOP_OK;
    l->kernels = &several_elements[potential->context->isa];
    return hop__sw_mix_of(potential, &l->system.mix);
}

static int prepare(hop_potential *potential, size_t atoms, hop__sw_blocks **out) {
    hop__sw_workspace *w = potential->workspace;
    hop_context *context = potential->context;
    if (!w->blocks && !(w->blocks = hop__allocate(context, 1, sizeof *w->blocks)))
        return HOP_ERROR_MEMORY;
    hop__sw_blocks *l = *out = w->blocks;
    l->system.list = w->neighbors;
    int status = choose_kernels(potential, l);
    const size_t kinds =
        status == HOP_OK && l->system.mix ? (size_t)l->system.mix->kinds : 1;
    if (status == HOP_OK)
        status = reserve_blocks(context, l, (atoms + HOP__SW_BLOCK - 1) / HOP__SW_BLOCK,
                                kinds);
    if (status == HOP_OK)
        status = reserve_scratch(context, l, w->neighbors->longest, kinds);
    return status == HOP_OK
               ? hop__sw_ahead_of(context, w->neighbors, &l->ahead, &l->system.ahead)
               : status;
}

/* ---- passes ---- */

static void each_block(hop_context *context, size_t atoms, hop__task_function task,
                       hop__sw_blocks *l) {
    const size_t blocks = (atoms + HOP__SW_BLOCK - 1) / HOP__SW_BLOCK;
    hop__parallel(context, blocks < THREADED ? 1 : (size_t)context->threads, blocks,
                  task, l);
}

static void run_moments(void *argument, size_t block, size_t worker) {
    hop__sw_blocks *l = argument;
    l->kernels->moments(&l->system, block, l->scratch + worker * l->scratch_each);
}

static void run_forces(void *argument, size_t block, size_t worker) {
    hop__sw_blocks *l = argument;
    (void)worker;
    l->kernels->forces(&l->system, block);
}

/* While what the block touched is in the cache.  Without room for the entries all is done
   again. */
static void run_moments_and_dots(void *argument, size_t block, size_t worker) {
    hop__sw_blocks *l = argument;
    run_moments(argument, block, worker);
    if (atomic_load_explicit(&l->system.entries_used, memory_order_relaxed) <=
        l->system.entry_capacity)
        l->kernels->dots(&l->system, block);
}

static void run_product(void *argument, size_t block, size_t worker) {
    hop__sw_blocks *l = argument;
    (void)worker;
    l->kernels->product(&l->system, block);
}

/* Once more where the entries found no room. */
static int find_moments(hop_context *context, size_t atoms, hop__task_function task,
                        hop__sw_blocks *l) {
    hop__sw_system *y = &l->system;
    int status = reserve_entries(context, l, y->entry_capacity, atoms <= KEEP);
    while (status == HOP_OK) {
        atomic_store(&y->entries_used, 0);
        each_block(context, atoms, task, l);
        const size_t used = atomic_load(&y->entries_used);
        if (used <= y->entry_capacity)
            return HOP_OK;
        status = reserve_entries(context, l, used, atoms <= KEEP);
    }
    return status;
}

/* ---- energy and forces ---- */

static void add_up(void *argument, size_t part, size_t worker) {
    hop__sw_blocks *l = argument;
    const hop__sw_system *y = &l->system;
    const size_t begin = part * SUMMED, left = y->list->atoms - begin;
    double sum = 0.0;
    (void)worker;
    for (size_t i = begin; i < begin + (left < SUMMED ? left : SUMMED); i++)
        sum += y->energies[i];
    l->sums[part] = sum;
}

static size_t parts_of(size_t atoms) { return (atoms + SUMMED - 1) / SUMMED; }

/* Returns the largest contribution, scaled. */
static double virial_of(const hop__sw_system *y, size_t blocks, double virial[6]) {
    hop__sw_virial sum = {.largest = 0.0};
    for (size_t b = 0; b < blocks; b++) {
        for (int k = 0; k < 6; k++) {
            sum.high[k] += y->virials[b].high[k];
            sum.low[k] += y->virials[b].low[k];
        }
        sum.largest = fmax(sum.largest, y->virials[b].largest);
    }
    for (int k = 0; k < 6; k++)
        virial[k] = ((double)(int64_t)sum.high[k] * 0x1p-10 +
                     (double)(int64_t)sum.low[k] * 0x1p-46) /
                    y->virial_scale;
    return sum.largest;
}

/* One loop for both: each more would be another time to wait for all threads.  The sums
   are spread over the blocks, so that threads' shares of blocks are as large as in the first
   pass and each finds in its cache what it left there. */
static void run_forces_and_add_up(void *argument, size_t block, size_t worker) {
    run_forces(argument, block, worker);
    if (block % (SUMMED / HOP__SW_BLOCK) == 0)
        add_up(argument, block / (SUMMED / HOP__SW_BLOCK), worker);
}

/* Once more where the atoms are so near that whole numbers do not hold the virial. */
static void find_forces(hop_context *context, size_t atoms, hop__sw_blocks *l,
                        double virial[6]) {
    hop__sw_system *y = &l->system;
    const size_t blocks = (atoms + HOP__SW_BLOCK - 1) / HOP__SW_BLOCK;
    y->virial_scale = 1.0;
    each_block(context, atoms, run_forces_and_add_up, l);
    /* so that the sum of all stays below 2^63 2^-10 */
    const int most = 39 < 51 - ilogb((double)atoms) ? 39 : 51 - ilogb((double)atoms);
    const double largest = virial_of(y, blocks, virial);
    if (largest < ldexp(1.0, most) || !isfinite(largest))
        return;
    y->virial_scale = ldexp(1.0, most - 1 - ilogb(largest));
    each_block(context, atoms, run_forces, l);
    virial_of(y, blocks, virial);
}

int hop__sw_blocks_evaluate(hop_potential *potential, hop_structure *s) {
    hop_context *context = potential->context;
    hop__sw_blocks *l;
    int status = prepare(potential, s->count, &l);
    if (status != HOP_OK)
        return status;
    l->system.direction = NULL;
    l->system.energies = s->energies;
    l->system.forces = s->forces;
    status = find_moments(context, s->count, run_moments, l);
    if (status != HOP_OK)
        return status;
    find_forces(context, s->count, l, s->virial);
    *s->energy = 0.0;
    for (size_t part = 0; part < parts_of(s->count); part++)
        *s->energy += l->sums[part];
    return HOP_OK;
}

/* ---- Hessian products ---- */

typedef struct placing {
    hop__sw_blocks *blocks;
    const double *v; /* by atom */
} placing;

static void place_some(void *argument, size_t part, size_t worker) {
    const placing *p = argument;
    const hop__neighbors *list = p->blocks->system.list;
    const size_t begin = part * PLACED, left = list->images - begin;
    (void)worker;
    for (size_t k = begin; k < begin + (left < PLACED ? left : PLACED); k++)
        memcpy(p->blocks->direction + 4 * k, p->v + 3 * (size_t)list->atom[k],
               3 * sizeof *p->v);
}

static int place_direction(hop_context *context, hop__sw_blocks *l, const double *v) {
    hop__sw_system *y = &l->system;
    const size_t images = y->list->images, n = l->blocks * l->kinds * HOP__SW_BLOCK;
    if (images > l->direction_capacity) {
        l->direction_capacity = 0;
        if (!grow(context, &l->direction, 4 * (images + spare(images)),
                  sizeof *l->direction))
            return HOP_ERROR_MEMORY;
        l->direction_capacity = images + spare(images);
    }
    if (n > l->dot_moments) {
        l->dot_moments = 0;
        if (!grow(context, &y->dots, 8 * n, sizeof *y->dots) ||
            !grow(context, &y->dot_pairs, 2 * n, sizeof *y->dot_pairs))
            return HOP_ERROR_MEMORY;
        l->dot_moments = n;
    }
    y->direction = l->direction;
    hop__parallel(context,
                  images < THREADED * HOP__SW_BLOCK ? 1 : (size_t)context->threads,
                  (images + PLACED - 1) / PLACED, place_some, &(placing){l, v});
    return HOP_OK;
}

int hop__sw_blocks_product(hop_potential *potential, const hop_structure *s,
                           const double *v, double *hv) {
    hop_context *context = potential->context;
    hop__sw_blocks *l;
    int status = prepare(potential, s->count, &l);
    if (status == HOP_OK)
        status = place_direction(context, l, v);
    if (status != HOP_OK)
        return status;
    l->system.energies = NULL;
    l->system.forces = hv;
    status = find_moments(context, s->count, run_moments_and_dots, l);
    if (status != HOP_OK)
        return status;
    each_block(context, s->count, run_product, l);
    return HOP_OK;
}
