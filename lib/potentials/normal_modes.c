/* Normal modes: the Hessian from one product for each free coordinate, mass-weighted,
 * and its eigenvalues by LAPACK.
 *
 * Which modes are zero: rigid motions q of free atoms (translations; in a cluster
 * rotations too) have H q = 0 at a stationary point, and H q of the size of the
 * remaining forces near one.  An eigenvalue is zero below 1e-6 of the largest, or below
 * twice the largest |H q| where that is small itself, so that the count is right for
 * structures relaxed to ordinary limits. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "potentials/crew.h"

/* sqrt(eV / u) / angstrom / (2 pi c) in 1/cm; e, u and c of CODATA 2018. */
#define WAVENUMBER 521.4708983725064
#define ZERO 1e-6  /* of the largest eigenvalue */
#define SMALL 1e-3 /* above it, H q is no leftover of the relaxation */
#define MOST 32766 /* LAPACK counts its work space, 1 + 6n + 2n^2, in 32 bits */

/* Fortran; the lengths of both texts come last. */
void dsyevd_(const char *job, const char *triangle, const int32_t *n, double *a,
             const int32_t *rows, double *values, double *work,
             const int32_t *work_size, int32_t *integers, const int32_t *integers_size,
             int32_t *info, size_t job_length, size_t triangle_length);

typedef struct problem {
    hop_context *context;
    hop_potential *potential;
    const hop_structure *structure;
    size_t n;        /* free coordinates */
    size_t *place;   /* of each in the structure's coordinates */
    double *weight;  /* 1/sqrt(mass) of each */
    double *hessian; /* n x n, then the eigenvectors, one a row */
    double *values;  /* n eigenvalues, rising */
    double *scratch; /* for each worker a direction and a product */
    double *rigid;   /* 6 x n, orthonormal */
    size_t rigid_count;
    double resistance[6]; /* |H q| of each */
    double tolerance;     /* eigenvalues below it are zero */
} problem;

/* ---- the Hessian ---- */

static int fill_row(void *opaque, size_t row, size_t worker, hop_potential *potential) {
    const problem *p = opaque;
    const size_t n3 = 3 * p->structure->count;
    double *v = p->scratch + 2 * worker * n3, *hv = v + n3;
    if (hop__cancelled(p->context))
        return HOP_STOPPED;
    v[p->place[row]] = 1.0;
    int status = hop_potential_hessian_vector(potential, p->structure, v, hv);
    v[p->place[row]] = 0.0;
    for (size_t k = 0; k < p->n; k++)
        p->hessian[row * p->n + k] = hv[p->place[k]] * p->weight[row] * p->weight[k];
    return status;
}

static int fill_hessian(problem *p) {
    size_t workers = hop__crew_call(p->potential, p->n), failed;
    if (workers == 0)
        return HOP_ERROR_MEMORY;
    p->scratch =
        hop__allocate(p->context, workers, 6 * p->structure->count * sizeof(double));
    if (!p->scratch)
        return HOP_ERROR_MEMORY;
    int status = hop__crew_run(p->potential, workers, p->n, 4, fill_row, p, &failed);
    for (size_t i = 0; i < p->n; i++)
        for (size_t j = 0; j < i; j++) {
            double mean = 0.5 * (p->hessian[i * p->n + j] + p->hessian[j * p->n + i]);
            p->hessian[i * p->n + j] = p->hessian[j * p->n + i] = mean;
        }
    return status;
}

/* ---- rigid motions ---- */

/* Mass-weighted displacements sqrt(m) t or sqrt(m) (axis x (x - centre)). */
static void rigid_motion(const problem *p, size_t motion, const double centre[3],
                         double *q) {
    const size_t axis = motion % 3, a = (axis + 1) % 3, b = (axis + 2) % 3;
    for (size_t k = 0; k < p->n; k++) {
        const size_t c = p->place[k] % 3;
        const double *x = p->structure->positions + (p->place[k] - c);
        double move = c == axis ? 1.0 : 0.0;
        if (motion >= 3)
            move = c == a ? -(x[b] - centre[b]) : c == b ? x[a] - centre[a] : 0.0;
        q[k] = move / p->weight[k];
    }
}

