/*
 * hop.h - libhop: learned optimizers for atomic structures
 *
 * libhop finds low-energy arrangements of atoms.  It holds potentials (energy, forces,
 * virial, Hessian-vector products), optimizers (from gradient descent to basin hopping
 * and a learned LSTM optimizer), the meta-training that makes learned optimizers, and
 * one structure type that all of them share.
 *
 * The whole library in one loop:
 *
 *     hop_context *ctx;  hop_potential *pot;  hop_structure *s;  hop_optimizer *opt;
 *     hop_context_new(NULL, &ctx);
 *     hop_potential_builtin(ctx, "AgAu.gupta", &pot);
 *     hop_structure_random(ctx, "Ag19Au19", pot, 1, &s);
 *     hop_optimizer_new(ctx, "lbfgs", s, pot, &opt);
 *     int rc;
 *     while ((rc = hop_optimizer_ask(opt, s)) == HOP_OK) {
 *         hop_potential_evaluate(pot, s);
 *         hop_optimizer_tell(opt, s);
 *     }
 *
 * Conventions, everywhere:
 *
 *   Units        angstrom, eV, eV/angstrom; Lennard-Jones files may say reduced units
 *                (UNITS: lj), then lengths are in sigma and energies in epsilon.
 *   Arrays       atom-major: positions x[3*n] as x0 y0 z0 x1 y1 z1 ...; a cell is nine
 *                numbers whose rows are the lattice vectors; Voigt order is
 *                xx yy zz yz xz xy.
 *   Signs        forces are -dE/dx; stress is tensile-positive, -virial/volume.
 *   Returns      int: 0 is HOP_OK, negative an error, positive a named outcome.
 *                After an error hop_error_message() says where, what was expected and
 *                what was found.
 *   Ownership    hop_X_new() and its kin set *out to NULL on failure; what they make is
 *                given back with hop_X_free(), which accepts NULL, never fails, and may
 *                be called in any order.  Nothing else is ever freed by the caller.
 *                `const` structures are only read, and only during the call.
 *   Threads      different contexts may be used from different threads at once.  One
 *                context and all that was made from it belong to one thread at a time.
 *                hop_cancel() may be called from anywhere, signal handlers included.
 *   Manners      the library prints nothing, never ends the process, reads no
 *                environment, and changes no setting of the host.
 */
#ifndef HOP_H
#define HOP_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define HOP_API __attribute__((visibility("default")))
#else
#define HOP_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------------
 * Version
 * --------------------------------------------------------------------------------- */

#define HOP_VERSION_MAJOR 0
#define HOP_VERSION_MINOR 1
#define HOP_VERSION_PATCH 0
/** 10000 * major + 100 * minor + patch of the header. */
#define HOP_VERSION                                                                    \
    (10000 * HOP_VERSION_MAJOR + 100 * HOP_VERSION_MINOR + HOP_VERSION_PATCH)

/** HOP_VERSION of the library that is linked; compare it with the header's. */
HOP_API int32_t hop_version(void);

/* ------------------------------------------------------------------------------------
 * Status
 * --------------------------------------------------------------------------------- */

/**
 * Every status, as X(name, value, text).  The values are frozen: errors are negative,
 * outcomes positive.  The enum below, hop_status_name() and hop_status_text() are made
 * from this one list, and bindings can be too.
 */
#define HOP_STATUS_LIST(X)                                                             \
    X(OK, 0, "success")                                                                \
    X(ERROR_ARGUMENT, -1, "invalid argument")                                          \
    X(ERROR_MEMORY, -2, "out of memory")                                               \
    X(ERROR_IO, -3, "file could not be read or written")                               \
    X(ERROR_FORMAT, -4, "file is not in the expected format")                          \
    X(ERROR_CORRUPT, -5, "file is damaged")                                            \
    X(ERROR_VERSION, -6, "made by an incompatible version")                            \
    X(ERROR_RANGE, -7, "size limit exceeded")                                          \
    X(ERROR_UNSUPPORTED, -8, "not supported")                                          \
    X(ERROR_PROVIDER, -9, "energy provider failed")                                    \
    X(ERROR_NONFINITE, -10, "energy or forces are not finite")                         \
    X(ERROR_STATE, -11, "call not allowed in this state")                              \
    X(CONVERGED, 1, "converged")                                                       \
    X(MAX_STEPS, 2, "step limit reached")                                              \
    X(MAX_EVALUATIONS, 3, "evaluation limit reached")                                  \
    X(MAX_TIME, 4, "time limit reached")                                               \
    X(STOPPED, 5, "stopped on request")                                                \
    X(STALLED, 6, "no further progress possible")                                      \
    X(TARGET, 7, "target energy reached")                                              \
    X(END, 8, "no more data")

enum hop_status {
#define HOP_STATUS_ENTRY(name, value, text) HOP_##name = (value),
    HOP_STATUS_LIST(HOP_STATUS_ENTRY)
#undef HOP_STATUS_ENTRY
};

/** The constant's name, such as "HOP_ERROR_IO"; "HOP_UNKNOWN" for other numbers. */
HOP_API const char *hop_status_name(int status);

/** A short English text for a status; static storage. */
HOP_API const char *hop_status_text(int status);

/* ------------------------------------------------------------------------------------
 * Context
 * --------------------------------------------------------------------------------- */

/** Owns the allocator, the log, the thread count, the cancel flag and the last error. */
typedef struct hop_context hop_context;
/** Atoms: numbers, positions, cell, periodicity, fixed mask, energy, forces, virial. */
typedef struct hop_structure hop_structure;
/** An energy function. */
typedef struct hop_potential hop_potential;
/** A state machine that is told energies and forces and asked for positions. */
typedef struct hop_optimizer hop_optimizer;
/** The weights and the card of a learned optimizer. */
typedef struct hop_model hop_model;
/** Meta-training: makes models. */
typedef struct hop_trainer hop_trainer;
/** Frames of one system in a file. */
typedef struct hop_trajectory hop_trajectory;
/** The lowest distinct minima that were found. */
typedef struct hop_archive hop_archive;

/**
 * Where libhop gets its memory.  Both functions receive `user`; `allocate` returns NULL
 * on failure, and libhop then returns HOP_ERROR_MEMORY.  They must be safe to call from
 * several threads when the context's thread count is above one.
 */
typedef struct hop_allocator {
    size_t size; /**< sizeof(hop_allocator) */
    void *(*allocate)(void *user, size_t bytes);
    void (*release)(void *user, void *pointer);
    void *user;
} hop_allocator;

