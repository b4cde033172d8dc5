/* The potential handle and what a kind of potential provides. */
#ifndef HOP_POTENTIALS_POTENTIAL_H
#define HOP_POTENTIALS_POTENTIAL_H

#include "base/text.h"
#include "structure/structure.h"

typedef struct hop__potential_kind {
    const char *name;   /* "gupta" */
    const char *ending; /* ".gupta", NULL for external */

    /* Read a parameter file's text into new parameters. */
    int (*parse)(hop_context *context, const char *name, const char *text, size_t size,
                 void **parameters);
    void (*free_parameters)(hop_context *context, void *parameters);

    /* Scratch memory and lists for one thread; grows on use. */
    int (*new_workspace)(hop_context *context, const void *parameters,
                         void **workspace);
    void (*free_workspace)(hop_context *context, void *workspace);

    /* The structure has been checked and its results set to NaN.  Errors are recorded in
       the potential's context. */
    int (*evaluate)(hop_potential *potential, hop_structure *structure);
    int (*hessian_vector)(hop_potential *potential, const hop_structure *structure,
                          const double *v, double *hv);

    int (*scales)(const hop_potential *potential, int32_t number, hop_scales *scales);
    double (*cutoff)(const hop_potential *potential);
} hop__potential_kind;

/* Parameters are immutable and shared by clones. */
typedef struct hop__potential_shared hop__potential_shared;

typedef struct hop__crew hop__crew; /* crew.h */

struct hop_potential {
    hop_context *context;
    const hop__potential_kind *kind;
    hop__potential_shared *shared; /* counts references to `parameters` */
    const void *parameters;
    void *workspace;
    hop__crew *crew; /* NULL before its first use */
    atomic_size_t references;
};

extern const hop__potential_kind hop__gupta_kind, hop__stillinger_weber_kind,
    hop__lennard_jones_kind, hop__external_kind;

/* A handle on new parameters, which it takes over, on failure too. */
int hop__potential_make(hop_context *context, const hop__potential_kind *kind,
                        void *parameters, hop_potential **out);

/* Distance of the closest two atoms, the usual reason for a result that is not finite;
   INFINITY where it is not looked for: one atom, or more than 4096. */
double hop__closest_pair(const hop_structure *structure, size_t pair[2]);

hop_potential *hop__potential_retain(hop_potential *potential);

/* A second handle with the same parameters and a workspace of its own, for a worker's
   context.  External potentials cannot be cloned: HOP_ERROR_UNSUPPORTED. */
int hop__potential_clone(const hop_potential *potential, hop_context *context,
                         hop_potential **out);

/* The natural units of a set of atoms: composition means, and each atom's deviation. */
typedef struct hop__units {
    double length, energy, stiffness; /* angstrom, eV per atom, eV/angstrom^2 */
} hop__units;

/* `potential` may be NULL: covalent radii, 3 eV, 5 energy/length^2.  `lengths` and
   `energies` receive each atom's own scales (count each); either may be NULL. */
int hop__units_of(hop_context *context, const hop_potential *potential, size_t count,
                  const int32_t *numbers, hop__units *units, double *lengths,
                  double *energies);

#endif