/* Gram and Schmidt, twice; what is left of a rotation about the axis of a linear
   cluster is no motion. */
static void add_rigid(problem *p, double *q) {
    double before = hop__dot(q, q, p->n);
    for (int pass = 0; pass < 2; pass++)
        for (size_t k = 0; k < p->rigid_count; k++) {
            const double *other = p->rigid + k * p->n;
            hop__add_scaled(q, -hop__dot(q, other, p->n), other, p->n);
        }
    double norm = sqrt(hop__dot(q, q, p->n));
    if (!(norm > 1e-6 * sqrt(before)) || before == 0.0)
        return;
    for (size_t k = 0; k < p->n; k++)
        q[k] /= norm;
    p->rigid_count++;
}

static void find_rigid(problem *p) {
    const hop_structure *s = p->structure;
    if (p->n < 3 * s->count)
        return;
    double centre[3] = {0.0, 0.0, 0.0}, total = 0.0, radius = 0.0;
    for (size_t i = 0; i < s->count; i++)
        total += hop_element_mass(s->numbers[i]);
    for (size_t i = 0; i < s->count; i++)
        hop__add_scaled(centre, hop_element_mass(s->numbers[i]) / total,
                        s->positions + 3 * i, 3);
    for (size_t k = 0; k < p->n; k++)
        radius = fmax(radius, fabs(s->positions[k] - centre[k % 3]));
    bool rotates = !hop__structure_is_periodic(s) && radius > 0.0;
    for (size_t motion = 0; motion < (rotates ? 6 : 3); motion++) {
        double *q = p->rigid + p->rigid_count * p->n;
        rigid_motion(p, motion, centre, q);
        add_rigid(p, q);
    }
}

static void measure_rigid(problem *p) {
    for (size_t r = 0; r < p->rigid_count; r++) {
        double square = 0.0;
        for (size_t row = 0; row < p->n; row++) {
            double product =
                hop__dot(p->hessian + row * p->n, p->rigid + r * p->n, p->n);
            square += product * product;
        }
        p->resistance[r] = sqrt(square);
    }
}

/* ---- eigenvalues ---- */

static int diagonalise(problem *p, bool vectors) {
    const char *job = vectors ? "V" : "N";
    int32_t n = (int32_t)p->n, size = -1, integers = -1, info = 0, integers_best = 0;
    double best = 0.0;
    dsyevd_(job, "U", &n, p->hessian, &n, p->values, &best, &size, &integers_best,
            &integers, &info, 1, 1);
    size = best < INT32_MAX ? (int32_t)best : INT32_MAX;
    integers = integers_best;
    double *work = hop__allocate(p->context, (size_t)size, sizeof *work);
    int32_t *more = hop__allocate(p->context, (size_t)integers, sizeof *more);
    int status = work && more ? HOP_OK : HOP_ERROR_MEMORY;
    if (status == HOP_OK)
        dsyevd_(job, "U", &n, p->hessian, &n, p->values, work, &size, more, &integers,
                &info, 1, 1);
    hop__release(p->context, work);
    hop__release(p->context, more);
    if (status == HOP_OK && info != 0)
        status = hop__fail(p->context, HOP_ERROR_NONFINITE,
                           "normal modes: LAPACK's dsyevd did not converge (info %ld)",
                           (long)info);
    return status;
}

static int solve(problem *p, bool vectors) {
    find_rigid(p);
    measure_rigid(p);
    int status = diagonalise(p, vectors);
    if (status != HOP_OK)
        return status;
    double largest = fmax(fabs(p->values[0]), fabs(p->values[p->n - 1]));
    p->tolerance = ZERO * largest;
    for (size_t r = 0; r < p->rigid_count; r++)
        if (p->resistance[r] < SMALL * largest)
            p->tolerance = fmax(p->tolerance, 2.0 * p->resistance[r]);
    return HOP_OK;
}