/**
 * Make a context; almost every other call needs one.
 *
 * @param allocator  copied; NULL means malloc and free
 * @param out        receives the context, NULL on failure
 * @retval HOP_ERROR_MEMORY, HOP_ERROR_ARGUMENT (out is NULL, a function is missing)
 */
HOP_API int hop_context_new(const hop_allocator *allocator, hop_context **out);

/** Give a context back.  Objects made from it stay usable and keep it alive. */
HOP_API void hop_context_free(hop_context *context);

/**
 * What went wrong in the last call that returned an error: where, what was expected and
 * what was found, such as "AgAu.gupta:7: expected 5 or 7 numbers after 'Ag Au', got 4".
 * Never NULL; valid until the next failing call.
 */
HOP_API const char *hop_error_message(const hop_context *context);

/** Receives one line of text, without newline, about something worth knowing. */
typedef void (*hop_log_function)(void *user, const char *message);

/** Send log lines to `function`; NULL, the default, is silence. */
HOP_API void hop_context_set_log(hop_context *context, hop_log_function function,
                                 void *user);

/**
 * Threads that evaluations of large systems, batches and training may use, 1 to 1024;
 * default 1.  Results do not depend on it.  The threads are started when first needed,
 * block all signals, and end with the context; where the host has none to give, fewer do
 * the work.
 *
 * @retval HOP_ERROR_ARGUMENT  another number
 */
HOP_API int hop_context_set_threads(hop_context *context, int32_t threads);

/**
 * Ask everything that runs in this context to stop soon with HOP_STOPPED; the best point
 * so far stays readable.  Async-signal-safe.  The request stays until it is withdrawn.
 */
HOP_API void hop_cancel(hop_context *context);

/** Withdraw hop_cancel(). */
HOP_API void hop_cancel_clear(hop_context *context);

/* ------------------------------------------------------------------------------------
 * Structures
 * --------------------------------------------------------------------------------- */

/**
 * Make a structure of `count` atoms: positions zero, no cell, not periodic, nothing
 * fixed, energy and forces NaN.
 *
 * @param count    number of atoms, 1 to 100 million
 * @param numbers  count atomic numbers, 0 (element X, unnamed particle) to 118; copied
 * @retval HOP_ERROR_ARGUMENT, HOP_ERROR_RANGE, HOP_ERROR_MEMORY
 */
HOP_API int hop_structure_new(hop_context *context, size_t count,
                              const int32_t *numbers, hop_structure **out);

/** Host arrays for hop_structure_wrap(); a NULL array is replaced by libhop's own. */
typedef struct hop_structure_arrays {
    size_t size;       /**< sizeof(hop_structure_arrays) */
    size_t count;      /**< number of atoms n */
    int32_t *numbers;  /**< n atomic numbers; required */
    double *positions; /**< 3*n; required */
    double *cell;      /**< 9, rows are lattice vectors */
    int32_t *periodic; /**< 3, 0 or 1 */
    int32_t *fixed;    /**< n, 1 = never moved */
    double *energy;    /**< 1 */
    double *forces;    /**< 3*n */
    double *virial;    /**< 6, Voigt */
    double *energies;  /**< n, per-atom energies */
} hop_structure_arrays;

/**
 * Make a structure that lives in the host's arrays: nothing is copied, both sides see
 * every change.  The arrays must outlive the structure; hop_structure_free() leaves them
 * alone.
 *
 * @retval HOP_ERROR_ARGUMENT (a required array or an atomic number), HOP_ERROR_RANGE,
 *         HOP_ERROR_MEMORY
 */
HOP_API int hop_structure_wrap(hop_context *context, const hop_structure_arrays *arrays,
                               hop_structure **out);

/**
 * Make an independent copy with arrays of its own.
 *
 * @retval HOP_ERROR_MEMORY
 */
HOP_API int hop_structure_copy(const hop_structure *structure, hop_structure **out);

/** Give a structure back; one that was made by hop_structure_wrap() leaves the arrays. */
HOP_API void hop_structure_free(hop_structure *structure);

/**
 * Make a compact random cluster, the usual start of a global search: atoms uniform in a
 * sphere of about the cluster's own volume, in random order of species, none closer than
 * 0.7 of its nearest-neighbour distance.
 *
 * @param formula    such as "Ag19Au19", "Si20" or "X38"
 * @param potential  says how far atoms are apart; NULL takes covalent radii
 * @param seed       same formula, potential and seed: same bits
 * @retval HOP_ERROR_ARGUMENT  malformed formula, unknown element, element not in potential
 */
HOP_API int hop_structure_random(hop_context *context, const char *formula,
                                 const hop_potential *potential, uint64_t seed,
                                 hop_structure **out);

/**
 * Give the atoms random positions, the usual start of a search in a cell: uniform in the
 * cell of a periodic structure, none nearer to another or its images than 0.7 of the
 * nearest-neighbour distance (less where the cell is crowded); without periodic directions
 * a compact cluster.  Energy, forces and virial are forgotten.
 *
 * @param potential  says how far atoms are apart; NULL takes covalent radii
 * @param seed       same structure, potential and seed: same bits
 * @retval HOP_ERROR_ARGUMENT  fixed atoms, a singular cell, an element not in potential
 */
HOP_API int hop_structure_scatter(hop_structure *structure,
                                  const hop_potential *potential, uint64_t seed);

/** Number of atoms. */
HOP_API size_t hop_structure_count(const hop_structure *structure);

/*
 * Zero-copy views: pointers into the structure, valid until it is freed.  Write to them
 * freely; hop_potential_evaluate() checks what it reads.
 */
HOP_API int32_t *hop_structure_numbers(hop_structure *structure);  /**< n */
HOP_API double *hop_structure_positions(hop_structure *structure); /**< 3*n, angstrom */
HOP_API double *hop_structure_cell(hop_structure *structure);      /**< 9, angstrom */
HOP_API int32_t *hop_structure_periodic(hop_structure *structure); /**< 3, 0 or 1 */
HOP_API int32_t *hop_structure_fixed(hop_structure *structure);    /**< n, 0 or 1 */
HOP_API double *hop_structure_energy(hop_structure *structure);    /**< 1, eV */
HOP_API double *hop_structure_forces(hop_structure *structure); /**< 3*n, eV/angstrom */
HOP_API double *hop_structure_virial(hop_structure *structure); /**< 6 Voigt, eV */
HOP_API double *hop_structure_energies(hop_structure *structure); /**< n, eV */

/**
 * Stress -virial/volume in eV/angstrom^3, Voigt, tensile-positive.
 *
 * @param stress  receives 6 numbers
 * @retval HOP_ERROR_STATE  the structure is not periodic in all three directions, or has
 *                          not been evaluated
 */
