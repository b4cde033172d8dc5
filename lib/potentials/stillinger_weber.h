/* What the files of the Stillinger-Weber potential share: parameters and one thread's
   workspace. */
#ifndef HOP_POTENTIALS_STILLINGER_WEBER_H
#define HOP_POTENTIALS_STILLINGER_WEBER_H

#include "potentials/parameter_file.h"
#include "potentials/potential.h"
#include "potentials/stillinger_weber_kernels.h"
#include "structure/neighbors.h"

#define HOP__SW_SPECIES HOP__SW_KINDS

/* Of a triplet (centre, j, k). */
typedef struct hop__sw_entry {
    bool known;
    double epsilon, sigma, a, lambda, gamma, cos0, A, B, p, q;
    double reach;   /* beyond it nothing is counted */
    double barrier; /* a sigma, where the exponentials vanish */
} hop__sw_entry;

typedef struct hop__sw_parameters {
    char *name;
    hop__species species;
    double cutoff;
    hop__sw_entry entries[HOP__SW_SPECIES * HOP__SW_SPECIES * HOP__SW_SPECIES];
} hop__sw_parameters;

static inline const hop__sw_entry *hop__sw_entry_of(const hop__sw_parameters *p,
                                                    int32_t i, int32_t j, int32_t k) {
    return &p->entries[(i * HOP__SW_SPECIES + j) * HOP__SW_SPECIES + k];
}

int hop__sw_parse(hop_context *context, const char *name, const char *text, size_t size,
                  void **out);
void hop__sw_free_parameters(hop_context *context, void *opaque);

typedef struct hop__sw_blocks hop__sw_blocks;   /* stillinger_weber_blocks.c */
typedef struct hop__sw_mixture hop__sw_mixture; /* stillinger_weber_elements.c */
typedef struct hop__sw_ahead hop__sw_ahead;     /* stillinger_weber_ahead.c */

typedef struct hop__sw_workspace {
    hop__neighbors *neighbors;
    int32_t *numbers, *species; /* of the last structure, and their indices */
    size_t atoms, capacity;
    size_t changes; /* grows whenever they change */
    bool present[HOP__SW_SPECIES], one_element;
    hop__sw_blocks *blocks; /* each made at first use */
    hop__sw_mixture *mixture;
} hop__sw_workspace;

/* Energy, forces, virial and energies of `s`, whose list and species are in the
   workspace. */
int hop__sw_blocks_evaluate(hop_potential *potential, hop_structure *s);
int hop__sw_blocks_product(hop_potential *potential, const hop_structure *s,
                           const double *v, double *hv);
void hop__sw_blocks_free(hop_context *context, hop__sw_blocks *l);

/* What the kernels know of an entry (i, j, j), and of all entries. */
hop__sw_element hop__sw_element_of(const hop__sw_entry *e);
int hop__sw_mix_of(hop_potential *potential, const hop__sw_mix **out);
void hop__sw_mix_free(hop_context *context, hop__sw_mixture *mixture);

/* Per block the chunks of places that it is the first to touch; NULL for small systems. */
int hop__sw_ahead_of(hop_context *context, const hop__neighbors *list,
                     hop__sw_ahead **out, const int32_t **lines);
void hop__sw_ahead_free(hop_context *context, hop__sw_ahead *ahead);

#endif