/* ---- results ---- */

static double wavenumber(double value) {
    return copysign(WAVENUMBER * sqrt(fabs(value)), value);
}

static void give(const problem *p, double *frequencies, double *vectors,
                 hop_normal_modes *modes) {
    const size_t n3 = 3 * p->structure->count;
    size_t negative = 0, zero = 0;
    for (size_t k = 0; k < p->n; k++) {
        frequencies[k] = wavenumber(p->values[k]);
        zero += fabs(p->values[k]) <= p->tolerance;
        negative += p->values[k] < -p->tolerance;
    }
    if (vectors)
        memset(vectors, 0, p->n * n3 * sizeof *vectors);
    for (size_t k = 0; vectors && k < p->n; k++)
        for (size_t c = 0; c < p->n; c++)
            vectors[k * n3 + p->place[c]] = p->hessian[k * p->n + c];
    if (modes)
        *modes = (hop_normal_modes){modes->size, p->n, negative, zero,
                                    wavenumber(p->tolerance)};
}

/* ---- the call ---- */

static int count_free(hop_context *context, const hop_structure *s, size_t *count) {
    *count = 0;
    for (size_t i = 0; i < s->count; i++)
        *count += s->fixed[i] ? 0 : 3;
    if (*count == 0)
        return hop__fail(
            context, HOP_ERROR_ARGUMENT,
            "normal modes: expected an atom that is not fixed, all %zu are", s->count);
    if (*count > MOST)
        return hop__fail(context, HOP_ERROR_RANGE,
                         "normal modes: expected at most %d free atoms, got %zu",
                         MOST / 3, *count / 3);
    return HOP_OK;
}

static int make_problem(problem *p) {
    const hop_structure *s = p->structure;
    p->place = hop__allocate(p->context, p->n, sizeof *p->place);
    p->weight = hop__allocate(p->context, p->n, sizeof *p->weight);
    p->values = hop__allocate(p->context, p->n, sizeof *p->values);
    p->rigid = hop__allocate(p->context, 6 * p->n, sizeof *p->rigid);
    p->hessian = hop__allocate(p->context, p->n, p->n * sizeof *p->hessian);
    if (!p->place || !p->weight || !p->values || !p->rigid || !p->hessian)
        return HOP_ERROR_MEMORY;
    for (size_t i = 0, k = 0; i < s->count; i++)
        for (size_t c = 0; c < 3 && !s->fixed[i]; c++, k++) {
            p->place[k] = 3 * i + c;
            p->weight[k] = 1.0 / sqrt(hop_element_mass(s->numbers[i]));
        }
    return HOP_OK;
}

static void free_problem(problem *p) {
    hop__release(p->context, p->place);
    hop__release(p->context, p->weight);
    hop__release(p->context, p->values);
    hop__release(p->context, p->rigid);
    hop__release(p->context, p->hessian);
    hop__release(p->context, p->scratch);
}

int hop_potential_normal_modes(hop_potential *potential, const hop_structure *structure,
                               double *frequencies, double *vectors,
                               hop_normal_modes *modes) {
    if (!potential || !structure || !frequencies)
        return hop__missing(potential ? potential->context : NULL,
                            "structure or frequencies");
    hop_context *context = potential->context;
    if (modes && modes->size < sizeof *modes)
        return hop__fail(context, HOP_ERROR_ARGUMENT,
                         "hop_normal_modes: expected size %zu, got %zu", sizeof *modes,
                         modes->size);
    problem p = {.context = context, .potential = potential, .structure = structure};
    int status = hop__structure_check(context, structure);
    if (status == HOP_OK)
        status = count_free(context, structure, &p.n);
    if (status == HOP_OK)
        status = make_problem(&p);
    if (status == HOP_OK)
        status = fill_hessian(&p);
    if (status == HOP_OK)
        status = solve(&p, vectors != NULL);
    if (status == HOP_OK)
        give(&p, frequencies, vectors, modes);
    free_problem(&p);
    return status;
}