HOP_API int hop_structure_stress(const hop_structure *structure, double *stress);

/** How well one structure lies on another. */
typedef struct hop_match {
    size_t size;    /**< sizeof(hop_match), set by the caller */
    double largest; /**< largest distance of two atoms that are laid on each other,
                         angstrom; infinite when no way was found to do so */
    double rms;     /**< root mean square of these distances */
    /** b lies near rotation * a + shift; rows of the matrix */
    double rotation[9];
    double shift[3];
    int32_t same;     /**< 1 when `largest` is within the tolerance */
    int32_t mirrored; /**< 1 when `rotation` turns left into right */
} hop_match;

/**
 * Are two structures the same up to where they are and which of equal atoms is which?
 *
 * Clusters are moved, turned and mirrored: a structure and its mirror image, whose energies
 * are equal, are the same.  Of periodic structures the cells must be the same; they are
 * moved only, in all directions, and neither turned nor mirrored.  Fixed masks and energies
 * are not looked at.
 *
 * The distances are those after the least-squares superposition; every way of laying `a` on
 * `b` within the tolerance is found when it is well below the distance of neighbours (a
 * tenth of it).  Of 38 atoms it takes some tens of microseconds.
 *
 * @param tolerance    largest distance for which they are the same, angstrom
 * @param permutation  receives n indices: which atom of `b` each atom of `a` is; untouched
 *                     when match->largest is infinite; may be NULL
 * @retval HOP_ERROR_ARGUMENT   periodic with different cells, or a tolerance above a
 *                              quarter of the cell's height; an unknown size
 * @retval HOP_ERROR_NONFINITE  a position is not finite
 * @retval HOP_ERROR_MEMORY
 */
HOP_API int hop_structure_match(const hop_structure *a, const hop_structure *b,
                                double tolerance, int64_t *permutation,
                                hop_match *match);

/** Chemical symbol of an atomic number ("X" for 0), NULL when out of range. */
HOP_API const char *hop_element_symbol(int32_t number);

/** Standard atomic mass in u (IUPAC; mass number of the longest-lived isotope where there
 *  is no stable one); 1 for element X, NaN when out of range. */
HOP_API double hop_element_mass(int32_t number);

/** Atomic number of a symbol such as "Ag", -1 when unknown. */
HOP_API int32_t hop_element_number(const char *symbol);

/**
 * Read one frame of an extended XYZ file (plain XYZ is accepted).  Energy, forces,
 * virial or stress that stand in the file are read too.
 *
 * Files named POSCAR* or CONTCAR*, or ending in .poscar or .vasp, are read as VASP's, those
 * ending in .data or .lmp as LAMMPS data (atom_style atomic), one frame each; other names
 * say nothing, and the first lines decide.  docs/formats.md has the details.
 *
 * @param path   file name
 * @param frame  0 is the first frame; negative counts from the end, -1 is the last
 * @retval HOP_END           the file holds fewer frames; *out is NULL
 * @retval HOP_ERROR_IO, HOP_ERROR_FORMAT ("file:line: expected ..., got ...")
 */
HOP_API int hop_structure_read(hop_context *context, const char *path, int64_t frame,
                               hop_structure **out);

/**
 * Write extended XYZ with 17 significant digits, through a temporary file that replaces
 * `path` only when complete; POSCAR or LAMMPS data when `path` is named like one, as
 * hop_structure_read() says, for one structure.  POSCAR puts atoms of one element together;
 * LAMMPS data turns the cell until its first vector lies along x and its second in the xy
 * plane.
 *
 * @param structures  `count` structures, one frame each
 * @retval HOP_ERROR_NONFINITE  a position or the cell is not finite: what could not be
 *                              read again is not written
 * @retval HOP_ERROR_IO, HOP_ERROR_ARGUMENT, HOP_ERROR_MEMORY
 */
HOP_API int hop_structure_write(const hop_structure *const *structures, size_t count,
                                const char *path);

/**
 * One extended XYZ frame as text, for streams and bindings.  Works like snprintf: writes
 * at most `capacity` bytes including the final NUL and always sets *length to the
 * length of the whole text without it.
 *
 * @retval HOP_ERROR_NONFINITE, HOP_ERROR_ARGUMENT, HOP_ERROR_MEMORY
 */
HOP_API int hop_structure_format(const hop_structure *structure, char *buffer,
                                 size_t capacity, size_t *length);

/* ------------------------------------------------------------------------------------
 * Trajectories
 * --------------------------------------------------------------------------------- */

/**
 * Begin a trajectory: frames of one system in a file, which is replaced.  By its ending
 * it is H5MD (.h5md, .h5, .hdf5; docs/formats.md) or extended XYZ (.xyz, .extxyz).
 *
 * What is left when the process is killed: an extended XYZ file has every frame whose
 * hop_trajectory_append() returned; a frame that was cut off is left out when it is read.
 * An H5MD file is complete at any moment, also while others read it: frames are collected
 * in memory, and the file is replaced by a longer one when ten seconds have passed (for
 * large files: fifty times as long as it takes) or much has been collected, and by
 * hop_trajectory_flush().  Frames since then are lost; nothing else is.
 *
 * @param like  the system: atoms, periodicity, fixed mask, and whether there is a cell;
 *              only read during the call, and not itself a frame
 * @retval HOP_ERROR_UNSUPPORTED  another ending
 * @retval HOP_ERROR_ARGUMENT, HOP_ERROR_NONFINITE (of `like`), HOP_ERROR_IO,
 *         HOP_ERROR_MEMORY
 */
HOP_API int hop_trajectory_create(hop_context *context, const char *path,
                                  const hop_structure *like, hop_trajectory **out);

/**
 * Open a trajectory to read it, and to append to it when libhop made it.  H5MD files of
 * other programs are read too: positions, species, box, and force and potential_energy
 * where they are, in units that are known.
 *
 * @retval HOP_ERROR_IO, HOP_ERROR_MEMORY
 * @retval HOP_ERROR_FORMAT       not a trajectory, or frames of different systems
 * @retval HOP_ERROR_UNSUPPORTED  H5MD in units that are not known
 */
HOP_API int hop_trajectory_open(hop_context *context, const char *path,
                                hop_trajectory **out);

/**
 * Add a frame: positions, cell, and what is known of energy, forces and virial (per-atom
 * energies in extended XYZ only).
 *
 * @param step       above that of the frame before, such as the number of evaluations
 * @param structure  same atoms, periodicity and fixed mask as the first
 * @retval HOP_ERROR_ARGUMENT     another system, or a step that is not above the last
 * @retval HOP_ERROR_NONFINITE    a position is not finite
 * @retval HOP_ERROR_UNSUPPORTED  a file of another program
 * @retval HOP_ERROR_IO, HOP_ERROR_MEMORY  the file is as before; in H5MD the frame is kept
 *                                in memory and written when that succeeds, up to 128 MB:
 *                                hop_trajectory_step() tells
 */
HOP_API int hop_trajectory_append(hop_trajectory *trajectory, int64_t step,
                                  const hop_structure *structure);

/**
 * Write what is still in memory.
 *
 * @retval HOP_ERROR_IO, HOP_ERROR_MEMORY  it is still in memory
 */
HOP_API int hop_trajectory_flush(hop_trajectory *trajectory);

/** Number of frames. */
HOP_API int64_t hop_trajectory_count(const hop_trajectory *trajectory);

/** Step of the last frame, INT64_MIN without one. */
HOP_API int64_t hop_trajectory_step(const hop_trajectory *trajectory);

/**
 * Read a frame.  Positions, energy and virial come back to the bit; forces of H5MD within
 * their last bit, as they stand there in kJ/mol/angstrom.
 *
 * @param frame  0 is the first; negative counts from the end
 * @param step   receives its step; may be NULL
 * @retval HOP_END  there are fewer frames; *out is NULL
 * @retval HOP_ERROR_IO, HOP_ERROR_FORMAT, HOP_ERROR_CORRUPT (changed by others),
 *         HOP_ERROR_MEMORY
 */
HOP_API int hop_trajectory_read(hop_trajectory *trajectory, int64_t frame,
                                int64_t *step, hop_structure **out);

/** Give a trajectory back; what is in memory is written, if that succeeds:
 *  hop_trajectory_flush() tells. */
HOP_API void hop_trajectory_free(hop_trajectory *trajectory);

/* ------------------------------------------------------------------------------------
 * Potentials
 * --------------------------------------------------------------------------------- */

/**
 * Load a parameter file; the kind follows from the file name's ending: .gupta (columns
 * of LAMMPS' smatb), .sw (LAMMPS' Stillinger-Weber files as they are), .lj.
 * docs/formats.md describes them.
 *
 * @retval HOP_ERROR_IO, HOP_ERROR_FORMAT, HOP_ERROR_UNSUPPORTED (unknown ending)
 */
HOP_API int hop_potential_load(hop_context *context, const char *path,
                               hop_potential **out);

/**
 * Load a parameter file that is compiled into the library, such as "AgAu.gupta".
 *
 * @retval HOP_ERROR_ARGUMENT  there is none of that name, ending included
 */
HOP_API int hop_potential_builtin(hop_context *context, const char *name,
                                  hop_potential **out);

/** Name of the built-in potential number `index`, NULL past the end. */
HOP_API const char *hop_potential_builtin_name(size_t index);

/**
 * Anybody's forces as a potential.  Every function gets `user`.
 *
 * `evaluate` reads n, numbers, positions, cell and periodicity from the structure
 * and writes its energy and forces, and virial and per-atom energies if it knows them.
 * It returns 0, a positive number when these positions cannot be evaluated but nearer
 * ones may (the optimizer shortens its step), or a negative number to end the run.
 * libhop fills the results with NaN before the call and checks them afterwards.
 */
typedef struct hop_provider {
    size_t size; /**< sizeof(hop_provider) */
    int (*evaluate)(void *user, hop_structure *structure);
    /** hv = H v (3*n each), H the second derivatives of the energy; NULL: libhop takes
     *  central differences of the forces */
    int (*hessian_vector)(void *user, const hop_structure *structure, const double *v,
                          double *hv);
    void (*free)(void *user); /**< called once when the potential goes; may be NULL */
    void *user;
    double length; /**< typical nearest-neighbour distance, 0 = from the elements */
    double energy; /**< typical binding energy per atom, 0 = 3 eV */
    double
        stiffness; /**< typical bond stiffness, eV/angstrom^2, 0 = 5 energy/length^2 */
} hop_provider;

/**
 * Make a potential from a provider, whose struct is copied.
 *
 * @retval HOP_ERROR_ARGUMENT  no `evaluate`, or an unknown size
 * @retval HOP_ERROR_MEMORY
 */
HOP_API int hop_potential_external(hop_context *context, const hop_provider *provider,
                                   hop_potential **out);

/** Give a potential back; optimizers that use it keep it alive. */
HOP_API void hop_potential_free(hop_potential *potential);

/**
 * Energy, forces, virial and per-atom energies at the structure's positions, written
 * into the structure.
 *
 * Steady state allocates nothing.  On failure all results are NaN.
 *
 * @retval HOP_ERROR_ARGUMENT   an element or pair the potential does not know, singular
 *                              cell, periodic structure without a cut-off
 * @retval HOP_ERROR_NONFINITE  positions not finite, coincident atoms, provider's result
 *                              not finite or "cannot evaluate here"
 * @retval HOP_ERROR_PROVIDER   the provider returned a negative number
 */
HOP_API int hop_potential_evaluate(hop_potential *potential, hop_structure *structure);

/**
 * Evaluate many structures, each as by hop_potential_evaluate(): shared out over the
 * context's threads, or, when the potential is external, one after the other.  Each is
 * evaluated whatever becomes of the others, to the same bits for any number of threads.
 *
 * @param structures  `count` structures, all different, with arrays of their own
 * @param status      receives `count` statuses, what hop_potential_evaluate() would have
 *                    returned; may be NULL
 * @return the first error in the order of the structures; the message begins with its
 *         structure's number
 * @retval HOP_STOPPED         cancelled; the structures left over have this status, and
 *                             energy NaN
 * @retval HOP_ERROR_ARGUMENT  also: a NULL structure, or one that stands there twice;
 *                             then nothing is evaluated
 */
HOP_API int hop_potential_evaluate_many(hop_potential *potential,
                                        hop_structure *const *structures, size_t count,
                                        int32_t *status);

/**
 * Hessian-vector product hv = H v with H = d2E/dx2 at the structure's positions and its
 * cell held fixed; analytic for the built-in kinds.
 *
 * @param v   3*n numbers
 * @param hv  receives 3*n numbers; may not overlap v
 * @retval as hop_potential_evaluate(); HOP_ERROR_ARGUMENT also when v is not finite
 */
HOP_API int hop_potential_hessian_vector(hop_potential *potential,
                                         const hop_structure *structure,
                                         const double *v, double *hv);

/** What hop_potential_normal_modes() counted. */
typedef struct hop_normal_modes {
    size_t size;      /**< sizeof(hop_normal_modes), set by the caller */
    size_t count;     /**< modes: three for each atom that is not fixed */
    size_t negative;  /**< with an imaginary frequency: 0 at a minimum, 1 at a saddle */
    size_t zero;      /**< motions without resistance: see below */
    double tolerance; /**< a |frequency| up to this counts as zero, 1/cm */
} hop_normal_modes;

/**
 * Normal modes of small vibrations about the structure's positions, its cell held fixed:
 * eigenvalues and eigenvectors of the Hessian, weighted with the standard atomic masses
 * (hop_element_mass()).  Fixed atoms stay where they are and have no modes.  No negative
 * mode proves a minimum.
 *
 * @param frequencies  receives three numbers for each atom that is not fixed, 1/cm, rising;
 *                     an imaginary frequency is written as a negative number.  Where a
 *                     file of Lennard-Jones says reduced units, division by 521.47089837
 *                     gives the angular frequency in sqrt(epsilon/m)/sigma
 * @param vectors      receives an eigenvector of 3*n numbers for each frequency, one after
 *                     the other, orthonormal; atom i moves along its part of one divided
 *                     by sqrt(mass of i).  May be NULL, which is faster
 * @param modes        receives the counts; may be NULL
 *
 * A mode is zero when its eigenvalue is below 1e-6 of the largest, or within what forces
 * that are left make of the rigid motions: 6 modes at the minimum of a free cluster, 5 when
 * it is linear, 3 in a periodic cell.  Relax to 1e-4 eV/angstrom or better.
 *
 * The Hessian is made of 3*n products (hop_potential_hessian_vector), shared out over the
 * context's threads, and LAPACK's dsyevd solves the rest; the memory of three such
 * matrices is allocated and given back.
 *
 * @retval HOP_ERROR_ARGUMENT   all atoms are fixed; also as hop_potential_evaluate()
 * @retval HOP_ERROR_RANGE      more than 10922 free atoms
 * @retval HOP_ERROR_NONFINITE, HOP_ERROR_PROVIDER  as hop_potential_evaluate()
 * @retval HOP_STOPPED          cancelled
 */
HOP_API int hop_potential_normal_modes(hop_potential *potential,
                                       const hop_structure *structure,
                                       double *frequencies, double *vectors,
                                       hop_normal_modes *modes);

/** What makes steps dimensionless: the natural units of one element in a potential. */
typedef struct hop_scales {
    size_t size;      /**< sizeof(hop_scales) */
    double length;    /**< nearest-neighbour distance, angstrom */
    double energy;    /**< binding energy per atom, eV */
    double stiffness; /**< bond stiffness, eV/angstrom^2 */
} hop_scales;

/** Scales of element `number`; HOP_ERROR_ARGUMENT when the potential lacks it. */
HOP_API int hop_potential_scales(const hop_potential *potential, int32_t number,
                                 hop_scales *scales);

/** Largest interaction distance in angstrom; infinite without a cut-off, NaN unknown. */
HOP_API double hop_potential_cutoff(const hop_potential *potential);

/** "gupta", "stillinger-weber", "lennard-jones" or "external". */
HOP_API const char *hop_potential_kind(const hop_potential *potential);

/* ------------------------------------------------------------------------------------
 * Options
 * --------------------------------------------------------------------------------- */

enum hop_option_type {
    HOP_OPTION_REAL = 0,
    HOP_OPTION_INTEGER = 1,
    HOP_OPTION_FLAG = 2
};

/** One option as the library knows it; programs, manuals and bindings read this table. */
typedef struct hop_option {
    size_t size;      /**< sizeof(hop_option), set by the caller */
    const char *name; /**< such as "fmax"; static storage, as are unit and doc */
    const char *unit; /**< "" when dimensionless */
    int32_t type;     /**< enum hop_option_type; every value is passed as a double */
    double minimum;
    double maximum;
    double initial; /**< the default */
    const char *doc;
} hop_option;

/**
 * Describe option number `index` of `kind`: an optimizer's kind or a training method.
 *
 * @retval HOP_END             past the last option
 * @retval HOP_ERROR_ARGUMENT  unknown kind
 */
HOP_API int hop_option_describe(const char *kind, size_t index, hop_option *out);

/* ------------------------------------------------------------------------------------
 * Models
 * --------------------------------------------------------------------------------- */

/**
 * Make an untrained model.  It is zero-initialised around a good hand-made step, so the
 * learned optimizer with it is that hand-made optimizer.
 *
 * @retval HOP_ERROR_MEMORY
 */
HOP_API int hop_model_new(hop_context *context, hop_model **out);

/**
 * Load a model (HDF5 behind a text header with a digest, docs/formats.md).
 *
 * @retval HOP_ERROR_FORMAT   not a model file, or tensors of another shape
 * @retval HOP_ERROR_CORRUPT  truncated or altered
 */
HOP_API int hop_model_load(hop_context *context, const char *path, hop_model **out);

/**
 * Write a model; `path` is replaced only by a complete file.
 *
 * @retval HOP_ERROR_IO, HOP_ERROR_MEMORY
 */
HOP_API int hop_model_save(const hop_model *model, const char *path);

/** Give a model back; optimizers that use it keep it alive. */
HOP_API void hop_model_free(hop_model *model);

/** The weights of the networks, in place; *count receives their number. */
HOP_API double *hop_model_parameters(hop_model *model, size_t *count);

/** The model's card: what it was trained on, command, seed, time.  Never NULL. */
HOP_API const char *hop_model_note(const hop_model *model);

/**
 * Replace the card; copied.
 *
 * @retval HOP_ERROR_MEMORY  the old card stays
 */
HOP_API int hop_model_set_note(hop_model *model, const char *note);

/**
 * Let searches with this model begin from the shape of a cluster: where its atoms are,
 * without elements and scale.  `hop_trainer` gathers shapes by its method "recall"; this
 * adds one from elsewhere, a database for example.  A model holds 160; a new one takes the
 * place of the least valuable, if that is worth less, or adds its value to one like it.
 * Searches that have begun see the change at once, so add before they do.
 *
 * @param structure  3 to 80 atoms, not periodic; copied
 * @param value      above 0, at most 1e6: how much it is worth, 1 being a shape that was the
 *                   lowest of one system that the model was trained on
 * @retval HOP_ERROR_UNSUPPORTED  another number of atoms, or periodic
 * @retval HOP_ERROR_NONFINITE    a position is not finite, atoms coincide, or they are far
 *                                from each other
 * @retval HOP_ERROR_RANGE        of value
 */
HOP_API int hop_model_add_shape(hop_model *model, const hop_structure *structure,
                                double value);

/* ------------------------------------------------------------------------------------
 * Optimizers
 * --------------------------------------------------------------------------------- */

/**
 * Make an optimizer.
 *
 * Local kinds; with the option `quenches` above 1 or 0 they restart from new random
 * structures:
 *
 *   "lbfgs"               L-BFGS (Nocedal 1980) without a line search, as in GMIN; the
 *                         fewest evaluations
 *   "conjugate-gradient"  Polak-Ribiere+, with a line search that mostly takes its first
 *                         point
 *   "fire"                FIRE (Bitzek et al., Phys. Rev. Lett. 97, 170201 (2006)), the
 *                         rules and their order as in ASE's FIRE, and its defaults but
 *                         for the time steps (in natural units: ASE's first one for
 *                         Lennard-Jones atoms, which is also the longest; dt_max = 7.5
 *                         for ASE's longest) and the cap (on the largest move of an atom
 *                         in place of the norm of all)
 *   "fire2"               FIRE 2.0 (Guenole et al., Comput. Mater. Sci. 175, 109584
 *                         (2020)) as in ASE's FIRE2 and, with other defaults, LAMMPS'
 *                         fire with the Euler integrator; `abc` = 1: ABC-FIRE (Echeverri
 *                         Restrepo and Andric, Comput. Mater. Sci. 218, 111978 (2023))
 *                         as in ASE's FIRE2, but velocities are limited atom by atom
 *   "smooth-fire"         FIRE with friction that depends smoothly on the angle of force
 *                         and velocity, and a fixed time step
 *   "adam"                Adam (Kingma and Ba 2015), one second moment for each atom
 *   "gradient-descent"    steps in proportion to the force
 *
 * Global kinds: "basin-hopping", "learned" and "learned-continuous".
 *
 * A descent is converged when the largest force on a free atom is below the option `fmax`
 * and, where these are set, the root mean square of all 3*n force components is below
 * `rms` and the energy changed by less than `energy_change` in the last step.
 *
 * With the option `cell` = 1 the lattice vectors of the periodic directions relax with the
 * atoms, with 2 the volume alone at a fixed shape: ask writes positions and cell, tell reads
 * forces and virial.  Lowered is the enthalpy, energy + `pressure` * volume (eV/angstrom^3,
 * of structures periodic in all directions; 1 GPa is 0.00624150907), which is also what
 * `target` and the progress mean by energy; the structure's own energy stays without.  A
 * descent is then converged when also the largest principal value of stress + pressure is
 * below `smax`; a slab's or wire's stress is taken over r0^3 for each atom.  The cell is
 * deformed by exp(S) with S symmetric, which does not turn it; fixed atoms keep their
 * fractional coordinates.  The network's descent of "learned" (`descend` = 1) moves atoms
 * only; the hops of the global kinds are made in the cell of the accepted minimum.
 *
 * @param start      where to begin; its positions, cell, periodicity and fixed mask are
 *                   copied
 * @param potential  gives the natural units, and the energies for hop_optimizer_run();
 *                   kept alive by the optimizer.  NULL when the forces are the host's:
 *                   units then come from covalent radii
 * @retval HOP_ERROR_ARGUMENT  unknown kind, positions not finite, element not known
 */
HOP_API int hop_optimizer_new(hop_context *context, const char *kind,
                              const hop_structure *start, hop_potential *potential,
                              hop_optimizer **out);

/** Give an optimizer back, whatever its state. */
HOP_API void hop_optimizer_free(hop_optimizer *optimizer);

/** Name of kind number `index`, NULL past the end. */
HOP_API const char *hop_optimizer_kind(size_t index);

/**
 * Set an option by name, such as hop_optimizer_set(opt, "fmax", 0.01).
 *
 * @retval HOP_ERROR_ARGUMENT  unknown name (the message lists the known ones), or a value
 *                             out of range (the message gives the range)
 * @retval HOP_ERROR_STATE     the run has begun and the option cannot change any more;
 *                             only limits (max_*, target) can
 */
HOP_API int hop_optimizer_set(hop_optimizer *optimizer, const char *name, double value);

/**
 * Read an option by name.
 *
 * @retval HOP_ERROR_ARGUMENT  unknown name
 */
HOP_API int hop_optimizer_get(const hop_optimizer *optimizer, const char *name,
                              double *value);

/**
 * Give "learned" or "learned-continuous" its weights, before the first ask; kept alive.
 *
 * @retval HOP_ERROR_ARGUMENT  another kind of optimizer
 * @retval HOP_ERROR_STATE     the run has begun
 */
HOP_API int hop_optimizer_set_model(hop_optimizer *optimizer, hop_model *model);

/**
 * Ask for the next positions to evaluate; they are written into `structure`.  Asking
 * again before telling gives the same positions.
 *
 * @param structure  same atoms as the start; its cell is written where the cell relaxes
 * @retval HOP_OK              evaluate, then tell
 * @retval HOP_CONVERGED, HOP_MAX_STEPS, HOP_MAX_EVALUATIONS, HOP_MAX_TIME, HOP_STOPPED,
 *         HOP_STALLED, HOP_TARGET
 *                             finished; the structure now holds the best point with its
 *                             energy and forces
 * @retval HOP_ERROR_NONFINITE eight evaluations in a row were refused, or the first one
 * @retval HOP_ERROR_ARGUMENT  other atoms than the start's; a cell that cannot relax (not
 *                             periodic, no volume), a pressure where there is no volume
 * @retval HOP_ERROR_UNSUPPORTED  `cell` for the learned descent, its volume alone for slabs
 * @retval HOP_ERROR_MEMORY    at the first ask
 */
HOP_API int hop_optimizer_ask(hop_optimizer *optimizer, hop_structure *structure);

/**
 * Tell the energy and forces at the positions that were asked for, in eV and eV/angstrom.
 * An energy that is not finite means "cannot evaluate here": the step is halved and the
 * next question is nearer.  Every tell is one evaluation, charged against the limit.
 *
 * @retval HOP_ERROR_STATE  nothing was asked
 * @retval HOP_ERROR_ARGUMENT  other atoms than the start's; where the cell relaxes, a virial
 *                             that is not finite; the question stands, tell again
 */
HOP_API int hop_optimizer_tell(hop_optimizer *optimizer,
                               const hop_structure *structure);

/**
 * The host could not go just where it was asked to - a constraint moved the atoms on the
 * way - and says where they are: the question becomes the structure's positions.  Call it
 * between ask and tell.  Fixed atoms stay where they were.
 *
 * @retval HOP_ERROR_STATE     nothing was asked
 * @retval HOP_ERROR_ARGUMENT  other atoms, or positions that are not finite
 */
HOP_API int hop_optimizer_adjust(hop_optimizer *optimizer,
                                 const hop_structure *structure);

/** Where a run stands. */
typedef struct hop_progress {
    size_t size;         /**< sizeof(hop_progress), set by the caller */
    int64_t evaluations; /**< energy-and-forces evaluations so far */
    int64_t quenches;    /**< descents finished so far */
    double energy;       /**< at the last point, eV; with a pressure the enthalpy */
    double fmax;         /**< largest force norm on a free atom there, eV/angstrom */
    double best_energy;  /**< lowest so far, eV */
    double seconds;      /**< since the first ask */
    double smax;         /**< largest principal stress left at the last point where the
                          *   cell relaxes, eV/angstrom^3, else 0 */
} hop_progress;

/** Called after each evaluation; return 0 to go on, anything else to stop. */
typedef int (*hop_progress_function)(void *user, const hop_progress *progress);

/**
 * Ask, evaluate and tell until finished.
 *
 * @param structure  receives the best point with its energy and forces; when `progress` is
 *                   called it holds the point that was evaluated
 * @param progress   may be NULL
 * @return as hop_optimizer_ask(), HOP_STOPPED when `progress` asked for it, or the error
 *         of hop_potential_evaluate(); whatever it is, the best point is kept
 */
HOP_API int hop_optimizer_run(hop_optimizer *optimizer, hop_structure *structure,
                              hop_progress_function progress, void *user);

/**
 * The best point so far: positions, energy and forces, where the cell relaxes also cell
 * and virial, copied into `structure`.
 *
 * @retval HOP_ERROR_STATE  nothing finite has been told yet
 */
HOP_API int hop_optimizer_best(const hop_optimizer *optimizer,
                               hop_structure *structure);

/**
 * Where the run stands now.
 *
 * @retval HOP_ERROR_ARGUMENT  an unknown size
 */
HOP_API int hop_optimizer_progress(const hop_optimizer *optimizer, hop_progress *out);

/**
 * Save a run, such as from a progress function: options, all that the optimizer remembers
 * and its best point, whatever its kind.  `path` is replaced only by a complete file.
 *
 * @retval HOP_ERROR_STATE   nothing was asked yet
 * @retval HOP_ERROR_UNSUPPORTED  the kind cannot be saved
 * @retval HOP_ERROR_IO, HOP_ERROR_MEMORY
 */
HOP_API int hop_optimizer_save(const hop_optimizer *optimizer, const char *path);

/**
 * Go on with a saved run, bit for bit as if it had never stopped: the next ask gives the
 * positions that were to be asked next.  Options are those of the file; limits can then
 * be changed.  `optimizer` is new, of the same kind, and made for the same atoms,
 * potential and model; of `start` only the atoms matter.
 *
 * @retval HOP_ERROR_STATE     the optimizer has begun
 * @retval HOP_ERROR_ARGUMENT  saved from another kind, system, potential or model; the
 *                             message says which
 * @retval HOP_ERROR_FORMAT, HOP_ERROR_VERSION  not a saved run, or one of another libhop
 * @retval HOP_ERROR_CORRUPT   truncated or altered
 * @retval HOP_ERROR_IO, HOP_ERROR_MEMORY
 */
HOP_API int hop_optimizer_load(hop_optimizer *optimizer, const char *path);

/**
 * Run several hopping optimizers side by side, over the context's threads, in rounds of
 * `interval` evaluations each.  After a round, neighbours in the list may exchange the
 * minima from which they move, by the rule of replica exchange: give them rising
 * temperatures (option `temperature`), and different seeds.  Equal temperatures: they run
 * independently.  The result is the same for any number of threads.
 *
 * @param chains     count of them, all different, made in one context with one potential and
 *                   the same atoms and cell; each keeps its own limits.  They may be run on
 *                   later
 * @param structure  receives the best point of all, with its energy and forces
 * @param progress   called after each round with the sums over the chains; may be NULL
 * @return HOP_TARGET when one has reached its target, HOP_STOPPED, or how the first
 *         ended when all have ended; errors as hop_optimizer_run()
 * @retval HOP_ERROR_ARGUMENT  chains that do not belong together, interval below 1
 */
HOP_API int hop_chains_run(hop_optimizer *const *chains, size_t count, int64_t interval,
                           hop_structure *structure, hop_progress_function progress,
                           void *user);

/**
 * Called with each minimum that a descent has reached, accepted or not; `minimum` has
 * positions, cell, energy, forces and per-atom energies where they were told, and is valid
 * during the call only.  Return 0 to go on, anything else to stop the run.
 */
typedef int (*hop_minimum_function)(void *user, const hop_structure *minimum,
                                    const hop_progress *progress);

/**
 * Show every minimum to `function`: the ends of descents that converged - in searches to
 * the option quench_fmax only -, and of the relaxation of the best point.  NULL, the
 * default, is nobody.
 *
 * @retval HOP_ERROR_MEMORY
 */
HOP_API int hop_optimizer_set_minimum_function(hop_optimizer *optimizer,
                                               hop_minimum_function function,
                                               void *user);

/* ------------------------------------------------------------------------------------
 * Archives of minima
 * --------------------------------------------------------------------------------- */

/** What an archive knows of a minimum, beside the structure. */
typedef struct hop_minimum {
    size_t size; /**< sizeof(hop_minimum), set by the caller */
    double energy;
    int64_t seen;       /**< how often it was added */
    int64_t evaluation; /**< of its search, when it was first added */
    uint64_t seed;      /**< of that search, below 2^63 */
} hop_minimum;

/**
 * Make an archive: the lowest distinct minima of one system.
 *
 * Two minima are the same when their energies differ by at most `energy_tolerance` and
 * hop_structure_match() finds them the same within `distance_tolerance`; in different cells
 * they are different.
 *
 * @param capacity            minima that are kept, 1 to a million: the lowest
 * @param energy_tolerance    eV, such as 1e-3 for quenches to a force of 0.01
 * @param distance_tolerance  angstrom, such as a tenth of the distance of neighbours
 * @retval HOP_ERROR_ARGUMENT, HOP_ERROR_MEMORY
 */
HOP_API int hop_archive_new(hop_context *context, size_t capacity,
                            double energy_tolerance, double distance_tolerance,
                            hop_archive **out);

/**
 * Load an archive, with the capacity and tolerances it was made with.
 *
 * @param like  the system that is expected; NULL: any
 * @retval HOP_ERROR_IO, HOP_ERROR_MEMORY
 * @retval HOP_ERROR_FORMAT    not an archive; the message names the line
 * @retval HOP_ERROR_CORRUPT   minima are missing
 * @retval HOP_ERROR_VERSION   of a later libhop
 * @retval HOP_ERROR_ARGUMENT  of another system than `like`
 */
HOP_API int hop_archive_load(hop_context *context, const char *path,
                             const hop_structure *like, hop_archive **out);

/**
 * Write an archive as extended XYZ, lowest minimum first, that every reader of it
 * understands; `path` is replaced only by a complete file.
 *
 * @retval HOP_ERROR_STATE  the archive is empty
 * @retval HOP_ERROR_IO, HOP_ERROR_MEMORY
 */
HOP_API int hop_archive_save(const hop_archive *archive, const char *path);

/** Give an archive back. */
HOP_API void hop_archive_free(hop_archive *archive);

/**
 * Add a minimum, or count one that is there; of two the same the lower is kept.
 *
 * @param structure   with its energy; copied
 * @param evaluation  evaluations of the search so far
 * @param seed        of the search
 * @param fresh       receives 1 when it was not in the archive, else 0; may be NULL
 * @retval HOP_ERROR_ARGUMENT   another system
 * @retval HOP_ERROR_NONFINITE  positions or energy
 * @retval HOP_ERROR_MEMORY     the archive is as before
 */
HOP_API int hop_archive_add(hop_archive *archive, const hop_structure *structure,
                            int64_t evaluation, uint64_t seed, int32_t *fresh);

/** Number of minima in it. */
HOP_API size_t hop_archive_count(const hop_archive *archive);

/** How many minima were added in all, those that were too high to be kept included. */
HOP_API int64_t hop_archive_seen(const hop_archive *archive);

/**
 * Minimum number `index`, 0 the lowest.
 *
 * @param about  receives what is known of it; may be NULL
 * @param out    receives a copy of the structure; may be NULL
 * @retval HOP_END             there are fewer
 * @retval HOP_ERROR_ARGUMENT  an unknown size
 * @retval HOP_ERROR_MEMORY
 */
HOP_API int hop_archive_minimum(const hop_archive *archive, size_t index,
                                hop_minimum *about, hop_structure **out);

/* ------------------------------------------------------------------------------------
 * Meta-training
 * --------------------------------------------------------------------------------- */

/**
 * Make a trainer from a task file (docs/formats.md): lines of potential, formula and
 * weight, or "validation" for systems by which the best model is chosen.
 *
 * Methods: "tbptt" teaches the descent by truncated backpropagation through the unrolled
 * run, with exact Hessian-vector products; "policy" teaches which hop to make by an actor-critic
 * gradient; "abandon" teaches which quench to end early, by truncated backpropagation on
 * quenches whose end is known; "recall" gathers the shapes of the lowest minima, from which
 * searches then begin again.  The continuous optimizer is taught by "tbptt-continuous",
 * truncated backpropagation, by "esmc", evolution strategies with meta-loss clipping, by
 * "nres", noise-reuse (and persistent) evolution strategies, or by "ga", a genetic
 * algorithm.  Each trains its own part of the model and leaves the others as
 * they are, so one model learns one skill after the other.
 *
 * @param method  as above; its options: hop_option_describe(method, ...)
 * @param model   where to begin, copied; NULL for an untrained one
 * @retval HOP_ERROR_IO, HOP_ERROR_FORMAT, HOP_ERROR_ARGUMENT (an unknown method, an element
 *         that is unknown or not in its potential), HOP_ERROR_RANGE, HOP_ERROR_MEMORY; of
 *         the file the message names the line
 */
HOP_API int hop_trainer_new(hop_context *context, const char *method,
                            const char *tasks_path, const hop_model *model,
                            hop_trainer **out);

/** Name of method number `index`, NULL past the end. */
HOP_API const char *hop_trainer_method(size_t index);

/** The method of a trainer; static storage. */
HOP_API const char *hop_trainer_method_of(const hop_trainer *trainer);

/**
 * Continue from a checkpoint, bit for bit as if never stopped.
 *
 * @retval HOP_ERROR_FORMAT   not a checkpoint, or one of another libhop
 * @retval HOP_ERROR_CORRUPT  truncated or altered
 * @retval HOP_ERROR_IO, HOP_ERROR_MEMORY
 */
HOP_API int hop_trainer_load(hop_context *context, const char *checkpoint_path,
                             hop_trainer **out);

/**
 * Write a checkpoint; `path` is replaced only by a complete file.
 *
 * @retval HOP_ERROR_IO, HOP_ERROR_MEMORY
 */
HOP_API int hop_trainer_save(const hop_trainer *trainer, const char *path);

/** Give a trainer back; what was not saved is lost. */
HOP_API void hop_trainer_free(hop_trainer *trainer);

/**
 * Set an option by name before the first step ("updates" at any time).
 *
 * @retval HOP_ERROR_ARGUMENT  unknown name, or a value out of range
 * @retval HOP_ERROR_STATE     training has begun
 */
HOP_API int hop_trainer_set(hop_trainer *trainer, const char *name, double value);

/**
 * Read an option by name.
 *
 * @retval HOP_ERROR_ARGUMENT  unknown name
 */
HOP_API int hop_trainer_get(const hop_trainer *trainer, const char *name,
                            double *value);

/** Where a training stands. */
typedef struct hop_training_progress {
    size_t size;     /**< sizeof(hop_training_progress), set by the caller */
    int64_t update;  /**< meta-updates done */
    int64_t updates; /**< meta-updates in all */
    int64_t
        evaluations; /**< energy-and-forces evaluations, Hessian products included */
    double loss;     /**< meta-loss of the last update */
    double loss_average; /**< running mean */
    double gradient;     /**< norm of the last meta-gradient before clipping */
    int32_t window;    /**< steps, or hops, that an update is backpropagated through */
    double validation; /**< score of the last validation, infinite: none yet */
    double best;       /**< the lowest score; its weights make the model */
} hop_training_progress;

/**
 * One meta-update: run a batch of episodes, estimate the gradient, step Adam ("ga": breed
 * another generation).  An update that has
 * begun is made whole, and validated when it is time to, before a cancelled trainer stops.
 *
 * @retval HOP_END      all updates are done
 * @retval HOP_STOPPED  cancelled; the update was not made
 */
HOP_API int hop_trainer_step(hop_trainer *trainer);

/**
 * Where the training stands now.
 *
 * @retval HOP_ERROR_ARGUMENT  an unknown size
 */
HOP_API int hop_trainer_progress(const hop_trainer *trainer,
                                 hop_training_progress *out);

/**
 * A copy of the model: with the weights of the best validation, or as they are now when
 * there was none.
 *
 * @retval HOP_ERROR_MEMORY
 */
HOP_API int hop_trainer_model(const hop_trainer *trainer, hop_model **out);

#ifdef __cplusplus
}
#endif
#endif
